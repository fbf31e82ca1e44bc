"""What is wrong with the checks that settings describe (`verify.checks`)."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.settings.fault import Fault, unstorable
from kubetasks.settings.sections import HttpCheck, Settings

SERVICE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(:([0-9]{1,5}|[a-z0-9-]{1,15}))?")
URL: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+(?::[0-9]{1,5})?(?:[/?][!-~]*)?")
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name (RFC 9110)
PRINTED: Final = re.compile(r"[!-~]*")


def faults(settings: Settings) -> Iterator[Fault]:
    """What no type can say of a check, and what the others have to do with it."""
    names: set[str] = set()
    for index, item in enumerate(settings.verify.checks):
        at = f"verify.checks[{index}]"
        if item.name in names:
            yield Fault(f"{at}.name", f"another check has the name {item.name}", "choose another name")
        names.add(item.name)
        if not item.name.strip() or not item.name.isprintable() or "," in item.name:
            yield Fault(f"{at}.name", "it must be a printable text without commas", "e.g. health")
        yield from _where(item, at)
        if not _are_statuses(item.status):
            yield Fault(f"{at}.status", "it is not a status", "write 200, 200|201, or a list of numbers")
        for name, value in item.headers.items():
            if not TOKEN.fullmatch(name) or "\r" in value or "\n" in value or unstorable(value):
                yield Fault(f"{at}.headers.{name}", "it cannot be sent as a header", "one line for each")


def _where(item: HttpCheck, at: str) -> Iterator[Fault]:
    """What is wrong with what a check asks for."""
    if bool(item.path) == bool(item.url):
        why = "path and url exclude each other" if item.path else "it has neither a path nor a url"
        yield Fault(at, why, "give a path below the entry, or a whole url")
    elif item.path and not (item.path.startswith("/") and PRINTED.fullmatch(item.path)):
        fix = "write spaces and other letters as %20" if item.path.startswith("/") else f"write /{item.path}"
        yield Fault(f"{at}.path", "it is not a valid request path", fix)
    elif item.url and not URL.fullmatch(item.url):
        yield Fault(f"{at}.url", "it is not an http or https URL", "e.g. https://shop.example.com/health")
    if item.url and item.service:
        yield Fault(f"{at}.service", "the url already names the host", "remove it, or give a path")
    if item.service and not SERVICE.fullmatch(item.service):
        yield Fault(f"{at}.service", "it is not SERVICE or SERVICE:PORT", "e.g. web:80")


def _are_statuses(status: int | str | list[int]) -> bool:
    if isinstance(status, str):
        return re.fullmatch(r"[1-5]\d\d(\|[1-5]\d\d)*", status) is not None
    several = status if isinstance(status, list) else [status]
    return bool(several) and all(100 <= each < 600 for each in several)
