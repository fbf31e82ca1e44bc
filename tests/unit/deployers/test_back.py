"""Going back: which revision, in which order, and what stays."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers import back, history, lock
from kubetasks.deployers.history import DEPLOYED, DEPLOYING, FAILED, Revision
from kubetasks.errors import DeployLocked, NothingToRollBack, RolloutFailed
from kubetasks.survey import Survey
from tests.memory_store import NAMESPACE
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
    known = [Revision(number, state, "manifests", "") for number, state in enumerate(states, 1)]
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
    return back.roll_back(world.settings, world.console, world.survey(), world.deployer_named, to)


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
    assert (made.number, made.status, made.note, made.verified) == (3, DEPLOYED, "rollback to 1", True)
    [*_, found] = history.revisions(world.store.get(["ConfigMap"]))
    assert found == replace(made, objects=[])
    assert history.objects_of(world.store.get(["ConfigMap"]), 3) == history.objects_of(
        world.store.get(["ConfigMap"]), 1
    )
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
    with pytest.raises(Exception, match="do not hold"):
        world.deploy()
    assert roll_back(world).note == "rollback to 1"


def test_brings_back_images_that_the_nodes_lost(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    world.target.present.clear()
    roll_back(world)
    [delivery] = [line for line in world.store.log if line.startswith("deliver")]
    first = history.objects_of(world.store.get(["ConfigMap"]), 1)
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
    held = lock.lease("todo", "todo", now=dt.datetime.now(dt.UTC))
    held["spec"]["holderIdentity"] = "elsewhere:1"
    world.store.put(held)
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
        back.roll_back(world.settings, world.console, before, world.deployer_named, 0)
    assert image(world) == now


def take_down(world: World) -> None:
    back.take_down(world.settings, world.console, world.target, world.deployer_named)


def test_takes_down_a_namespace_of_its_own_whole(world: World) -> None:
    world.deploy()
    take_down(world)
    assert world.store.objects == {}
    assert "destroy: namespace todo is gone" in world.shown
    take_down(world)
    assert "there is no namespace todo" in world.shown


@pytest.mark.parametrize(
    "labels",
    [None, {}, {"app.kubernetes.io/managed-by": "kubetasks", "app.kubernetes.io/part-of": "another"}],
)
def test_leaves_a_namespace_of_somebody_elses_with_what_is_theirs(world: World, labels: dict[str, str] | None) -> None:
    namespace: dict[str, Any] = {**NAMESPACE, "metadata": {"name": "todo", **({"labels": labels} if labels else {})}}
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "labels": {}}}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-postgres-0", "labels": {"app.kubernetes.io/part-of": "todo"}},
    }
    world.store.put(namespace, theirs, claim)
    world.deploy()
    take_down(world)
    assert set(world.store.objects) == {"Namespace/todo", "ConfigMap/theirs"}
    assert "is not ours and stays" in world.shown
