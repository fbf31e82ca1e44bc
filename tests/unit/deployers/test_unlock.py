"""What a person asks of the deploy lock: its status, and to release it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.deployers import holder, lease, unlock
from kubetasks.deployers.holder import State
from kubetasks.errors import DeployLocked, LockUnusable, ToolFailed
from tests.memory_store import LEAVING_AT, MemoryStore
from tests.samples import PROJECT, silent
from tests.unit.deployers.conftest import NOW
from tests.unit.deployers.test_lock import FORBIDDEN, LEASE, dead_process, held, store, take

Go = Callable[[float], None]


def release(cluster: MemoryStore, sleep: Go, *, force: bool = False) -> str:
    return unlock.release(cluster, PROJECT, force=force, show=silent, sleep=sleep)


def test_a_free_lock(clock: Go) -> None:
    cluster = store()
    found = unlock.look(cluster, PROJECT)
    assert (found.state, found.line) == (State.FREE, "the deploy lock is free")
    assert found.document() == {
        "held": False,
        "state": "free",
        "holder": "",
        "user": "",
        "command": "",
        "since": "",
        "renewed": "",
    }
    assert release(cluster, clock) == "the deploy lock is free"
    cluster.put(held("", at=NOW))
    assert unlock.look(cluster, PROJECT).line == "the deploy lock is free"
    assert release(cluster, clock) == "the deploy lock is free"
    assert cluster.named("Lease") == []


def test_a_held_lock_says_by_whom_for_what_and_since_when(clock: Go) -> None:
    cluster = store()
    item = held("host:17:aa", at=NOW)
    item["metadata"]["annotations"].update({holder.USER: "alice", holder.COMMAND: "destroy"})
    cluster.put(item)
    clock(5)
    found = unlock.look(cluster, PROJECT)
    assert found.line == (
        "the deploy lock is held for destroy by alice@host (process 17), began at 2026-01-02T03:04:05Z, renewed the "
        "lock 5 s ago"
    )
    document = found.document()
    assert (document["held"], document["state"], document["user"], document["command"]) == (
        True,
        "living",
        "alice",
        "destroy",
    )
    assert document["since"] == "2026-01-02T03:04:05+00:00"


def test_a_living_holder_is_left_and_forced(clock: Go) -> None:
    cluster = store()
    cluster.put(held(at=NOW))
    with pytest.raises(DeployLocked, match="the holder of the deploy lock lives: elsewhere") as caught:
        release(cluster, clock)
    assert "--force" in caught.value.fix
    assert cluster.named("Lease") == ["todo-deploy"]
    assert release(cluster, clock, force=True).startswith("released; it was held by elsewhere (process 1)")
    assert cluster.named("Lease") == []


def test_a_holder_whose_lock_was_forced_away_changes_nothing_more(clock: Go) -> None:
    cluster = store()
    mine = take(cluster)
    release(cluster, clock, force=True)
    clock(2)
    with pytest.raises(Exception, match="its Lease was deleted"):
        mine.check()


def test_a_dead_holder_is_released_at_once(clock: Go) -> None:
    cluster = store()
    cluster.put(held(at=NOW, process=dead_process()))
    assert "that process has ended" in unlock.look(cluster, PROJECT).line
    assert release(cluster, clock).startswith("released")
    assert lease.now() == NOW


@pytest.mark.parametrize("at", [NOW - dt.timedelta(hours=1), NOW + dt.timedelta(hours=1)])
def test_a_silent_holder_is_watched_first(clock: Go, at: dt.datetime) -> None:
    cluster = store()
    cluster.put(held(at=at))
    assert "watches it for 30 s" in unlock.look(cluster, PROJECT).line
    assert release(cluster, clock).startswith("released")
    assert dt.timedelta(seconds=30) <= lease.now() - NOW <= dt.timedelta(seconds=32)


def test_a_silent_holder_that_renews_is_left(clock: Go) -> None:
    cluster = store()
    cluster.put(held(at=NOW - dt.timedelta(hours=1)))

    def sleep(seconds: float) -> None:
        clock(seconds)
        if lease.now() > NOW + dt.timedelta(seconds=9):
            cluster.edit(LEASE, renewTime="2026-01-02T02:04:20.000000Z")

    with pytest.raises(DeployLocked):
        release(cluster, sleep)


@pytest.mark.parametrize("force", [True, False])
def test_a_lease_of_another_tool_is_never_released(clock: Go, force: bool) -> None:
    cluster = store()
    item = held()
    item["metadata"]["labels"] = {}
    cluster.put(item)
    with pytest.raises(LockUnusable):
        release(cluster, clock, force=force)
    with pytest.raises(LockUnusable):
        unlock.look(cluster, PROJECT)
    assert cluster.named("Lease") == ["todo-deploy"]


def test_without_permission(clock: Go) -> None:
    cluster = store()
    cluster.fail["get"] = FORBIDDEN
    for call in (lambda: unlock.look(cluster, PROJECT), lambda: release(cluster, clock)):
        with pytest.raises(LockUnusable):
            call()


def test_a_lease_that_may_not_be_deleted_is_emptied(clock: Go) -> None:
    cluster = store()
    cluster.put(held(at=NOW))
    cluster.fail["delete"] = ToolFailed("kubectl could not delete", why="leases is forbidden")
    release(cluster, clock, force=True)
    assert unlock.look(cluster, PROJECT).state is State.FREE


def test_a_lease_that_is_being_deleted_says_what_it_waits_for() -> None:
    cluster = store()
    item: Any = held()
    item["metadata"].update(deletionTimestamp=LEAVING_AT, finalizers=["example.org/held"])
    cluster.put(item)
    assert unlock.look(cluster, PROJECT).line.endswith("waits for finalizers: example.org/held")
