"""What happened when: the steps of a deploy, the layers of a verification, and moments such as the first ready pod."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from kubetasks.verify.results import Result

Kind = Literal["deploy", "verify", "moment"]
FIRST_READY: Final = "first ready"
VERIFIED: Final = "verified"


@dataclass(frozen=True)
class Span:
    """A stretch of time, or a moment.

    Args:
        name: a step of a deploy, a layer, or what happened at a moment.
        started: when, in UTC.
        seconds: how long it took; 0 for a moment.
        kind: which of the three it is.
        what: how it ended.
    """

    name: str
    started: datetime
    seconds: float = 0.0
    kind: Kind = "deploy"
    what: str = ""

    @property
    def ended(self) -> datetime:
        """When it was over."""
        return self.started + timedelta(seconds=self.seconds)

    def document(self) -> dict[str, Any]:
        """The span as JSON."""
        started = self.started.astimezone(UTC).isoformat(timespec="milliseconds")
        return {"name": self.name, "kind": self.kind, "started": started, "seconds": round(self.seconds, 3)}


def of_layers(results: Sequence[Result], started: datetime, seconds: float) -> list[Span]:
    """A span for each layer in which something was tried, and the moment at which all passed.

    Args:
        results: the results of one run.
        started: when it began.
        seconds: how long it took.
    """
    found = []
    for layer in dict.fromkeys(each.layer for each in results):
        tried = [each for each in results if each.layer == layer and each.status != "skip"]
        if tried:
            first = min(each.started for each in tried)
            last = max(each.started + each.seconds for each in tried)
            failed = sum(each.status == "fail" for each in tried)
            what = f"{failed} of {len(tried)} failed" if failed else f"{len(tried)} passed"
            found.append(Span(layer, started + timedelta(seconds=first), last - first, "verify", what))
    statuses = {each.status for each in results}
    if "pass" in statuses and "fail" not in statuses:
        found.append(Span(VERIFIED, started + timedelta(seconds=seconds), kind="moment"))
    return found
