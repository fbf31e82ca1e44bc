"""A check: a name, what it needs, a time limit, and a function that returns evidence.

Users write such checks in Python, too: a package offers its checks as entry points of the group ``kubetasks.checks``.
docs/verify.md shows how.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kubetasks.verify.context import Context

CUSTOM: Final = "checks"
# The default time limit of a user's check, in seconds.
LIMIT: Final = 30.0
# What a check can need in addition to layers and other checks.
CAPABILITIES: Final = ("cluster", "deployed", "entry")


class CheckFailed(Exception):
    """A check raises this when it fails; the message is the evidence."""


class NotTried(Exception):
    """A check raises this to be skipped; the message says why."""


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: unique within its layer.
        run: gets a ``Context``. It can record several results there. If it records none, it has passed when it
            returns, with what it returns as evidence, and failed when it raises.
        layer: one of ``LAYERS``; a user's checks are in the layer ``checks``.
        needs: what must pass first: a layer, a check as ``layer/name`` or by its name alone, or a capability
            (``cluster``: the target is a cluster; ``deployed``: something is deployed; ``entry``: ``verify.entry``
            names a Service). If one failed, the check is skipped.
        limit: the time limit in seconds. After that it fails, and the others continue.
        changes: whether it changes what the application stores. Such checks run one after another.
        last: whether it runs after all others, whatever their results.
        source: the origin of a user's check, for messages; empty for the built-in ones.
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
    """A decorator that turns a function into a check; for the arguments see ``Check``."""

    def decorate(run: "Callable[[Context], object]") -> Check:
        return Check(name, run, needs=tuple(needs), limit=limit, changes=changes)

    return decorate
