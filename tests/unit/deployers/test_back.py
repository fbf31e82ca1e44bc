"""Going back: which revision, in which order, and what stays."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubetasks.deployers import back, history, lease
from kubetasks.deployers.history import DEPLOYED, DEPLOYING, FAILED, Revision
from kubetasks.errors import DeployLocked, NothingToRollBack, RecordDamaged, RolloutFailed, VerifyFailed
from kubetasks.objects import Object
from kubetasks.survey import Survey
from tests.samples import configmap
from tests.world import BAD, World, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def surveyed(world: World, *states: str, running: bool) -> Survey:
    """A survey with revisions 1, 2, 3, … of these states, and whether the newest one is what runs."""
    found = world.survey()
    live = [configmap()]
    live[0]["metadata"]["uid"] = "uid-1"
    runs = history.fingerprint(live) if running else {"ConfigMap/todo-config": "other"}
    known = [Revision(at, state, "manifests", "", verified=state == DEPLOYED) for at, state in enumerate(states, 1)]
    if known:
        known[-1] = replace(known[-1], fingerprint=runs)
    return replace(found, live=live, history=known)


G, F, D = DEPLOYED, FAILED, DEPLOYING


@pytest.mark.parametrize(
    ("states", "running", "to", "chosen"),
    [
        ((G, G), True, 0, 1),  # the last deploy was good: the one before it
        ((G, G, G), True, 0, 2),
        ((G, F), False, 0, 1),  # the last deploy failed: the last good one
        ((G, G, F), False, 0, 2),
        ((G, G, F, F, F), False, 0, 2),
        ((G, F, G), True, 0, 1),  # over a failed one
        ((G,), False, 0, 1),  # somebody edited what runs, or a deploy was interrupted: the last good one itself
        ((G, G), False, 0, 2),
        ((G, D), False, 0, 1),
        ((G, G, G), True, 1, 1),  # the one asked for
        ((G, G, G), True, 3, 3),
        ((G, F, G), False, 1, 1),
    ],
)
def test_which_one(world: World, states: tuple[str, ...], running: bool, to: int, chosen: int) -> None:
    assert back.choose(surveyed(world, *states, running=running), to).number == chosen


@pytest.mark.parametrize(
    ("states", "running", "to", "line"),
    [
        ((), False, 0, "there is no earlier good revision -- good revisions: none; deploy one: inv deploy"),
        ((G,), True, 0, "there is no earlier good revision -- good revisions: 1; deploy one: inv deploy"),
        ((F,), False, 0, "there is no earlier good revision -- good revisions: none; deploy one: inv deploy"),
        ((F, G), True, 0, "there is no earlier good revision -- good revisions: 2; deploy one: inv deploy"),
        ((G, F, G), True, 2, "revision 2 is not a good one -- good revisions: 1, 3"),
        ((G, G), True, 7, "revision 7 is not a good one -- good revisions: 1, 2"),
        ((), False, 1, "revision 1 is not a good one -- good revisions: none"),
    ],
)
def test_none(world: World, states: tuple[str, ...], running: bool, to: int, line: str) -> None:
    with pytest.raises(NothingToRollBack) as caught:
        back.choose(surveyed(world, *states, running=running), to)
    assert caught.value.line == line
    assert caught.value.exit_code == 54


def roll_back(world: World, to: int = 0) -> Revision:
    world.store.log.clear()
    return back.Rollback(world.settings, world.console, world.survey(), world.deployer_named, to).run()


def recorded(world: World, number: int) -> list[Object]:
    return history.objects_of(world.store, world.store.get(["ConfigMap"]), number, "todo")


def image(world: World, name: str = "backend") -> str:
    found: str = world.store.objects[f"Deployment/{name}"]["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def test_goes_back_and_becomes_the_newest_revision(world: World) -> None:
    first = world.deploy().survey.release.images["backend"]
    pods = set(world.store.named("Pod"))
    world.edit("backend/main.py")
    world.deploy()
    assert image(world) != first
    made = roll_back(world)
    assert image(world) == first
    assert set(world.store.named("Pod")) == pods
    assert (made.number, made.status, made.note, made.verified) == (3, DEPLOYED, "rollback to 1", False)
    [*_, found] = history.revisions(world.store.get(["ConfigMap"]))
    assert found == replace(made, objects=[])
    assert recorded(world, 3) == recorded(world, 1)
    assert world.store.named("Lease") == []
    assert "rollback: to revision 1 of " in world.shown


def test_the_same_source_is_deployed_again_after_going_back(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    bad = world.deploy().survey.release.images["backend"]
    roll_back(world)
    assert not world.survey().unchanged
    world.deploy()
    assert image(world) == bad


def test_after_going_back_the_older_source_is_already_there(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    roll_back(world)
    world.edit("backend/main.py", "print('backend')")
    assert world.survey().unchanged


def test_goes_back_from_a_failed_rollout(world: World) -> None:
    first = world.deploy().survey.release.images["backend"]
    world.edit("backend/main.py")
    world.store.broken["Deployment/backend"] = {
        "ready": False,
        "state": {"waiting": {"reason": "ErrImageNeverPull", "message": ""}},
    }
    with pytest.raises(RolloutFailed):
        world.deploy()
    world.store.broken.clear()
    made = roll_back(world)
    assert (made.number, made.note) == (3, "rollback to 1")
    assert image(world) == first


def test_goes_back_from_what_was_rolled_out_and_not_proven(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.report = BAD
    with pytest.raises(Exception, match="checks failed"):
        world.deploy()
    assert roll_back(world).note == "rollback to 1"


def test_brings_back_images_that_the_nodes_lost(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    world.target.present.clear()
    roll_back(world)
    [delivery] = [line for line in world.store.log if line.startswith("deliver")]
    first = recorded(world, 1)
    wanted = {
        each["image"]
        for item in first
        for each in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    }
    assert set(delivery.split()[1:]) == wanted
    assert "load: 2 on every node" in world.shown


def test_delivers_before_it_locks_and_nothing_when_all_is_there(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    roll_back(world)
    assert not any(line.startswith("deliver") for line in world.store.log)


def test_keeps_the_secret_as_it_is(world: World) -> None:
    world.deploy()
    world.given["API_KEY"] = "rotated-because-it-leaked"
    world.deploy()
    held = dict(world.secret()["data"])
    roll_back(world)
    assert world.secret()["data"] == held


def test_is_refused_while_a_deploy_is_under_way(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    now = world.deploy().survey.release.images["backend"]
    now_ = dt.datetime.now(dt.UTC)
    world.store.put(lease.made("todo", "todo", identity="elsewhere:1:aa", command="deploy", since=now_, at=now_))
    world.store.objects["Lease/todo-deploy"]["metadata"]["annotations"] = {}
    with pytest.raises(DeployLocked):
        roll_back(world)
    assert image(world) == now


def test_is_refused_when_it_was_overtaken(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    before = world.survey()
    world.edit("backend/main.py", "a third")
    now = world.deploy().survey.release.images["backend"]
    with pytest.raises(DeployLocked):
        back.Rollback(world.settings, world.console, before, world.deployer_named).run()
    assert image(world) == now


def three(world: World) -> None:
    for text in ("one", "two", "three"):
        world.edit("backend/main.py", text)
        world.deploy()


def test_a_damaged_record_is_passed_over_and_named(world: World) -> None:
    three(world)
    world.store.objects["ConfigMap/todo-revision-2"]["data"]["objects"] = "damaged"
    assert roll_back(world).note == "rollback to 1"
    assert "· revision 2 is skipped: its objects are not as they were written" in world.shown


@pytest.mark.parametrize("key", ["objects", "format"])
def test_a_damaged_record_that_was_asked_for_is_refused(world: World, key: str) -> None:
    three(world)
    world.store.objects["ConfigMap/todo-revision-2"]["data"][key] = "9"
    before = json.dumps(world.store.objects)
    with pytest.raises(RecordDamaged, match="the record of revision 2 cannot be used"):
        roll_back(world, 2)
    assert json.dumps(world.store.objects) == before


def test_where_all_records_are_damaged_nothing_is_changed(world: World) -> None:
    three(world)
    for number in (1, 2):
        world.store.objects[f"ConfigMap/todo-revision-{number}"]["data"].pop("objects")
    before = json.dumps(world.store.objects)
    with pytest.raises(RecordDamaged):
        roll_back(world)
    assert json.dumps(world.store.objects) == before


def test_a_rollback_that_fails_is_noted_as_a_failed_revision(world: World) -> None:
    three(world)
    world.store.broken["Deployment/backend"] = {
        "ready": False,
        "state": {"waiting": {"reason": "ErrImageNeverPull", "message": ""}},
    }
    world.store._control(world.store.objects["Deployment/backend"])
    with pytest.raises(RolloutFailed):
        roll_back(world, 1)
    [*_, found] = history.revisions(world.store.get(["ConfigMap"]))
    assert (found.number, found.status) == (4, FAILED)
    assert found.note.startswith("rollback to 1: Deployment/backend cannot become ready")


def proven(world: World, verify: Callable[[list[Object]], str]) -> Revision:
    found = world.survey()
    return back.Rollback(world.settings, world.console, found, world.deployer_named, verify=verify).run()


def test_a_rollback_is_verified_and_verified_is_earned(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    seen: list[list[Object]] = []

    def verify(objects: list[Object]) -> str:
        seen.append(objects)
        return "all checks passed"

    assert proven(world, verify).verified
    assert [item["kind"] for item in seen[0] if item["kind"] == "Deployment"]
    assert history.revisions(world.store.get(["ConfigMap"]))[-1].verified


def test_a_rollback_that_is_not_proven_says_so_and_is_recorded(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()

    def verify(objects: list[Object]) -> str:
        raise VerifyFailed("1 of 9 checks do not hold")

    with pytest.raises(VerifyFailed):
        proven(world, verify)
    found = history.revisions(world.store.get(["ConfigMap"]))[-1]
    assert (found.status, found.verified, found.note) == (DEPLOYED, False, "rollback to 1")


def test_the_last_good_revision_is_the_last_verified_one(world: World) -> None:
    found = surveyed(world, G, G, G, running=True)
    known = [replace(each, verified=each.number == 1) for each in found.history]
    assert back.choose(replace(found, history=known), 0).number == 1
    with pytest.raises(NothingToRollBack) as caught:
        back.choose(replace(found, history=[replace(each, verified=False) for each in known]), 0)
    assert caught.value.line == (
        "there is no earlier verified revision: deployed but not verified: 1, 2 -- inv rollback --to 2"
    )
