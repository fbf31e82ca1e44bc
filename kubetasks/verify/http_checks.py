"""The checks that settings describe: one HTTP request each, with what must come of it (``verify.checks``)."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from time import monotonic
from typing import Any, Final

import msgspec

from kubetasks.errors import SettingsError
from kubetasks.objects import Objects, identity, of_kind
from kubetasks.settings import HttpCheck, Settings
from kubetasks.verify import declared, expect
from kubetasks.verify.check import CAPABILITIES, CUSTOM, Check, CheckFailed
from kubetasks.verify.client import Client, NoAnswer, Request, Response, segment
from kubetasks.verify.context import Context
from kubetasks.verify.pointer import MISSING
from kubetasks.verify.report import LAYERS
from kubetasks.verify.selection import nearest

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# A slow answer to a request that changes nothing is asked for again: the first one may have opened a connection.
TRIES: Final = 3
# Where the value of a declared secret may stand, beside the path and the URL.
FILLED: Final = ("headers", "json", "response_headers", "body", "text")


def checks(settings: Settings) -> list[Check]:
    """The checks that the settings describe."""
    return [_check(each, settings) for each in settings.verify.checks]


def check(settings: Settings, objects: Objects | None = None) -> None:
    """Refuse what types cannot say: matchers, pointers, and names of what does not exist.

    Args:
        settings: the settings.
        objects: the rendered objects, where they are known.

    Raises:
        SettingsError: with the path of the key at fault, and the nearest known name.
    """
    for index, each in enumerate(settings.verify.checks):
        at = f"kubetasks.verify.checks[{index}]"
        for wrong in _malformed(each, at):
            path, _, why = wrong.partition(": ")
            raise SettingsError(f"setting `{path}`", why=why, fix=_fix(why))
        for why in declared.unknown(each, settings):
            raise SettingsError(f"setting `{at}`", why=why, fix="declare it, or correct its name")
        if objects is None:
            continue
        services = [item["metadata"]["name"] for item in of_kind(objects, "Service")]
        service = each.service.partition(":")[0]
        if service and service not in services:
            why = f"there is no Service {service}"
            raise SettingsError(f"setting `{at}.service`", why=why, fix=nearest(service, services))
        names = [identity(item) for item in objects]
        known = [*LAYERS, *CAPABILITIES, *(other.name for other in settings.verify.checks), *names]
        for need in each.needs:
            below = need.partition("/")
            if need not in known and not (below[0] in LAYERS and below[2]):
                why = f"there is no layer or check `{need}`"
                raise SettingsError(f"setting `{at}.needs`", why=why, fix=nearest(need, known))


def _malformed(item: HttpCheck, at: str) -> Iterator[str]:
    yield from expect.pointers(item.body, f"{at}.body")
    if item.text is not msgspec.UNSET:
        yield from expect.malformed(item.text, f"{at}.text")
    for name, wanted in item.response_headers.items():
        yield from expect.malformed(wanted, f"{at}.response_headers.{name}")


def _fix(why: str) -> str:
    named = re.match(r"unknown (?:matcher|type) `([^`]*)`", why)
    return nearest(named[1], expect.MATCHERS if "matcher" in why else expect.TYPES) if named else "see docs/verify.md"


def _check(item: HttpCheck, settings: Settings) -> Check:
    needs = ["deployed"]
    if not item.url:
        service = (item.service or settings.verify.entry).partition(":")[0]
        needs += [] if item.service else ["entry"]
        needs += [f"endpoints/Service/{service}"] if service and "/" not in service else []
    seconds = settings.verify.timeout
    return Check(
        item.name,
        partial(_ask, item),
        CUSTOM,
        needs=(*(() if item.url else needs), *item.needs),
        limit=float(TRIES * seconds + 10),
        changes=item.method not in SAFE,
        source="verify.checks",
    )


def _ask(item: HttpCheck, context: Context) -> str:
    """Send the request and judge the answer; the evidence."""
    try:
        item = _filled(item, context.declared(declared.names(item)))
    except declared.NoValue as error:
        raise CheckFailed(str(error)) from None
    path = item.path
    base = item.url or context.url(item.service)
    wrong: list[str] = []
    with context.client_at(base) as client:
        response, took = _timed(item, client, "" if item.url else path)
    if response.status not in statuses(item.status):
        wanted = " or ".join(map(str, statuses(item.status)))
        quoted = f": {context.results.excerpt(response.text)}" if response.status >= 400 and response.body else ""
        raise CheckFailed(f"status: expected {wanted}, found {response.status}{quoted}")
    wrong += _wrong(item, response)
    if item.latency and took * 1000 > item.latency:
        wrong.append(f"it took {took * 1000:.0f} ms, and {item.latency} ms are allowed")
    if wrong:
        raise CheckFailed("; ".join(wrong))
    return f"{response.status} {response.type}".strip() + f" in {took * 1000:.0f} ms"


def _filled(item: HttpCheck, known: Mapping[str, str]) -> HttpCheck:
    """A check with the values of declared secrets; in a path or URL, each is quoted as one segment."""
    if not known:
        return item
    texts = {name: declared.fill(getattr(item, name), known) for name in FILLED}
    places = {name: declared.fill(getattr(item, name), known, segment) for name in ("path", "url")}
    return msgspec.structs.replace(item, **texts, **places)


def _timed(item: HttpCheck, client: Client, path: str) -> tuple[Response, float]:
    """The answer, and how many seconds it took: the shortest time where it may be asked for again."""
    body, headers = None, dict(item.headers)
    if item.json is not msgspec.UNSET:
        headers.setdefault("Content-Type", "application/json")
        body = json.dumps(item.json).encode()
    request = Request(item.method, path, headers=headers, body=body)
    shortest = float("inf")
    for left in reversed(range(TRIES if item.latency and item.method in SAFE else 1)):
        began = monotonic()
        try:
            response = client.send(request)
        except NoAnswer as error:
            raise CheckFailed(f"{item.method} {item.url or path}: {error}") from None
        shortest = min(shortest, monotonic() - began)
        if not left or shortest * 1000 <= item.latency:
            break
    return response, shortest


def _wrong(item: HttpCheck, response: Response) -> Iterator[str]:
    for name, wanted in item.response_headers.items():
        yield from expect.unlike(wanted, response.headers.get(name.lower(), MISSING), f"header {name}")
    if item.text is not msgspec.UNSET:
        yield from expect.unlike(item.text, response.text, "text")
    if item.body:
        try:
            document: Any = response.json()
        except ValueError:
            yield "the body is not JSON"
        else:
            yield from expect.unmet(item.body, document)


def statuses(status: int | str | list[int]) -> list[int]:
    """The statuses that are accepted, of ``200``, ``200|201`` or a list."""
    if isinstance(status, int):
        return [status]
    return [int(each) for each in (status.split("|") if isinstance(status, str) else status)]
