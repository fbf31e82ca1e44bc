"""One step of a plan: what it will do and why, or why it is skipped, and what does it."""

from collections.abc import Callable
from dataclasses import dataclass

from kubetasks.console import Step


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Args:
        title: its name.
        what: what it will do and why, or why it is skipped.
        needed: whether it will run.
        run: does it, and returns how it ended; None for a step that only says something.
    """

    title: str
    what: str
    needed: bool
    run: Callable[[Step], str] | None = None

    def row(self) -> list[str]:
        """The step as a row of the plan's table."""
        return [self.title, "run" if self.needed else "skip", self.what]
