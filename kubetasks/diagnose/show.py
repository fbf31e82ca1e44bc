"""Findings as lines for people, and as the document for programs."""

from collections.abc import Iterator
from typing import Any

from kubetasks.diagnose import finding as report
from kubetasks.diagnose.finding import VERSION, Finding, Report
from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.diagnose.words import counted


def evidence(finding: Finding) -> str:
    """What stands below the line of a finding: the evidence, what follows from it, the change and the notes."""
    return "\n".join(_evidence(finding))


def _evidence(finding: Finding) -> Iterator[str]:
    for line in finding.because:
        yield f"because: {line}"
    for line in finding.symptoms:
        yield f"so: {line}"
    if finding.fix.what and finding.fix.kind != "words":
        yield f"the fix: {finding.fix.what}"
    if finding.fix.note:
        yield f"note: {finding.fix.note}"
    for line in finding.fix.patch.splitlines():
        yield f"  {line}"


def lines(findings: list[Finding], *, every: bool = False) -> Iterator[str]:
    """The findings: the first one with its evidence, the others in a line each, or with ``every`` all in full."""
    for number, each in enumerate(findings):
        yield each.line
        if number == 0 or every:
            yield f"    [{each.id}] {each.subject}, {each.severity}, {each.confidence}; see {each.link}"
            for line in _evidence(each):
                yield f"    {line}"


def about(findings: list[Finding], wanted: str) -> list[Finding]:
    """The findings that concern an object, by its name or ``kind/name``."""
    return [each for each in findings if any(matches(key, wanted) for key in (each.subject, *each.affects))]


def matches(key: str, wanted: str) -> bool:
    """Whether ``Kind/name`` is what a person calls ``name`` or ``kind/name``."""
    kind, _, name = key.partition("/")
    given, slash, called = wanted.rpartition("/")
    if not slash:
        return name == wanted
    return name == called and kind.lower().startswith(given.lower().rstrip("s"))


def shown(state: Snapshot, findings: list[Finding], workload: str = "", *, every: bool = False) -> list[str]:
    """A diagnosis as lines: the findings as ``lines`` gives them, or that nothing is wrong."""
    return list(lines(findings, every=every)) or [well(state, workload)]


def well(state: Snapshot, workload: str = "") -> str:
    """The line for a namespace in which all is well."""
    pods = sum(1 for item in state.objects if item["kind"] == "Pod")
    of = f"{workload} in namespace {state.namespace}" if workload else f"namespace {state.namespace}"
    said = f"nothing is wrong with {of}" if workload else f"nothing is wrong in {of} ({counted(pods, 'pod')})"
    unread = sorted(kind.partition(".")[0] for kind, why in state.unread.items() if "forbidden" in why)
    return f"{said}; you may not read: {', '.join(unread)}" if unread else said


def document(state: Snapshot, findings: list[Finding]) -> dict[str, Any]:
    """A diagnosis as plain data: what ``inv diagnose --json`` prints."""
    return report.document(
        Report(
            version=VERSION, context=state.context, namespace=state.namespace, taken=state.taken,
            healthy=not findings, findings=findings,
        )
    )  # fmt: skip
