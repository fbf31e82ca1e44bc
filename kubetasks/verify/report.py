"""What verify found: named checks in layers, as a table, as JSON and as JUnit XML."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from xml.etree import ElementTree as ET

from kubetasks.redact import HIDDEN

Status = Literal["pass", "fail", "skip"]

# docs/verify-report.schema.json describes it; a field that changes its meaning makes it 2.
VERSION: Final = 1
LAYERS: Final = ("objects", "rollout", "endpoints", "probes", "contract", "journeys")
COLUMNS: Final = ("layer", "check", "status", "evidence")
LONGEST: Final = 600
EXCERPT: Final = 160

# Tokens that nobody told the redactor of: a JWT, what follows "Bearer", a JSON field with such a name.
TOKENS: Final = (
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{4,}"), rf"\1{HIDDEN}"),
    (
        re.compile(r"""(?i)(["']?[\w-]*(?:token|secret|password|authorization|api_?key)["']?\s*[:=]\s*["'])[^"']*"""),
        rf"\1{HIDDEN}",
    ),
)
UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def scrub(text: str) -> str:
    """The text without anything that looks like a token, and without characters that XML forbids."""
    for pattern, replacement in TOKENS:
        text = pattern.sub(replacement, text)
    return UNPRINTABLE.sub("?", text)


@dataclass(frozen=True)
class Check:
    """One named check and how it ended.

    Args:
        layer: one of ``LAYERS``.
        name: what was checked, unique within its layer.
        status: ``pass``, ``fail`` or ``skip``.
        evidence: what was seen; for a skipped one, why. Without secrets.
        seconds: how long it took.
    """

    layer: str
    name: str
    status: Status
    evidence: str = ""
    seconds: float = 0.0


@dataclass
class Layer:
    """Collects the checks of one layer; all evidence passes ``hide`` and ``scrub`` here and nowhere else.

    A check's time is the time since the one before it.
    """

    name: str
    hide: Callable[[str], str] = str
    checks: list[Check] = field(default_factory=list)
    _mark: float = field(default_factory=time.monotonic)

    def add(self, name: str, status: Status, evidence: str) -> Check:
        """Record a check."""
        now = time.monotonic()
        text = scrub(self.hide(" ".join(evidence.split())))
        if len(text) > LONGEST:
            text = text[: LONGEST - 2] + " …"
        check = Check(self.name, scrub(self.hide(name)), status, text, round(now - self._mark, 4))
        self._mark = now
        self.checks.append(check)
        return check

    def passed(self, name: str, evidence: str = "") -> None:
        """It holds."""
        self.add(name, "pass", evidence)

    def failed(self, name: str, evidence: str) -> None:
        """It does not hold."""
        self.add(name, "fail", evidence)

    def skipped(self, name: str, why: str) -> None:
        """It could not be, or need not be, tried."""
        self.add(name, "skip", why)

    def excerpt(self, text: str) -> str:
        """The beginning of a body, for evidence. Secrets go before the rest is cut off: half a token is still one."""
        return scrub(self.hide(" ".join(text.split())))[:EXCERPT]

    def judged(self, name: str, problems: list[str], evidence: str = "") -> bool:
        """It holds when there are no problems; returns whether it does."""
        if problems:
            self.failed(name, "; ".join(problems))
        else:
            self.passed(name, evidence)
        return not problems

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.status != "fail" for check in self.checks)

    @property
    def summary(self) -> str:
        """``7 hold, 1 fails``, for one line on the console."""
        counts = {status: sum(check.status == status for check in self.checks) for status in ("pass", "fail", "skip")}
        words = {
            "pass": f"{counts['pass']} hold{'s' if counts['pass'] == 1 else ''}",
            "fail": f"{counts['fail']} fail{'s' if counts['fail'] == 1 else ''}",
            "skip": f"{counts['skip']} skipped",
        }
        return ", ".join(words[status] for status, count in counts.items() if count) or "nothing to check"


@dataclass(frozen=True)
class Report:
    """All checks of one run.

    Args:
        checks: in the order in which they were made.
        started: when, in UTC.
        target: the target's name (``kind``, ``minikube``, ``context`` or ``local``).
        context: the kubeconfig context; empty on the local target.
        namespace: the namespace.
        seconds: how long all of it took.
    """

    checks: tuple[Check, ...]
    started: datetime
    target: str
    context: str = ""
    namespace: str = ""
    seconds: float = 0.0

    @property
    def failures(self) -> list[Check]:
        """The checks that do not hold."""
        return [check for check in self.checks if check.status == "fail"]

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing failed."""
        return not self.failures and any(check.status == "pass" for check in self.checks)

    @property
    def summary(self) -> str:
        """One line: ``31 checks hold`` or ``2 of 31 checks do not hold: layer/name, …``."""
        tried = [check for check in self.checks if check.status != "skip"]
        if self.ok:
            return f"{len(tried)} checks hold"
        if not tried:
            return "nothing was checked"
        named = [f"{check.layer}: {check.name}" for check in self.failures]
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return f"{len(named)} of {len(tried)} checks do not hold: {', '.join(named[:3])}{more}"

    def rows(self, *, width: int = 110) -> list[list[str]]:
        """The rows of the console's table, under ``COLUMNS``; evidence beyond ``width`` is cut unless it failed."""
        return [
            [
                check.layer,
                check.name,
                check.status,
                check.evidence
                if check.status == "fail" or len(check.evidence) <= width
                else check.evidence[: width - 2] + " …",
            ]
            for check in self.checks
        ]

    def document(self) -> dict[str, Any]:
        """What ``to_json`` prints: see docs/verify-report.schema.json."""
        counts = {status: sum(c.status == status for c in self.checks) for status in ("pass", "fail", "skip")}
        return {
            "version": VERSION,
            "ok": self.ok,
            "target": {"name": self.target, "context": self.context, "namespace": self.namespace},
            "started": self.started.astimezone(UTC).isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "counts": counts,
            "checks": [asdict(check) for check in self.checks],
        }

    def to_json(self) -> str:
        """The report as one JSON document."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False)

    def to_junit(self) -> str:
        """The report as JUnit XML: one testsuite per layer."""
        root = ET.Element("testsuites", name="kubetasks verify", time=f"{self.seconds:.3f}")
        totals = {"tests": 0, "failures": 0, "skipped": 0}
        for layer in dict.fromkeys(check.layer for check in self.checks):
            checks = [check for check in self.checks if check.layer == layer]
            counts: dict[str, int] = {
                "tests": len(checks),
                "failures": sum(check.status == "fail" for check in checks),
                "skipped": sum(check.status == "skip" for check in checks),
            }
            about = {
                "name": layer,
                "hostname": self.context or self.target,
                "timestamp": self.started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
                "time": f"{sum(check.seconds for check in checks):.3f}",
                "errors": "0",
            }
            suite = ET.SubElement(root, "testsuite", about | {key: str(value) for key, value in counts.items()})
            totals = {key: totals[key] + value for key, value in counts.items()}
            for check in checks:
                case = ET.SubElement(
                    suite, "testcase", classname=f"verify.{layer}", name=check.name, time=f"{check.seconds:.3f}"
                )
                if check.status == "fail":
                    ET.SubElement(case, "failure", message=check.evidence).text = check.evidence
                elif check.status == "skip":
                    ET.SubElement(case, "skipped", message=check.evidence)
                elif check.evidence:
                    ET.SubElement(case, "system-out").text = check.evidence
        root.attrib.update({key: str(value) for key, value in totals.items()}, errors="0")
        ET.indent(root)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
