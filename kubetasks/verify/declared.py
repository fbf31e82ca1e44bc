"""Declared secrets in journeys and checks: ``${secret.NAME}`` stands for the value that is deployed.

The value is read from the cluster when a check first needs it, and is hidden in everything that verify says.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from kubetasks.errors import KubetasksError
from kubetasks.redact import Redactor, Sensitive
from kubetasks.secrets import places
from kubetasks.settings import Settings
from kubetasks.targets.base import Store

PREFIX: Final = "secret."
SECRET: Final = re.compile(r"\$\{secret\.([-._A-Za-z0-9]+)\}")


class NoValue(Exception):
    """A secret has no value where the application is deployed, or may not be read there."""


def names(value: Any) -> set[str]:
    """The secrets that a value refers to, however deep."""
    return set(SECRET.findall(msgspec.json.encode(msgspec.to_builtins(value)).decode()))


def unknown(value: Any, settings: Settings) -> Iterator[str]:
    """What is wrong with the secrets that a value refers to."""
    for name in sorted(names(value) - set(settings.secrets)):
        near = difflib.get_close_matches(name, settings.secrets, n=1, cutoff=0.5)
        yield f"there is no secret {name} in kubetasks.secrets" + (f"; did you mean {near[0]}?" if near else "")


def fill(value: Any, known: Mapping[str, str], quoted: Callable[[str], str] = str) -> Any:
    """A value with the secrets in its texts; keys of mappings stay as they are."""
    if isinstance(value, str):
        return SECRET.sub(lambda found: quoted(known[found[1]]), value)
    if isinstance(value, Mapping):
        return {key: fill(each, known, quoted) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, known, quoted) for each in value]
    return value


def read(settings: Settings, store: Store, wanted: set[str], redactor: Redactor) -> dict[str, str]:
    """The values of the secrets of these names, hidden from now on.

    Raises:
        NoValue: one has none.
    """
    if not wanted:
        return {}
    try:
        found = places.values(settings, store.get(["Secret"]))
    except KubetasksError as error:
        raise NoValue(f"the Secrets cannot be read: {error.line}") from None
    absent = sorted(name for name in wanted if not found.get(name))
    if absent:
        raise NoValue(f"{', '.join(absent)} has no value in {settings.in_namespace}")
    chosen: dict[str, Sensitive] = {name: found[name] for name in wanted}
    redactor.add(chosen.values())
    return {name: value.reveal() for name, value in chosen.items()}
