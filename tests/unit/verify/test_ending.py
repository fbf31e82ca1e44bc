"""Pods of an earlier revision that still end."""

from typing import Any

import pytest

from kubetasks.errors import Forbidden
from kubetasks.objects import Objects
from kubetasks.verify import ending
from kubetasks.verify.results import Layer
from tests.unit.verify.fakes import FakeStore, deployment, service

RUNNING: list[Any] = [{"state": {"running": {}}}]
ENDED: list[Any] = [{"state": {"terminated": {}}}]


def pod(name: str, *, deleted: bool = True, app: str = "web", states: list[Any] | None = None) -> dict[str, Any]:
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 5} if deleted else {}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}, **going},
        "status": {"containerStatuses": RUNNING if states is None else states},
    }


class Passing(FakeStore):
    """Shows one list of pods after the other, a second apart; the last one for ever."""

    def __init__(self, *lists: Objects) -> None:
        super().__init__([])
        self.lists = list(lists)
        self.now = 0.0

    def get(self, kinds: Any, **_: Any) -> Objects:
        assert list(kinds) == ["Pod"]
        return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]

    def sleep(self, _: float) -> None:
        self.now += 1.0


def waited(store: Passing) -> Layer:
    layer = Layer("rollout")
    ending.wait(layer, store, [deployment(), service()], monotonic=lambda: store.now, sleep=store.sleep)
    return layer


def test_waits_until_the_last_one_has_ended() -> None:
    store = Passing([pod("a"), pod("b")], [pod("b")], [pod("c", deleted=False)])
    assert [(check.status, check.evidence) for check in waited(store).checks] == [
        ("pass", "none runs any more after 2 s")
    ]
    assert store.now == 2.0


@pytest.mark.parametrize(
    "other",
    [
        pod("new", deleted=False),
        pod("another", app="other"),
        pod("ended", states=ENDED),
    ],
)
def test_waits_for_no_other(other: dict[str, Any]) -> None:
    store = Passing([other])
    assert waited(store).ok
    assert store.now == 0.0


def test_one_that_outlives_its_grace_period_fails() -> None:
    store = Passing([pod("stuck")])
    layer = waited(store)
    assert [(check.name, check.status) for check in layer.checks] == [("Pod/stuck", "fail")]
    assert "still runs after 15 s" in layer.checks[0].evidence


def test_a_role_that_may_not_list_pods_does_not_wait() -> None:
    class Refusing(Passing):
        def get(self, kinds: Any, **_: Any) -> Objects:
            raise Forbidden("no")

    assert [(each.status, each.evidence) for each in waited(Refusing([])).checks] == [
        ("skip", "you are not allowed to list pods")
    ]
