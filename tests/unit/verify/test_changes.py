"""What changed between two rounds of --watch."""

from datetime import UTC, datetime

from kubetasks.verify.changes import changes
from kubetasks.verify.report import Report
from kubetasks.verify.results import Result

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(*results: Result) -> Report:
    return Report(results, STARTED, "kind")


def test_only_what_changed() -> None:
    before = report(
        Result("probes", "a", "pass", "200 in 12 ms"),
        Result("probes", "b", "pass", "200"),
        Result("probes", "c", "fail", "500: 12 errors"),
        Result("probes", "d", "fail", "no answer"),
        Result("probes", "e", "pass"),
    )
    now = report(
        Result("probes", "a", "pass", "200 in 340 ms"),
        Result("probes", "b", "fail", "503"),
        Result("probes", "c", "fail", "500: 13 errors"),
        Result("probes", "d", "fail", "connection refused"),
        Result("probes", "f", "skip", "not tried: probes/b failed"),
    )
    assert changes(before, now) == [
        "probes/b: pass -> fail: 503",
        "probes/d: still fail: connection refused",
        "probes/f: new, skip: not tried: probes/b failed",
        "probes/e: removed, it was pass",
    ]
    assert changes(now, now) == []
