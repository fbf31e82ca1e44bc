"""One thing that ``inv doctor`` looked at."""

from dataclasses import asdict, dataclass
from typing import Literal

from kubetasks.errors import KubetasksError

Status = Literal["ok", "warn", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: what it is.
        found: the version or state found; empty if nothing exists.
        needed: what is needed, in words.
        status: ``ok``, ``warn`` (a deploy may still work) or ``missing`` (it cannot, with these settings).
        fix: the command that fixes it; empty when nothing is wrong.
    """

    name: str
    found: str
    needed: str
    status: Status
    fix: str = ""

    def row(self) -> list[str]:
        """The cells of a table: status, name, found, needed, fix."""
        return [self.status, self.name, self.found or "-", self.needed, self.fix]

    def document(self) -> dict[str, str]:
        """The finding for a machine."""
        return asdict(self)


def said(name: str, error: KubetasksError, needed: str, status: Status) -> Finding:
    """A finding in an error's own words, with the exit code that a deploy would end with."""
    what = f"{error.what} (exit {error.exit_code})" + (f": {error.why}" if error.why else "")
    return Finding(name, what, needed, status, error.fix)


def judged(good: bool, otherwise: Status, fix: str) -> tuple[Status, str]:
    """The status and the fix, for whether a thing is good."""
    return ("ok", "") if good else (otherwise, fix)
