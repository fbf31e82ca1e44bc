"""The deploy lock: one holder, no waiting for dead ones, and no change by one that lost it."""

import contextlib
import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.deployers import holder, lease, lock
from kubetasks.deployers.holder import State
from kubetasks.errors import (
    ApplyFailed,
    ClusterUnreachable,
    DeletionHeld,
    DeployLocked,
    Forbidden,
    KubetasksError,
    LockLost,
    LockUnusable,
    NamespaceTerminating,
    ToolFailed,
)
from kubetasks.objects import Object, is_record
from kubetasks.targets import fence
from tests.memory_store import LEAVING_AT, NAMESPACE, MemoryStore
from tests.samples import PROJECT, configmap
from tests.unit.deployers.conftest import NOW

LEASE = "Lease/todo-deploy"


def store() -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE)
    return made


def held(by: str = "elsewhere:1:aa", *, at: dt.datetime | None = None, process: str = "", **spec: Any) -> Object:
    """A Lease of another process; with ``process``, what it says of where that runs."""
    when = at or dt.datetime.now(dt.UTC)
    item = lease.made(PROJECT, PROJECT, identity=by, command="deploy", since=when, at=when)
    item["metadata"]["annotations"] = {holder.COMMAND: "deploy", **({holder.PROCESS: process} if process else {})}
    item["spec"] = {**item["spec"], **spec}
    return item


def take(cluster: MemoryStore, wait: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> lock.Lock:
    made = lock.Lock(cluster, PROJECT, PROJECT, "deploy", sleep=sleep)
    made.acquire(wait)
    return made


def dead_process() -> str:
    """What the Lease of a process says that was here and has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = f"{holder.machine()}/{child.pid}/{holder.began(child.pid)}"
    child.communicate(b"\n")
    return mark


def living_process() -> str:
    return f"{holder.machine()}/{os.getppid()}/{holder.began(os.getppid())}"


def test_is_held_inside_the_block_and_gone_after_it() -> None:
    cluster = store()
    with lock.locked(cluster, PROJECT, PROJECT, "deploy"):
        [item] = cluster.get(["Lease"])
        found = holder.of_lease(item)
        assert found is not None
        assert found.command == "deploy"
        assert found.identity.split(":")[1] == str(os.getpid())
        assert item["spec"]["leaseDurationSeconds"] == 30
        assert item["metadata"]["name"] == "todo-deploy"
        assert is_record(item)
        assert holder.state(item, dt.datetime.now(dt.UTC)) is State.LIVING
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


def test_one_that_may_not_be_deleted_is_emptied_and_taken_the_next_time() -> None:
    cluster = store()
    cluster.fail["delete"] = ToolFailed("kubectl could not delete", why='leases "todo-deploy" is forbidden')
    with lock.locked(cluster, PROJECT, PROJECT):
        pass
    assert cluster.objects[LEASE]["spec"]["holderIdentity"] == ""
    with lock.locked(cluster, PROJECT, PROJECT):
        assert cluster.objects[LEASE]["spec"]["holderIdentity"]


def test_a_second_one_is_refused_and_learns_who_and_since_when() -> None:
    cluster = store()
    item = held("elsewhere:17:aa")
    item["metadata"]["annotations"][holder.USER] = "alice"
    cluster.put(item)
    with pytest.raises(DeployLocked) as caught, lock.locked(cluster, PROJECT, PROJECT):
        pytest.fail("it was not refused")
    assert caught.value.what == "another deploy is under way in this namespace"
    assert caught.value.why.startswith("alice@elsewhere (process 17), began at 20")
    assert "--lock-wait SECONDS" in caught.value.fix
    assert "inv lock.status" in caught.value.fix
    assert caught.value.exit_code == 25
    assert cluster.objects[LEASE]["spec"]["holderIdentity"] == "elsewhere:17:aa"


def test_the_command_that_holds_it_is_named() -> None:
    cluster = store()
    item = held()
    item["metadata"]["annotations"][holder.COMMAND] = "secret.rotate"
    cluster.put(item)
    with pytest.raises(DeployLocked, match=r"another secret\.rotate is under way"):
        take(cluster)


# Who wrote the Lease, what it says, and whether one who wants it refuses or takes it at once, or watches it first.
AT_ONCE, WATCHED, REFUSED = "at once", "after watching", "refused"
ASSUMPTIONS: dict[str, tuple[Callable[[], Object], str]] = {
    "fresh, elsewhere": (lambda: held(at=NOW), REFUSED),
    "fresh, its process here is dead": (lambda: held(at=NOW, process=dead_process()), AT_ONCE),
    "fresh, its process here lives": (lambda: held(at=NOW, process=living_process()), REFUSED),
    "fresh, of another start of this machine": (lambda: held(at=NOW, process="other-boot/1/2/3"), REFUSED),
    "fresh, of this host's name on another machine": (lambda: held(f"{holder.identity()}", at=NOW), REFUSED),
    "old, elsewhere": (lambda: held(at=NOW - dt.timedelta(seconds=31)), WATCHED),
    "very old": (lambda: held(at=NOW - dt.timedelta(days=400)), WATCHED),
    "old, its process here lives but is suspended": (
        lambda: held(at=NOW - dt.timedelta(hours=1), process=living_process()),
        WATCHED,
    ),
    "of a clock that is a little ahead": (lambda: held(at=NOW + dt.timedelta(seconds=3)), REFUSED),
    "of a clock that is an hour ahead": (lambda: held(at=NOW + dt.timedelta(hours=1)), WATCHED),
    "without a time": (lambda: held(renewTime=None), WATCHED),
    "with a time that is none": (lambda: held(renewTime="yesterday"), WATCHED),
    "with a time without microseconds": (lambda: held(renewTime="2026-01-02T03:04:05Z"), REFUSED),
    "with a time in another zone": (lambda: held(renewTime="2026-01-02T05:04:05.000000+02:00"), REFUSED),
    "with a time without a zone": (lambda: held(renewTime="2026-01-02T03:04:05"), REFUSED),
    "with a time before all time": (lambda: held(renewTime="0001-01-01T00:00:00+23:59"), WATCHED),
    "lasting longer": (lambda: held(at=NOW - dt.timedelta(seconds=50), leaseDurationSeconds=60), REFUSED),
    "lasting for ever, an hour old": (
        lambda: held(at=NOW - dt.timedelta(hours=1), leaseDurationSeconds=10**9),
        WATCHED,
    ),
    "with a duration that is none": (lambda: held(at=NOW, leaseDurationSeconds="long"), REFUSED),
    "without a holder": (lambda: held("", at=NOW), AT_ONCE),
    "without a spec": (lambda: {**held(at=NOW), "spec": {}}, AT_ONCE),
    "of kubetasks without processes": (lambda: held("host:12", at=NOW), REFUSED),
    "of a name with colons": (lambda: held("a:b:c:d", at=NOW), REFUSED),
    "with a damaged process": (lambda: held(at=NOW, process="///"), REFUSED),
}


@pytest.mark.parametrize("name", ASSUMPTIONS)
def test_who_may_take_it(name: str, clock: Callable[[float], None]) -> None:
    made, expected = ASSUMPTIONS[name]
    cluster = store()
    cluster.put(made())
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock(seconds)

    if expected == REFUSED:
        with pytest.raises(DeployLocked):
            take(cluster, sleep=sleep)
        assert not slept
        return
    mine = take(cluster, sleep=sleep)
    assert bool(slept) == (expected == WATCHED)
    counted = holder.of_lease(made())
    if slept and counted is not None:
        assert counted.seconds <= sum(slept) <= counted.seconds + 2
    mine.check()


def test_one_that_is_renewed_while_it_is_watched_is_refused(clock: Callable[[float], None]) -> None:
    """Its clock is an hour behind ours, and it lives."""
    cluster = store()
    cluster.put(held(at=NOW - dt.timedelta(hours=1)))
    slept = itertools.count(1)

    def sleep(seconds: float) -> None:
        clock(seconds)
        if next(slept) == 10:
            cluster.edit(LEASE, renewTime="2026-01-02T02:04:15.000000Z")

    with pytest.raises(DeployLocked):
        take(cluster, sleep=sleep)
    assert next(slept) < 14


def test_waits_for_one_that_is_released(clock: Callable[[float], None]) -> None:
    cluster = store()
    cluster.put(held(at=NOW))
    shown: list[str] = []

    def sleep(seconds: float) -> None:
        clock(seconds)
        if len(shown) == 5:
            del cluster.objects[LEASE]

    mine = lock.Lock(cluster, PROJECT, PROJECT, "deploy", shown.append, sleep)
    mine.acquire(60)
    assert mine.waited
    assert shown[0].startswith("waiting for elsewhere (process 1), began at 2026-01-02T03:04:05Z")


def test_waits_no_longer_than_it_may(clock: Callable[[float], None]) -> None:
    cluster = store()
    cluster.put(held(at=NOW))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock(seconds)
        cluster.edit(LEASE, renewTime=lease._stamp(lease.now()))

    with pytest.raises(DeployLocked):
        take(cluster, 40, sleep)
    assert 39 <= sum(slept) <= 42


def test_takes_over_from_a_holder_that_dies_while_it_is_waited_for(clock: Callable[[float], None]) -> None:
    cluster = store()
    cluster.put(held(at=NOW))
    mine = take(cluster, 300, clock)
    assert lease.now() - NOW < dt.timedelta(seconds=40)
    mine.check()


def test_of_two_that_replace_a_stale_one_the_second_is_refused() -> None:
    class Changing(MemoryStore):
        """Another process is faster: it writes the Lease just before we do."""

        armed = True

        def apply(self, objects: list[Object], *, dry_run: bool = False) -> list[Object]:
            if self.armed and LEASE in self.objects:
                self.armed = False
                self.put(held("faster:1:bb"))
            return super().apply(objects, dry_run=dry_run)

    cluster = Changing()
    cluster.put(NAMESPACE, held("", at=NOW))
    with pytest.raises(DeployLocked, match="faster"):
        take(cluster)
    assert cluster.objects[LEASE]["spec"]["holderIdentity"] == "faster:1:bb"


class Racing(MemoryStore):
    """Says of the first ``lost`` Leases that they exist, and shows none."""

    lost = 1

    def create(self, item: Object) -> bool:
        if self.lost:
            self.lost -= 1
            return False
        return super().create(item)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_one_released_between_two_looks_is_taken(lost: int) -> None:
    cluster = Racing()
    cluster.lost = lost
    cluster.put(NAMESPACE)
    with lock.locked(cluster, PROJECT, PROJECT):
        assert cluster.named("Lease") == ["todo-deploy"]


def test_one_created_although_the_answer_was_lost_is_ours() -> None:
    class Lossy(MemoryStore):
        def create(self, item: Object) -> bool:
            super().create(item)
            return False  # tried again after a lost connection: it exists

    cluster = Lossy()
    cluster.put(NAMESPACE)
    with lock.locked(cluster, PROJECT, PROJECT):
        fence.check()
    assert cluster.named("Lease") == []


@pytest.mark.parametrize("labels", [{}, None, {"kubetasks.dev/record": "lock", "app.kubernetes.io/part-of": "another"}])
def test_a_lease_of_another_tool_is_left_alone(labels: Any) -> None:
    cluster = store()
    item = held("other-tool", at=NOW)
    item["metadata"]["labels"] = labels
    cluster.put(item)
    before = json.dumps(cluster.objects)
    with pytest.raises(LockUnusable) as caught:
        take(cluster)
    assert caught.value.exit_code == 59
    assert caught.value.line.startswith("Lease/todo-deploy belongs to another tool: it has none of kubetasks' labels")
    assert json.dumps(cluster.objects) == before


FORBIDDEN = ToolFailed(
    "kubectl could not create",
    why='leases.coordination.k8s.io is forbidden: User "me" cannot create resource "leases"',
)


@pytest.mark.parametrize("call", ["create", "get"])
@pytest.mark.parametrize("error", [FORBIDDEN, Forbidden("the cluster does not allow this", why=FORBIDDEN.why)])
def test_without_permission_it_is_refused_with_the_rule_that_is_lacking(call: str, error: KubetasksError) -> None:
    cluster = store()
    cluster.put(held())
    cluster.fail[call] = error
    with pytest.raises(LockUnusable) as caught:
        take(cluster)
    assert caught.value.why == FORBIDDEN.why
    assert "apiGroups: [coordination.k8s.io], resources: [leases]" in caught.value.fix


def test_a_quota_on_leases_is_no_matter_of_permission() -> None:
    cluster = store()
    cluster.fail["create"] = ToolFailed("kubectl could not create", why='leases "x" is forbidden: exceeded quota: few')
    with pytest.raises(LockUnusable, match="raise the namespace's quota"):
        take(cluster)


@pytest.mark.parametrize("error", [ApplyFailed, Forbidden])
def test_without_permission_to_write_a_stale_one(clock: Callable[[float], None], error: type[KubetasksError]) -> None:
    cluster = store()
    cluster.put(held("", at=NOW))
    cluster.fail["apply"] = error("the cluster refused an object", why='leases "todo-deploy" is forbidden: no')
    with pytest.raises(LockUnusable):
        take(cluster, sleep=clock)


def test_in_a_namespace_that_is_not_there() -> None:
    with pytest.raises(DeployLocked, match="there is no namespace todo"):
        take(MemoryStore())


def test_in_a_namespace_that_is_being_deleted() -> None:
    cluster = store()
    cluster.objects["Namespace/todo"]["metadata"]["deletionTimestamp"] = LEAVING_AT
    with pytest.raises(NamespaceTerminating):
        take(cluster)


def test_a_lease_that_is_being_deleted_and_stays_is_named(clock: Callable[[float], None]) -> None:
    cluster = store()
    item = held(at=NOW)
    item["metadata"].update(deletionTimestamp=LEAVING_AT, finalizers=["example.org/held"])
    cluster.put(item)
    with pytest.raises(DeletionHeld, match=r"example\.org/held"):
        take(cluster, sleep=clock)


def test_a_cluster_that_does_not_answer_is_told_as_such() -> None:
    cluster = store()
    cluster.fail["create"] = ClusterUnreachable("no answer")
    with pytest.raises(ClusterUnreachable):
        take(cluster)


# What happens to the Lease while it is held, and what the holder says before its next change.
def _taken_over(cluster: MemoryStore) -> None:
    item = held("thief:9:cc")
    item["metadata"]["uid"] = cluster.objects[LEASE]["metadata"]["uid"]
    cluster.put(item)


def _deleted(cluster: MemoryStore) -> None:
    del cluster.objects[LEASE]


def _made_anew(cluster: MemoryStore) -> None:
    del cluster.objects[LEASE]
    cluster.put(held("thief:9:cc"))


def _released(cluster: MemoryStore) -> None:
    cluster.edit(LEASE, holderIdentity="")


def _leaving(cluster: MemoryStore) -> None:
    cluster.objects[LEASE]["metadata"].update(deletionTimestamp=LEAVING_AT, finalizers=["example.org/held"])


LOSSES: dict[Callable[[MemoryStore], None], str] = {
    _taken_over: "it was taken over by thief (process 9)",
    _deleted: "its Lease was deleted",
    _made_anew: "it was taken over by thief (process 9)",
    _released: "it was released by another process",
    _leaving: "its Lease was deleted",
}


@pytest.mark.parametrize("seconds", [2.0, 25.0, 3600.0])
@pytest.mark.parametrize("lose", LOSSES)
def test_a_holder_that_lost_it_changes_nothing_more(
    lose: Callable[[MemoryStore], None], seconds: float, clock: Callable[[float], None]
) -> None:
    """Suspended for a while, cut off for an hour, or just unlucky: it notices before its next change."""
    cluster = store()
    mine = take(cluster)
    with fence.fenced(mine.check):
        cluster.apply([configmap("one")])
        clock(seconds)
        lose(cluster)
        before = json.dumps(cluster.objects)
        writes: list[Callable[[], object]] = [
            lambda: cluster.apply([configmap("two")]),
            lambda: cluster.create(configmap("two")),
            lambda: cluster.delete([configmap("one")]),
            cluster.delete_all,
        ]
        for write in writes:
            with pytest.raises(LockLost) as caught:
                write()
            assert caught.value.exit_code == 58
            assert caught.value.why.startswith(LOSSES[lose])
        mine.release()
    assert json.dumps(cluster.objects) == before, "what is another's was released"


def test_a_holder_that_was_suspended_and_not_replaced_goes_on(clock: Callable[[float], None]) -> None:
    cluster = store()
    mine = take(cluster)
    with fence.fenced(mine.check):
        clock(7200)
        cluster.apply([configmap()])
        assert cluster.objects[LEASE]["spec"]["renewTime"] == lease._stamp(lease.now())


def test_an_edit_of_the_lease_that_leaves_its_holder_is_no_loss(clock: Callable[[float], None]) -> None:
    cluster = store()
    mine = take(cluster)
    for _ in range(3):
        clock(11)
        cluster.objects[LEASE]["metadata"]["labels"]["team"] = "red"
        cluster.edit(LEASE, leaseTransitions=3)
        mine.renew()
        mine.check()
    mine.release()
    assert cluster.named("Lease") == []


def test_a_holder_that_cannot_ask_changes_nothing(clock: Callable[[float], None]) -> None:
    cluster = store()
    mine = take(cluster)
    clock(25)
    cluster.fail["get"] = cluster.fail["apply"] = ClusterUnreachable("no answer")
    with fence.fenced(mine.check), pytest.raises(ClusterUnreachable):
        cluster.delete([configmap()])


def test_a_change_soon_after_another_asks_no_more(clock: Callable[[float], None]) -> None:
    cluster = store()
    mine = take(cluster)
    cluster.log.clear()
    with fence.fenced(mine.check):
        cluster.apply([configmap("one"), configmap("two")])
        cluster.delete([configmap("one")])
        assert not any("Lease" in line for line in cluster.log)
        clock(1.5)
        cluster.delete([configmap("two")])
    assert [line for line in cluster.log if "Lease" in line] == ["get Lease"]


def test_one_that_goes_with_its_namespace_is_neither_checked_nor_released(clock: Callable[[float], None]) -> None:
    cluster = store()
    with lock.locked(cluster, PROJECT, PROJECT, "destroy") as mine:
        with mine.ending():
            cluster.delete_all()
        clock(3600)
        fence.check()
        mine.renew()
    assert cluster.objects == {}


def test_no_renewal_runs_while_the_namespace_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would create the state folder of the local target anew."""
    monkeypatch.setattr(lock, "RENEW", 0.001)
    cluster = store()
    with lock.locked(cluster, PROJECT, PROJECT, "destroy") as mine:
        with mine.ending():
            cluster.delete_all()
            cluster.log.clear()
            time.sleep(0.1)
            assert cluster.log == []
        time.sleep(0.1)
    assert cluster.objects == {}
    assert cluster.log == []


def test_a_namespace_that_could_not_be_deleted_stays_locked(clock: Callable[[float], None]) -> None:
    cluster = store()
    cluster.fail["delete_all"] = DeletionHeld("refused")
    with pytest.raises(DeletionHeld), lock.locked(cluster, PROJECT, PROJECT, "destroy") as mine, mine.ending():
        cluster.delete_all()
    assert cluster.named("Lease") == []


def test_a_clock_that_is_set_does_not_make_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = store()
    mine = take(cluster)
    real = time.time
    for shift in (-86400, 86400):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        mine.check()
    assert cluster.named("Lease") == ["todo-deploy"]


def test_is_renewed_while_it_is_held_and_something_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_renewal_that_fails_for_a_while_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = [ClusterUnreachable("no answer")] * 3
    renewed = threading.Event()

    class Flaky(MemoryStore):
        def apply(self, objects: list[Object], *, dry_run: bool = False) -> list[Object]:
            if failing:
                raise failing.pop()
            renewed.set()
            return super().apply(objects, dry_run=dry_run)

    monkeypatch.setattr(lock, "RENEW", 0.001)
    cluster = Flaky()
    cluster.put(NAMESPACE)
    with lock.locked(cluster, PROJECT, PROJECT):
        assert renewed.wait(10)
    assert cluster.named("Lease") == []


def test_the_thread_that_renews_is_behind_no_fence() -> None:
    """Its own write of the Lease must not wait for the check that waits for it."""
    cluster = store()
    done: list[str] = []

    def refuse() -> None:
        raise LockLost("no")

    def write() -> None:
        with contextlib.suppress(LockLost):
            cluster.apply([configmap()])
            done.append("written")

    with fence.fenced(refuse):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert done == ["written"]


def test_a_process_number_that_was_given_again_is_another_process() -> None:
    assert holder.is_gone(f"{holder.machine()}/{os.getpid()}/1") is True
    assert holder.is_gone(holder.process()) is False
    assert holder.is_gone(f"{holder.machine()}/x/1") is None
    assert holder.is_gone("") is None
