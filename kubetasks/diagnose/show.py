"""Findings as lines for people."""

from collections.abc import Iterator

from kubetasks.diagnose.finding import Finding


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
