"""What a tool of the MCP server does, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

READING: Final = ("status", "diagnose", "verify", "logs", "plan", "diff")
CHANGING: Final = ("deploy", "rollback")


@dataclass(frozen=True)
class Outcome:
    """What came of one call.

    Args:
        summary: one line in our own words: no text of the cluster is in it.
        lines: the result for a reader; may hold text of the cluster.
        data: the same for a program.
        ok: whether all is well; a diagnosis with findings is not.
        tail: whether the end matters more than the beginning where the result is too long.
    """

    summary: str
    lines: Sequence[str] = ()
    data: dict[str, Any] = field(default_factory=dict)
    ok: bool = True
    tail: bool = False


class Operations(Protocol):
    """What the server offers, for one project and one target. Each call looks at the cluster again.

    Every method may raise ``KubetasksError``.
    """

    def where(self) -> str:
        """The target, the context and the namespace, in words."""
        ...

    def hide(self, text: str) -> str:
        """The text without secrets: known values, and what looks like one."""
        ...

    def status(self) -> Outcome:
        """What runs."""
        ...

    def diagnose(self, workload: str) -> Outcome:
        """The root causes of what is wrong; of one workload where it is named."""
        ...

    def verify(self) -> Outcome:
        """Whether what runs works for a user."""
        ...

    def logs(self, service: str, tail: int) -> Outcome:
        """The last lines of the pods' logs; of one service where it is named."""
        ...

    def plan(self) -> Outcome:
        """What a deploy would do."""
        ...

    def diff(self) -> Outcome:
        """What a deploy would change in the live objects."""
        ...

    def deploy(self) -> Outcome:
        """Deploy this checkout."""
        ...

    def rollback(self, to: int) -> Outcome:
        """Go back to a revision; 0 is the last good one."""
        ...
