"""Which checks to run: by name and by layer, with all that they need."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from kubetasks.errors import UsageError
from kubetasks.verify.check import CAPABILITIES, CUSTOM, Check
from kubetasks.verify.report import LAYERS
from kubetasks.verify.schedule import matches


@dataclass(frozen=True)
class Selection:
    """What was asked for; everything where both are empty.

    Args:
        names: names of checks, as ``layer/name`` or by the name alone.
        layers: layers.
    """

    names: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()

    @classmethod
    def parse(cls, only: str, layer: str) -> Self:
        """What the flags ``--only`` and ``--layer`` say; each takes several, separated by commas.

        Raises:
            UsageError: there is no such layer.
        """
        layers = _parts(layer)
        for each in layers:
            if each not in LAYERS:
                raise UsageError(f"--layer {each}", why="there is no such layer", fix=nearest(each, LAYERS))
        return cls(_parts(only), layers)

    @property
    def whole(self) -> bool:
        """Whether all checks are asked for."""
        return not self.names and not self.layers

    @property
    def names_plugins(self) -> bool:
        """Whether a user's own checks are among what is asked for."""
        return CUSTOM in self.layers and not self.names

    def of(self, checks: Sequence[Check]) -> list[Check]:
        """The chosen checks and what they need, in their order.

        Raises:
            UsageError: there is no check of a name.
        """
        if self.whole:
            return list(checks)
        within = [each for each in checks if not self.layers or each.layer in self.layers]
        for name in self.names:
            if not any(name in {each.id, each.name} for each in within):
                among = f" in {', '.join(self.layers)}" if self.layers else ""
                known = [text for each in within for text in (each.id, each.name)]
                raise UsageError(f"--only {name}", why=f"there is no such check{among}", fix=nearest(name, known))
        chosen = {each.id for each in within if not self.names or {each.id, each.name} & {*self.names}}
        while True:
            needs = {need for each in checks if each.id in chosen for need in each.needs if need not in CAPABILITIES}
            more = {each.id for each in checks if any(matches(each, need) for need in needs)} - chosen
            if not more:
                return [each for each in checks if each.id in chosen]
            chosen |= more


def _parts(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def nearest(name: str, known: Iterable[str]) -> str:
    """What to write instead of an unknown name."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    lowered = [each for each in names if each.lower() == name.lower()] or near
    if lowered:
        return f"did you mean `{lowered[0]}`?"
    if len(names) <= 12:
        return f"choose one of {', '.join(names)}" if names else "there is none"
    return f"there are {len(names)}; see inv verify --list"
