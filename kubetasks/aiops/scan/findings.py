"""Remarks as findings: the shape that ``inv diagnose`` has, for one table and one document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from kubetasks.aiops.scan.advice import ADVICE
from kubetasks.diagnose.finding import LONGEST_CAUSE, SEVERITIES, Finding, Fix, Severity
from kubetasks.diagnose.words import one_line, shorten
from kubetasks.tools.scanners import Remark

COLUMNS: Final = ["SEVERITY", "ID", "WHERE", "WHAT", "FIX"]
VERSION: Final = 1
LEVELS: Final = (*SEVERITIES, "never")


def made(
    id: str,  # noqa: A002
    severity: Severity,
    subject: str,
    cause: str,
    fix: str,
    *,
    because: Iterable[str] = (),
    link: str = "",
    family: str = "scan",
) -> Finding:
    """A finding of a scan; foreign text in it is made safe to print."""
    return Finding(
        id=one_line(id, 80),
        family=family,
        severity=severity,
        subject=one_line(subject, 200),
        cause=shorten(one_line(cause, 1000), LONGEST_CAUSE),
        fix=Fix(text=one_line(fix, 400)),
        because=[one_line(each, 300) for each in because][:8],
        link=link,
    )


def of_remarks(tool: str, remarks: Iterable[Remark]) -> list[Finding]:
    """The findings for a scanner's remarks: ``hadolint.DL3008``."""
    return [
        made(
            f"{tool}.{each.code}",
            each.level,
            each.where,
            each.what,
            ADVICE.get(each.code) or each.advice or "see the rule's page",
            link=each.link,
            family=tool,
        )
        for each in remarks
    ]


@dataclass(frozen=True)
class Scan:
    """What came of a scan.

    Args:
        findings: the findings.
        notes: what could not be looked at and why, a line each.
        looked: what was looked at.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def __add__(self, other: "Scan") -> "Scan":
        """Both together."""
        return Scan(self.findings + other.findings, self.notes + other.notes, self.looked + other.looked)

    def ordered(self) -> list[Finding]:
        """The findings, the worst first, each once."""
        seen = {(each.id, each.subject, each.cause): each for each in self.findings}
        return sorted(seen.values(), key=lambda each: (SEVERITIES.index(each.severity), each.subject, each.id))

    def at_least(self, level: str) -> list[Finding]:
        """The findings that are as bad as a level, or worse; none for ``never``."""
        return [each for each in self.ordered() if SEVERITIES.index(each.severity) <= LEVELS.index(level)] * (
            level != "never"
        )

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "version": VERSION,
            "looked_at": self.looked,
            "not_looked_at": self.notes,
            "findings": msgspec.to_builtins(self.ordered()),
        }


def rows(findings: Sequence[Finding]) -> list[list[str]]:
    """The rows of a table, under ``COLUMNS``."""
    return [[each.severity, each.id, each.subject, each.cause, each.fix.text] for each in findings]
