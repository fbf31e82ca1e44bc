"""What checks give: results with their evidence, collected per check. All evidence is redacted here."""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kubetasks.redact import HIDDEN
from kubetasks.verify.compare import Difference

Status = Literal["pass", "fail", "skip"]

LONGEST: Final = 600
EXCERPT: Final = 160
NAME_LENGTH: Final = 200

# Tokens that the redactor does not know: a JWT, what follows "Bearer", a JSON field with such a name.
TOKENS: Final = (
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{4,}"), rf"\1{HIDDEN}"),
    (
        re.compile(r"""(?i)(["']?[\w-]*(?:token|secret|password|authorization|api_?key)["']?\s*[:=]\s*["'])[^"']*"""),
        rf"\1{HIDDEN}",
    ),
)
# With the controls that reverse the direction of text: a report must read as it is written.
UNPRINTABLE: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def scrub(text: str) -> str:
    """The text without anything that looks like a token, and without control characters, which XML forbids too."""
    for pattern, replacement in TOKENS:
        text = pattern.sub(replacement, text)
    return UNPRINTABLE.sub("?", text)


@dataclass(frozen=True)
class Result:
    """One named result of a check.

    Args:
        layer: one of ``LAYERS``.
        name: what was checked, unique within its layer.
        status: ``pass``, ``fail`` or ``skip``.
        evidence: what was seen; for a skipped one, why. Without secrets.
        seconds: how long it took.
        started: seconds after the report's start at which it began.
        drift: each field of an object that is not as rendered.
    """

    layer: str
    name: str
    status: Status
    evidence: str = ""
    seconds: float = 0.0
    started: float = 0.0
    drift: tuple[Difference, ...] = ()


@dataclass
class Layer:
    """Collects results of one layer; all evidence passes ``hide`` and ``scrub`` here and nowhere else.

    A result's time is the time since the one before it. A check has one of these to itself.

    Args:
        name: the layer.
        hide: replaces known secrets.
        origin: the monotonic time from which ``Result.started`` is counted.
    """

    name: str
    hide: Callable[[str], str] = str
    origin: float = field(default_factory=time.monotonic)
    checks: list[Result] = field(default_factory=list)
    _mark: float = field(default_factory=time.monotonic)
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, status: Status, evidence: str, drift: Sequence[Difference] = ()) -> Result:
        """Record a result. Nothing is recorded any more once the collection is closed."""
        with self._lock:
            now = time.monotonic()
            result = Result(
                self.name,
                scrub(self.hide(" ".join(name.split())))[:NAME_LENGTH],
                status,
                self._cut(scrub(self.hide(" ".join(evidence.split())))),
                round(now - self._mark, 4),
                round(max(self._mark - self.origin, 0.0), 4),
                tuple(each.through(self._one) for each in drift),
            )
            if not self._closed:
                self._mark = now
                self.checks.append(result)
            return result

    def _one(self, text: str) -> str:
        return self._cut(scrub(self.hide(text)))

    @staticmethod
    def _cut(text: str) -> str:
        return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"

    def close(self) -> None:
        """Take no more results: the check has ended, or its time is over."""
        with self._lock:
            self._closed = True

    def passed(self, name: str, evidence: str = "") -> None:
        """It passed."""
        self.add(name, "pass", evidence)

    def failed(self, name: str, evidence: str, drift: Sequence[Difference] = ()) -> None:
        """It failed."""
        self.add(name, "fail", evidence, drift)

    def skipped(self, name: str, why: str) -> None:
        """It could not be, or need not be, tried."""
        self.add(name, "skip", why)

    def excerpt(self, text: str) -> str:
        """The beginning of a body, for evidence. Secrets go before the rest is cut off: half a token is still one."""
        return scrub(self.hide(" ".join(text.split())))[:EXCERPT]

    def judged(self, name: str, problems: list[str], evidence: str = "") -> bool:
        """It passed when there are no problems; returns whether it did."""
        if problems:
            self.failed(name, "; ".join(problems))
        else:
            self.passed(name, evidence)
        return not problems

    @property
    def ok(self) -> bool:
        """Whether no result is a failure."""
        return all(each.status != "fail" for each in self.checks)

    @property
    def summary(self) -> str:
        """``7 passed, 1 failed``, for one line on the console."""
        return summary(self.checks)


def summary(results: Sequence[Result]) -> str:
    """``7 passed, 1 failed, 2 skipped``; with the reason where all are skipped for the same one."""
    counts = {status: sum(each.status == status for each in results) for status in ("pass", "fail", "skip")}
    words = {"pass": "passed", "fail": "failed", "skip": "skipped"}
    totals = ", ".join(f"{count} {words[status]}" for status, count in counts.items() if count)
    reasons = {each.evidence for each in results}
    if results and len(reasons) == 1 and counts["skip"] == len(results):
        reason = next(iter(reasons))
        return reason if len(results) == 1 else f"{totals}: {reason}"
    return totals or "nothing to check"
