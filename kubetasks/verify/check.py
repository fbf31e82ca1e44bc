"""What a check is: a name, what it needs, a time limit, and a function that gives evidence.

This is also what users write in Python: a package offers its checks as entry points of the group ``kubetasks.checks``.
docs/verify.md shows how.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kubetasks.verify.context import Context

CUSTOM: Final = "checks"
# Seconds that a user's check may take where it does not say.
LIMIT: Final = 30.0
# What a target can have, and a check can need, beside layers and other checks.
CAPABILITIES: Final = ("cluster", "deployed", "entry")


class CheckFailed(Exception):
    """A check raises this when what it looks at is wrong; the message is the evidence."""


class NotTried(Exception):
    """A check raises this when there is nothing for it to look at; the message says why."""


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: unique within its layer.
        run: gets a ``Context``. It may record several results there; where it records none, it has passed when it
            returns, with what it returns as evidence, and failed when it raises.
        layer: one of ``LAYERS``; a user's checks are in the layer ``checks``.
        needs: what must have passed before: a layer, a check as ``layer/name`` or by its name alone, or a capability
            (``cluster``: the target is a cluster; ``deployed``: something is deployed; ``entry``: ``verify.entry``
            names a Service). Where one failed, the check is not tried.
        limit: how many seconds it may take. Then it fails, and the others go on.
        changes: whether it changes what the application stores. Such checks run one after another.
        last: whether it runs after all others, whatever came of them.
        source: where a user's check comes from, for messages; empty for the built-in ones.
    """

    name: str
    run: "Callable[[Context], object]" = field(repr=False, compare=False)
    layer: str = CUSTOM
    needs: tuple[str, ...] = ()
    limit: float = LIMIT
    changes: bool = False
    last: bool = False
    source: str = ""

    @property
    def id(self) -> str:
        """``layer/name``, unique among all checks."""
        return f"{self.layer}/{self.name}"


def check(
    name: str, *, needs: tuple[str, ...] | list[str] = (), limit: float = LIMIT, changes: bool = False
) -> "Callable[[Callable[[Context], object]], Check]":
    """A decorator that makes a check of a function; for the arguments see ``Check``."""

    def decorate(run: "Callable[[Context], object]") -> Check:
        return Check(name, run, needs=tuple(needs), limit=limit, changes=changes)

    return decorate
