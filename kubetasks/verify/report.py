"""The report of one verification: results in layers, as a table and as JSON. JUnit XML and HTML are made from it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kubetasks.verify.results import Result
from kubetasks.verify.timeline import Span

# docs/verify-report.schema.json describes it; a field that changes its meaning makes it 2.
VERSION: Final = 1
LAYERS: Final = (
    "objects", "rollout", "images", "endpoints", "probes", "contract", "journeys", "checks", "restarts",
)  # fmt: skip
COLUMNS: Final = ("layer", "check", "status", "evidence")


@dataclass(frozen=True)
class Report:
    """All results of one run.

    Args:
        checks: by layer, in the order of their checks.
        started: when, in UTC.
        target: the target's name (``kind``, ``minikube``, ``context`` or ``local``).
        context: the kubeconfig context; empty on the local target.
        namespace: the namespace.
        seconds: how long all of it took.
        project: the project's name.
        timeline: what happened when: the steps of the deploy that led here, where they are known, and the layers.
    """

    checks: tuple[Result, ...]
    started: datetime
    target: str
    context: str = ""
    namespace: str = ""
    seconds: float = 0.0
    project: str = ""
    timeline: tuple[Span, ...] = ()

    @property
    def failures(self) -> list[Result]:
        """The results that are failures."""
        return [check for check in self.checks if check.status == "fail"]

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing failed."""
        return not self.failures and any(check.status == "pass" for check in self.checks)

    @property
    def summary(self) -> str:
        """One line: ``31 checks passed`` or ``2 of 31 checks failed: layer: name, …``."""
        tried = [check for check in self.checks if check.status != "skip"]
        if self.ok:
            return f"{len(tried)} checks passed"
        if not tried:
            return "nothing was checked"
        named = [f"{check.layer}: {check.name}" for check in self.failures]
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return f"{len(named)} of {len(tried)} checks failed: {', '.join(named[:3])}{more}"

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
            "checks": [_document(check) for check in self.checks],
            "timeline": [each.document() for each in self.timeline],
        }

    def to_json(self) -> str:
        """The report as one JSON document."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False)

    def to_junit(self) -> str:
        """The report as JUnit XML: one testsuite per layer."""
        from kubetasks.verify.junit import write  # noqa: PLC0415  (only where it is asked for)

        return write(self)

    def to_html(self) -> str:
        """The report as one HTML page that needs no other file and no script."""
        from kubetasks.verify.page import page  # noqa: PLC0415  (only where it is asked for)

        return page(self)


def _document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = {
        "layer": result.layer,
        "name": result.name,
        "status": result.status,
        "evidence": result.evidence,
        "seconds": result.seconds,
        "started": result.started,
    }
    if result.drift:
        found["drift"] = [each.document() for each in result.drift]
    return found
