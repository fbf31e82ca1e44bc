"""Checks side by side: what they need, how long they may take, and what one may do to the others."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from kubetasks.errors import ClusterUnreachable
from kubetasks.verify.check import Check, CheckFailed, NotTried, check
from kubetasks.verify.client import Client, Request, Stopped
from kubetasks.verify.context import Context
from kubetasks.verify.results import Layer
from kubetasks.verify.schedule import Schedule

WAIT = 30.0  # seconds, generous: the machine may be busy


class Small:
    """As much of a context as these checks use."""

    def __init__(self, results: Layer, stop: threading.Event) -> None:
        self.results, self.stop = results, stop


def schedule(checks: Iterable[Check], lacks: Callable[[str], str] = lambda _: "") -> Schedule:
    return Schedule(list(checks), lambda results, stop: cast("Context", Small(results, stop)), lacks)


def told(checks: Iterable[Check], lacks: Callable[[str], str] = lambda _: "") -> dict[str, tuple[str, str]]:
    made = schedule(checks, lacks)
    made.run()
    return {name: (each.status, each.evidence) for name, found in made.results.items() for each in found.checks}


def passing(name: str, *needs: str, **more: Any) -> Check:
    return Check(name, lambda _: "fine", needs=needs, **more)


def raising(name: str, error: BaseException, *needs: str) -> Check:
    def run(_: Context) -> None:
        raise error

    return Check(name, run, needs=needs)


def test_what_a_check_returns_is_its_evidence() -> None:
    @check("decorated", needs=["checks/a"])
    def decorated(_: Context) -> str:
        return "42 users"

    assert told([passing("a"), decorated, Check("silent", lambda _: None)]) == {
        "checks/a": ("pass", "fine"),
        "checks/decorated": ("pass", "42 users"),
        "checks/silent": ("pass", ""),
    }


def test_they_run_side_by_side() -> None:
    meeting = threading.Barrier(3, timeout=WAIT)

    def meet(_: Context) -> None:
        meeting.wait()

    assert {status for status, _ in told(Check(name, meet) for name in "abc").values()} == {"pass"}


def test_more_checks_than_threads_all_run() -> None:
    assert len(told(passing(str(number)) for number in range(50))) == 50


def test_what_changes_something_runs_alone() -> None:
    inside: list[int] = []
    most: list[int] = []

    def change(_: Context) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    told(Check(str(number), change, changes=True) for number in range(5))
    assert max(most) == 1


@pytest.mark.parametrize(
    ("error", "status", "evidence"),
    [
        (CheckFailed("no users"), "fail", "no users"),
        (AssertionError("1 != 2"), "fail", "1 != 2"),
        (NotTried("no such feature"), "skip", "no such feature"),
        (ValueError("bad\nvalue"), "fail", "ValueError: bad value (test_schedule.py, line "),
        (SystemExit(3), "fail", "SystemExit: 3 (test_schedule.py, line "),
        (KeyboardInterrupt(), "fail", "KeyboardInterrupt (test_schedule.py, line "),
        (ImportError("no module"), "fail", "ImportError: no module (test_schedule.py, line "),
        (GeneratorExit(), "fail", "GeneratorExit"),
        (RecursionError("deep"), "fail", "RecursionError: deep"),
    ],
)
def test_what_a_check_raises_is_a_line_and_stops_no_other(error: BaseException, status: str, evidence: str) -> None:
    found = told([raising("a", error), passing("b")])
    assert found["checks/a"][0] == status
    assert found["checks/a"][1].startswith(evidence)
    assert "\n" not in found["checks/a"][1]
    assert found["checks/b"] == ("pass", "fine")


@pytest.mark.parametrize("need", ["checks/a", "a"])
def test_what_needs_a_failed_check_is_not_tried(need: str) -> None:
    found = told([raising("a", CheckFailed("broken")), passing("b", need), passing("c", "checks/b"), passing("d")])
    assert found == {
        "checks/a": ("fail", "broken"),
        "checks/b": ("skip", "not tried: checks/a failed"),
        "checks/c": ("skip", "not tried: checks/b could not run"),
        "checks/d": ("pass", "fine"),
    }


def test_a_layer_can_be_needed() -> None:
    checks = [
        Check("x", lambda _: None, "probes"),
        Check("y", lambda _: 1 / 0, "probes"),
        Check("z", lambda _: 1 / 0, "probes"),
        passing("late", "probes"),
    ]
    assert told(checks)["checks/late"] == ("skip", "not tried: probes/y and 1 more failed")


def test_a_skipped_check_does_not_stop_what_needs_it() -> None:
    assert told([raising("a", NotTried("no selector")), passing("b", "a")])["checks/b"] == ("pass", "fine")


def test_a_need_that_is_not_there_is_named() -> None:
    assert told([passing("a", "nothing"), passing("b", "a"), passing("c", "probes")]) == {
        "checks/a": ("fail", "it needs nothing, and there is no such check"),
        "checks/b": ("skip", "not tried: checks/a failed"),
        "checks/c": ("pass", "fine"),  # a layer may be empty
    }


def test_a_capability_that_the_target_lacks() -> None:
    found = told([passing("a", "cluster"), passing("b", "deployed")], lambda name: "no" * (name == "cluster"))
    assert found == {"checks/a": ("skip", "no"), "checks/b": ("pass", "fine")}


def test_checks_that_wait_for_each_other_fail() -> None:
    found = told([passing("a", "b"), passing("b", "a"), passing("c", "c"), passing("d")])
    assert found["checks/a"] == ("fail", "it needs checks/b, which waits for it")
    assert found["checks/b"] == ("fail", "it needs checks/a, which waits for it")
    assert found["checks/d"][0] == found["checks/c"][0] == "pass"  # what needs itself needs nothing


def test_one_that_hangs_ends_at_its_limit_with_one_line() -> None:
    for_ever = threading.Event()
    late: list[bool] = []

    def hang(context: Context) -> None:
        context.stop.wait(WAIT)
        context.results.passed("too late")
        late.append(True)
        for_ever.wait(WAIT)

    began = time.monotonic()
    found = told([Check("hang", hang, limit=0.05), passing("a"), passing("b", "hang")])
    assert time.monotonic() - began < WAIT / 2
    assert found == {
        "checks/hang": ("fail", "not finished after 0.05 s, its time limit"),
        "checks/a": ("pass", "fine"),
        "checks/b": ("skip", "not tried: checks/hang failed"),
    }
    for_ever.set()


def test_what_runs_last_runs_after_all_others_whatever_came_of_them() -> None:
    order: list[str] = []
    checks = [
        Check("last", lambda _: order.append("last"), last=True),
        raising("a", CheckFailed("broken")),
        Check("b", lambda _: order.append("b")),
    ]
    assert told(checks)["checks/last"] == ("pass", "")
    assert order == ["b", "last"]


def test_a_lost_connection_is_raised() -> None:
    with pytest.raises(ClusterUnreachable):
        told([raising("a", ClusterUnreachable("gone")), passing("b")])


def test_what_has_to_end_cleans_up_and_sends_nothing_else() -> None:
    cleaned = threading.Event()

    def work(context: Context) -> None:
        client = Client("http://127.0.0.1:1", 1, context.stop)
        try:
            context.stop.wait(WAIT)
            client.send(Request("GET", "/"))
        except Stopped:
            cleaned.set()
            raise

    made = schedule([Check("work", work, limit=0.05, changes=True)])
    made.run()
    assert cleaned.is_set()


def test_ctrl_c_gives_what_changes_something_time_to_clean_up() -> None:
    cleaned = threading.Event()
    begun = threading.Event()

    def work(context: Context) -> None:
        begun.set()
        context.stop.wait(WAIT)
        cleaned.set()

    made = schedule([Check("work", work, changes=True)])

    def interrupted() -> None:
        begun.wait(WAIT)
        raise KeyboardInterrupt

    made._await = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert cleaned.is_set()


def test_all_evidence_is_hidden() -> None:
    made = Schedule(
        [raising("canary", CheckFailed("the canary sings"))],
        lambda results, stop: cast("Context", Small(results, stop)),
        lambda _: "",
        lambda text: text.replace("canary", "***"),
    )
    made.run()
    [found] = made.results["checks/canary"].checks
    assert (found.name, found.evidence) == ("***", "the *** sings")
