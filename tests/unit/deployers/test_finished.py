"""Jobs that the cluster removes once they have finished: known to be complete, neither applied nor waited for."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers import finished
from kubetasks.deployers.back import Rollback
from kubetasks.deployers.record import Revision
from kubetasks.deployers.rollout import Watch
from kubetasks.errors import RolloutFailed
from kubetasks.objects import Object, Objects
from tests.memory_store import LEAVING_AT, NAMESPACE, Clock, MemoryStore
from tests.samples import PROJECT, deployment, job, silent
from tests.world import Passing, World, make


def passing(seconds: int = 0, image: str = "") -> Object:
    item = job(image=image)
    item["spec"]["ttlSecondsAfterFinished"] = seconds
    return item


def event(reason: str, kind: str = "Normal", uid: str = "u-1", at: str = "2026-01-02T03:04:05Z") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"migrate-0123.{reason}.{uid}.{at}"},
        "involvedObject": {"kind": "Job", "name": "migrate-0123", "uid": uid},
        "reason": reason,
        "type": kind,
        "message": f"it is {reason}",
        "lastTimestamp": at,
    }


FAILED = "BackoffLimitExceeded: it is BackoffLimitExceeded"
SAID: dict[str, tuple[Objects, str, str]] = {
    "nothing": ([], "u-1", ""),
    "it completed": ([event("SuccessfulCreate"), event("Completed")], "u-1", "Completed"),
    "it failed": ([event("SuccessfulCreate"), event("BackoffLimitExceeded", "Warning")], "u-1", FAILED),
    "a pod was not made at first": ([event("FailedCreate", "Warning"), event("Completed")], "u-1", "Completed"),
    "a pod was not made": ([event("FailedCreate", "Warning")], "u-1", ""),
    "one before it completed": ([event("Completed", uid="u-0")], "u-1", ""),
    "of the newest, where none was seen": (
        [event("Completed", uid="u-0", at="2026-01-02T03:00:00Z"), event("SuccessfulCreate", uid="u-1")],
        "",
        "",
    ),
    "that the newest completed": (
        [event("BackoffLimitExceeded", "Warning", "u-0", "2026-01-02T03:00:00Z"), event("Completed", uid="u-1")],
        "",
        "Completed",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_what_events_say(name: str) -> None:
    events, uid, said = SAID[name]
    assert finished.told_by([*events, {**event("Completed"), "involvedObject": {}}], "migrate-0123", uid) == said


@pytest.mark.parametrize(
    ("live", "rendered", "completed", "expected"),
    [
        ([], passing(), passing(), {"Job/migrate-0123"}),
        ([], passing(60), passing(), {"Job/migrate-0123"}),
        ([passing()], passing(), passing(), set()),  # it is there
        ([], job(), job(), set()),  # nothing but a person removes it
        ([], passing(image="another:1"), passing(), set()),  # another Job by now
        ([], passing(), None, set()),  # it never completed
    ],
)
def test_which_jobs_are_complete_and_gone(
    live: Objects, rendered: Object, completed: Object | None, expected: set[str]
) -> None:
    known = {"Job/migrate-0123": finished.facts(completed)} if completed else {}
    assert finished.gone([rendered, deployment()], live, known) == expected


def test_the_newest_record_counts() -> None:
    one, two = {"Job/x": {"template": "1"}}, {"Job/x": {"template": "2"}, "Job/y": {"template": "3"}}
    history = [Revision(1, "deployed", "manifests", "", finished=two), Revision(2, "failed", "", "", finished=one)]
    assert finished.known(history) == {"Job/x": {"template": "1"}, "Job/y": {"template": "3"}}


def watch(store: MemoryStore, clock: Clock, **more: Any) -> Watch:
    return Watch(store, PROJECT, 60, silent, clock=clock, sleep=clock.sleep, **more)


def cluster() -> MemoryStore:
    store = MemoryStore()
    store.put(NAMESPACE)
    return store


def test_a_job_that_was_seen_to_complete_may_go() -> None:
    store, clock = cluster(), Clock()
    store.stuck.add("Deployment/backend")
    store.apply([passing(), deployment()])

    def remove() -> None:
        store._remove("Job/migrate-0123")
        store.stuck.clear()
        store._control(store.objects["Deployment/backend"])

    clock.at = {3.0: remove}
    work = watch(store, clock)
    seen = work.until_ready([passing(), deployment()])
    assert [(each.workload, each.line) for each in seen] == [
        ("Job/migrate-0123", "complete"),
        ("Deployment/backend", "1/1 ready"),
    ]
    assert work.complete == {"Job/migrate-0123"}


def test_a_job_that_completes_while_it_is_removed_is_complete() -> None:
    store, clock = cluster(), Clock()
    store.apply([passing()])
    store.objects["Job/migrate-0123"]["metadata"]["deletionTimestamp"] = LEAVING_AT
    assert watch(store, clock).until_ready([passing()])[0].line == "complete"


@pytest.mark.parametrize(("events", "seconds"), [([event("Completed")], 1.0), ([], 0.0)])
def test_a_job_that_is_gone_before_it_was_seen(events: Objects, seconds: float) -> None:
    """Complete when an event says so, or a record; then it is not waited for."""
    store, clock = cluster(), Clock()
    store.put(*events)
    done = () if events else {"Job/migrate-0123"}
    assert watch(store, clock, finished=done).until_ready([passing()])[0].done
    assert clock.now <= seconds


def test_a_job_that_failed_and_is_gone_is_a_failure() -> None:
    store, clock = cluster(), Clock()
    store.put(event("BackoffLimitExceeded", "Warning"))
    with pytest.raises(
        RolloutFailed, match=r"Job/migrate-0123 was removed, and it did not complete \[JOB_GONE\]"
    ) as caught:
        watch(store, clock).until_ready([passing(5)])
    assert caught.value.why == f"{FAILED}; the cluster removes it 5 s after it has ended"
    assert "event: Warning BackoffLimitExceeded" in caught.value.detail


def test_a_job_of_which_nothing_is_known_is_a_failure_soon() -> None:
    store, clock = cluster(), Clock()
    with pytest.raises(RolloutFailed, match="no event says how it ended"):
        watch(store, clock).until_ready([passing()])
    assert clock.now < 15


def test_a_workload_that_is_being_deleted_is_not_ready() -> None:
    store, clock = cluster(), Clock()
    store.apply([deployment()])
    store.objects["Deployment/backend"]["metadata"]["deletionTimestamp"] = LEAVING_AT
    with pytest.raises(Exception, match="Deployment/backend being deleted"):
        watch(store, clock).until_ready([deployment()])


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = make(tmp_path, monkeypatch)
    made.renderer = Passing()
    return made


def remove(world: World) -> None:
    [name] = world.store.named("Job")
    world.store._remove(f"Job/{name}")


def applied(world: World) -> list[str]:
    return [line for line in world.store.log if line.startswith("apply Job/")]


def test_nothing_changed_once_the_job_is_gone(world: World) -> None:
    world.deploy()
    remove(world)
    assert world.survey().unchanged
    world.deploy()
    assert world.store.changes == []


def test_a_deploy_of_another_image_neither_runs_the_job_again_nor_waits_for_it(world: World) -> None:
    first = world.deploy().survey.release
    remove(world)
    world.edit("backend/main.py")
    work = world.deploy()
    assert applied(world) == []
    assert world.store.named("Job") == []
    assert work.survey.release.migration_image == first.images["backend"]
    # What is known goes on from record to record.
    world.edit("backend/main.py", "more")
    world.deploy()
    assert applied(world) == []
    assert world.survey().unchanged


def test_another_migration_runs(world: World) -> None:
    world.deploy()
    remove(world)
    world.edit("backend/migrations/2.sql")
    world.deploy()
    assert len(applied(world)) == 1


def test_force_runs_it_again(world: World) -> None:
    world.deploy()
    remove(world)
    survey = world.survey(forced=True)
    assert survey.release.migration_image == survey.release.images["backend"]
    world.prepare(survey=survey).run()
    assert len(world.store.named("Job")) == 1


def test_a_job_of_which_no_record_says_that_it_completed_runs_again(world: World) -> None:
    world.deploy()
    remove(world)
    world.store.objects["ConfigMap/todo-revision-1"]["data"]["finished"] = "{}"
    world.edit("backend/main.py")
    world.deploy()
    assert len(applied(world)) == 1


def test_going_back_does_not_run_it_again(world: World) -> None:
    world.deploy()
    remove(world)
    world.edit("backend/main.py")
    world.deploy()
    world.store.log.clear()
    Rollback(world.settings, world.console, world.survey(), world.deployer_named).run()
    assert applied(world) == []
    assert world.store.named("Job") == []


def test_jobs_of_a_cronjob_change_nothing(world: World) -> None:
    world.deploy()
    owned = job("nightly-1")
    owned["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "nightly", "uid": "u", "controller": True}]
    world.store.put({**owned, "status": {"active": 1}})
    assert world.survey().unchanged
    world.edit("backend/main.py")
    world.deploy()
    assert "nightly-1" in world.store.named("Job"), "it was pruned"
