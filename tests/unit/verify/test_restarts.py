"""Restarts while verify runs."""

import threading
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import Forbidden
from kubetasks.objects import Objects
from kubetasks.settings import Settings
from kubetasks.verify.context import Context, Scene
from kubetasks.verify.doors import Doors
from kubetasks.verify.restarts import check_restarts
from kubetasks.verify.results import Layer
from tests.unit.verify.fakes import FakeStore, FakeTarget, deployment

RUNS = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01"}}
ENDED = {"terminated": {"exitCode": 1, "reason": "Error"}}


def pod(name: str = "web-1", app: str = "web", **meta: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "uid": name, "labels": {"app": app}, **meta}, "status": {}}


def with_status(count: int, state: Any = RUNS, last: Any = None, *, key: str = "containerStatuses", **pod_: Any) -> Any:
    made = pod(**pod_)
    made["status"][key] = [{"name": "app", "restartCount": count, "state": state, "lastState": last or {}}]
    return made


def told(before: Objects | None, now: Objects, error: Forbidden | None = None) -> list[tuple[str, str, str]]:
    target = FakeTarget({}, FakeStore(now, error=error))
    objects = [deployment()]
    scene = Scene(Settings(), Path(), target, objects, objects, {}, set(), set(), before, Doors(target))
    results = Layer("restarts")
    results.origin -= 12
    check_restarts(Context(scene, results, threading.Event()))
    return [(each.name, each.status, each.evidence) for each in results.checks]


def test_none() -> None:
    assert told([with_status(0)], [with_status(0)]) == [("Deployment/web", "pass", "none in 12.0 s")]


def test_earlier_ones_are_told_and_do_not_matter() -> None:
    assert told([with_status(3)], [with_status(3)]) == [("Deployment/web", "pass", "none in 12.0 s; 3 before that")]


@pytest.mark.parametrize("key", ["containerStatuses", "initContainerStatuses"])
@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        (
            (0, RUNS, None),
            (1, RUNS, KILLED),
            "container app of Pod/web-1 restarted once while verify ran: exit code 137 (OOMKilled) at 2026-01-01",
        ),
        (
            (1, RUNS, ENDED),
            (3, RUNS, ENDED),
            "container app of Pod/web-1 restarted 2 times while verify ran: exit code 1",
        ),
        ((0, RUNS, None), (0, ENDED, None), "container app of Pod/web-1 stopped while verify ran: exit code 1"),
        (
            (0, RUNS, None),
            (1, {"waiting": {"reason": "CrashLoopBackOff"}}, None),
            "container app of Pod/web-1 restarted once while verify ran: its exit code is not reported",
        ),
    ],
)
def test_one_that_restarts_or_stops_fails_with_its_last_exit(
    before: tuple[int, Any, Any], now: tuple[int, Any, Any], line: str, key: str
) -> None:
    assert told([with_status(*before[:3], key=key)], [with_status(*now[:3], key=key)]) == [
        ("Deployment/web", "fail", line)
    ]


def test_a_pod_that_came_and_has_restarted_since() -> None:
    [(_, status, evidence)] = told([], [with_status(1, last=ENDED)])
    assert (status, evidence) == ("fail", "container app of Pod/web-1 restarted once while verify ran: exit code 1")


@pytest.mark.parametrize(
    "now",
    [
        [],
        [with_status(0, name="web-2")],
        [with_status(1, last=ENDED, deletionTimestamp="2026-01-01T00:00:00Z")],
        [with_status(1, last=ENDED, app="other")],
    ],
)
def test_what_does_not_matter(now: Objects) -> None:
    assert told([with_status(0)], now) == [("Deployment/web", "pass", "none in 12.0 s")]


def test_pods_that_may_not_be_listed() -> None:
    line = ("restarts", "skip", "you are not allowed to list pods")
    assert told(None, []) == [line]
    assert told([with_status(0)], [], Forbidden("no")) == [line]
