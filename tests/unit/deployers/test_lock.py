"""The deploy lock: one holder, and no waiting for dead ones."""

import datetime as dt
import os
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from kubetasks.deployers import lock
from kubetasks.deployers.history import is_record
from kubetasks.errors import ApplyFailed, DeployLocked, KubetasksError
from kubetasks.objects import Object
from tests.memory_store import NAMESPACE, MemoryStore
from tests.samples import PROJECT

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def store() -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE)
    return made


def held(by: str, *, renewed: dt.datetime | None = None, **spec: Any) -> Object:
    item = lock.lease(PROJECT, PROJECT, now=renewed or dt.datetime.now(dt.UTC))
    item["spec"] = {**item["spec"], "holderIdentity": by, **spec}
    return item


@pytest.fixture
def dead() -> int:
    """The number of a process that was here and is not any more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_is_held_inside_the_block_and_gone_after_it() -> None:
    cluster = store()
    with lock.locked(cluster, PROJECT, PROJECT):
        [item] = cluster.get(["Lease"])
        assert item["spec"]["holderIdentity"] == f"{socket.gethostname()}:{os.getpid()}"
        assert item["spec"]["leaseDurationSeconds"] == 60
        assert item["metadata"]["name"] == "todo-deploy"
        assert is_record(item)
    assert cluster.named("Lease") == []


def test_is_released_when_the_block_fails() -> None:
    cluster = store()
    with pytest.raises(KubetasksError, match="broken"), lock.locked(cluster, PROJECT, PROJECT):
        raise KubetasksError("broken")
    assert cluster.named("Lease") == []


def test_a_failure_to_release_hides_no_other_failure() -> None:
    cluster = store()
    cluster.fail["delete"] = KubetasksError("no answer")
    with pytest.raises(KubetasksError, match="broken"), lock.locked(cluster, PROJECT, PROJECT):
        raise KubetasksError("broken")


def test_a_second_one_is_refused_and_told_who_and_since_when() -> None:
    cluster = store()
    cluster.put(held("elsewhere:1"))
    began = cluster.get(["Lease"])[0]["spec"]["acquireTime"]
    with pytest.raises(DeployLocked) as caught, lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")
    assert caught.value.line == (
        f"another deploy is under way in this namespace: elsewhere:1 began at {began} -- "
        "wait for it to end and run the same command again"
    )
    assert caught.value.exit_code == 25
    assert cluster.get(["Lease"])[0]["spec"]["holderIdentity"] == "elsewhere:1"


def test_one_that_lives_on_this_machine_is_not_replaced() -> None:
    cluster = store()
    cluster.put(held(f"{socket.gethostname()}:{os.getppid()}"))
    with pytest.raises(DeployLocked), lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")


def test_one_whose_process_died_here_is_replaced_at_once(dead: int) -> None:
    cluster = store()
    cluster.put(held(f"{socket.gethostname()}:{dead}"))
    with lock.locked(cluster, PROJECT, PROJECT):
        assert cluster.get(["Lease"])[0]["spec"]["holderIdentity"] == lock.holder()
    assert cluster.named("Lease") == []


def test_one_that_was_silent_for_too_long_is_replaced() -> None:
    cluster = store()
    cluster.put(held("elsewhere:1", renewed=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=61)))
    with lock.locked(cluster, PROJECT, PROJECT):
        assert cluster.get(["Lease"])[0]["spec"]["holderIdentity"] == lock.holder()


def test_of_two_that_replace_a_stale_one_the_second_is_refused() -> None:
    cluster = store()
    cluster.put(held("elsewhere:1", renewed=NOW))
    cluster.fail["apply"] = ApplyFailed("the cluster refused an object", why="the object has been modified")
    with pytest.raises(DeployLocked), lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")


def test_a_stale_one_is_replaced_only_as_it_was_read() -> None:
    class Changing(MemoryStore):
        def apply(self, objects: list[Object], *, dry_run: bool = False) -> list[Object]:
            if "Lease/todo-deploy" in self.objects:
                self.edit("Lease/todo-deploy", holderIdentity="faster:1")
            return super().apply(objects, dry_run=dry_run)

    cluster = Changing()
    cluster.put(NAMESPACE, held("elsewhere:1", renewed=NOW))
    with pytest.raises(DeployLocked), lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")
    assert cluster.get(["Lease"])[0]["spec"]["holderIdentity"] == "faster:1"


class Racing(MemoryStore):
    """Says of the first ``lost`` leases that they exist, and shows none."""

    lost = 1

    def create(self, item: Object) -> bool:
        if self.lost:
            self.lost -= 1
            return False
        return super().create(item)


def test_one_released_between_two_looks_is_taken() -> None:
    cluster = Racing()
    cluster.put(NAMESPACE)
    with lock.locked(cluster, PROJECT, PROJECT):
        assert cluster.named("Lease") == ["todo-deploy"]


def test_one_released_and_taken_between_two_looks_is_refused() -> None:
    cluster = Racing()
    cluster.lost = 2
    cluster.put(NAMESPACE)
    with pytest.raises(DeployLocked), lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")


@pytest.mark.parametrize(
    ("spec", "stale"),
    [
        ({}, False),
        ({"renewTime": "2026-01-02T03:03:04.000000Z"}, True),
        ({"renewTime": "2026-01-02T03:03:06.000000Z"}, False),
        ({"renewTime": "2026-01-02T03:03:04.000000Z", "leaseDurationSeconds": 120}, False),
        ({"renewTime": None}, True),
        ({"renewTime": "yesterday"}, True),
        ({"holderIdentity": ""}, False),
        ({"holderIdentity": "no-process-number"}, False),
    ],
)
def test_staleness(spec: dict[str, Any], stale: bool) -> None:
    assert (
        lock.is_stale(
            held("elsewhere:1", renewed=NOW) | {"spec": {**held("elsewhere:1", renewed=NOW)["spec"], **spec}}, NOW
        )
        is stale
    )


def test_ones_own_lease_is_stale() -> None:
    assert lock.is_stale(held(lock.holder(), renewed=NOW), NOW)


def test_another_users_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not lock.is_stale(held(f"{socket.gethostname()}:1", renewed=NOW), NOW)


def test_is_renewed_while_it_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()

    class Watched(MemoryStore):
        def apply(self, objects: list[Object], *, dry_run: bool = False) -> list[Object]:
            done = super().apply(objects, dry_run=dry_run)
            renewed.set()
            return done

    monkeypatch.setattr(lock, "RENEW", 0.001)
    cluster = Watched()
    cluster.put(NAMESPACE)
    with lock.locked(cluster, PROJECT, PROJECT):
        began = cluster.get(["Lease"])[0]["spec"]["acquireTime"]
        assert renewed.wait(10)
        assert cluster.get(["Lease"])[0]["spec"]["acquireTime"] == began
    assert cluster.named("Lease") == []
