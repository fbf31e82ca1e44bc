"""The settings as they take effect, one leaf after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from kubetasks.settings.sections import Settings


@dataclass(frozen=True)
class Leaf:
    """One setting that holds no other: the keys that lead to it, and its value as JSON has it."""

    keys: tuple[str, ...]
    value: Any

    @property
    def path(self) -> str:
        """The dotted path."""
        return ".".join(self.keys)


def leaves(settings: Settings) -> Iterator[Leaf]:
    """Every setting, in the order of docs/settings.md; a list or an empty mapping is one leaf."""
    yield from _below(msgspec.to_builtins(settings), ())


def _below(value: Any, keys: tuple[str, ...]) -> Iterator[Leaf]:
    if isinstance(value, Mapping) and (value or not keys):
        for key, each in value.items():
            yield from _below(each, (*keys, str(key)))
    else:
        yield Leaf(keys, value)
