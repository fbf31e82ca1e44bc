"""A finding: one root cause, the evidence for it, what follows from it, and the fix."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

# Raised when a field of the document changes its meaning.
VERSION: Final = 1
LONGEST_CAUSE: Final = 120

Severity = Literal["critical", "error", "warning"]
Confidence = Literal["certain", "likely", "unknown"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "error", "warning")
CONFIDENCES: Final[tuple[Confidence, ...]] = ("certain", "likely", "unknown")


class Fix(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to do about it."""

    kind: Annotated[
        Literal["command", "patch", "words"],
        Meta(description="command and patch: `text` can be pasted into a shell; words: a person has to decide."),
    ] = "words"
    text: Annotated[str, Meta(description="The command, with context and namespace, or what to do in words.")] = ""
    what: Annotated[str, Meta(description="What the command does.")] = ""
    patch: Annotated[str, Meta(description="The change as YAML, for the file that the object comes from.")] = ""
    note: Annotated[str, Meta(description="What else to do, so that the fix lasts.")] = ""


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One root cause."""

    id: Annotated[str, Meta(description="The stable ID of the rule; docs/diagnoses has a page for each.")]
    family: str
    severity: Annotated[
        Severity, Meta(description="critical: what users reach does not work; error: a part; warning: not yet.")
    ]
    subject: Annotated[str, Meta(description="The object at fault, as Kind/name.")]
    cause: Annotated[str, Meta(description="The cause in one line of at most 120 characters.")]
    fix: Fix
    confidence: Confidence = "certain"
    because: Annotated[list[str], Meta(description="The evidence: statuses, events and lines of logs.")] = field(
        default_factory=list
    )
    symptoms: Annotated[list[str], Meta(description="What follows from it, one line each.")] = field(
        default_factory=list
    )
    affects: Annotated[list[str], Meta(description="The workloads and Services that it keeps from working.")] = field(
        default_factory=list
    )
    grace: Annotated[
        float, Meta(description="How many seconds a rollout waits whether it heals by itself; 0: it cannot.")
    ] = 0.0
    link: Annotated[str, Meta(description="The page about it.")] = ""

    @property
    def line(self) -> str:
        """Cause and fix in one line."""
        return f"{self.cause} -- {self.fix.text}" if self.fix.text else self.cause


class Report(Struct, frozen=True, kw_only=True):
    """What ``inv diagnose --json`` prints."""

    version: int
    context: str
    namespace: str
    taken: str
    healthy: bool
    findings: list[Finding]


def document(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(report)
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    return msgspec.json.schema(Report)
