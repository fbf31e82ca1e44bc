"""How the right content gets under each image's name, and what happens when it is not there."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers import back
from kubetasks.errors import EngineDown, ImageReplaced, ToolFailed
from kubetasks.images.content import LABEL
from kubetasks.images.ledger import Ledger
from kubetasks.objects import Object, of_kind
from kubetasks.tools.docker import Inspected
from tests.world import World, make

BASE = "docker.io/library/base:1"


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


FOREIGN = Inspected(digest("foreign"), labels={"maintainer": "x"}, platform="linux/amd64")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = make(tmp_path, monkeypatch)
    world.edit("Dockerfile", f"FROM {BASE}\nCOPY . .\n")
    return world


def image(world: World, service: str = "backend") -> str:
    """The name that a service's workload runs."""
    item: Object = world.store.objects[f"Deployment/{service}"]
    found: str = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def runs(world: World, service: str = "backend") -> set[str]:
    """The contents that a service's pods run."""
    pods = [pod for name, pod in world.store.objects.items() if name.startswith(f"Pod/{service}-")]
    return {pod["status"]["containerStatuses"][0].get("imageID", "") for pod in pods}


def restart(world: World, service: str = "backend") -> None:
    """A pod that is replaced, by a drain for example, starts what its node has under its image's name."""
    for name, pod in world.store.objects.items():
        if name.startswith(f"Pod/{service}-"):
            pod["status"]["containerStatuses"][0]["imageID"] = world.store.image_ids[image(world, service)]


def plan(world: World) -> dict[str, str]:
    return {step.title: step.what for step in world.prepare().plan() if step.needed}


def forced(world: World) -> None:
    world.prepare(survey=replace(world.survey(), forced=True)).run()


def test_a_first_deploy_names_images_by_their_source(world: World) -> None:
    work = world.deploy()
    backend = work.survey.images["backend"]
    assert image(world) == backend.built_as
    revision = work.revision
    assert revision is not None
    assert revision.images[backend.reference] == [f"config:{world.target.engine[backend.reference].id}"]
    assert revision.running[backend.reference] == [world.target.engine[backend.reference].id]
    assert world.survey().unchanged


def test_a_pod_that_runs_another_image_of_the_right_name_is_noticed(world: World) -> None:
    """Somebody loaded another image under that name; the pod was restarted, and runs it."""
    world.deploy()
    name = image(world)
    world.target.hold(name, FOREIGN)
    assert world.survey().unchanged, "no pod runs it yet"
    restart(world)
    found = world.survey()
    assert not found.unchanged
    assert found.strays == {"backend"}
    assert plan(world)["load"] == f"{name} (its pods run another image with that name)"
    world.deploy()
    right = world.target.engine[name].id
    assert image(world) == f"{name}-{right[7:15]}", "another name, so that the pod is replaced"
    assert runs(world) == {right}
    assert world.survey().unchanged
    assert "build" not in " ".join(world.store.log)


def test_the_first_name_is_put_right_on_the_node_too(world: World) -> None:
    """Another namespace may use it, and would take what is there."""
    world.deploy()
    name = image(world)
    right = world.store.image_ids[name]
    world.target.hold(name, FOREIGN)
    restart(world)
    world.deploy()
    assert image(world) != name
    assert world.store.image_ids[name] == right


def test_a_registry_has_what_was_pushed_first(world: World) -> None:
    """Another machine built the same source: its image stays, whatever this engine has."""
    world.target.pull_policy = "IfNotPresent"
    backend = world.survey().images["backend"]
    theirs = world.made(backend)
    world.target.hold(backend.reference, theirs)
    world.target.engine[backend.reference] = replace(theirs, id=digest("mine"))
    world.deploy()
    assert runs(world) == {theirs.id}


def test_it_is_noticed_again_under_the_new_name(world: World) -> None:
    world.deploy()
    first = image(world)
    for _ in range(2):
        world.target.hold(image(world), FOREIGN)
        restart(world)
        world.deploy()
    right = world.target.engine[first].id
    assert image(world) == f"{first}-{right[7:19]}"
    assert runs(world) == {right}


def test_another_image_on_the_node_is_replaced_by_a_deploy_that_changes_something_else(world: World) -> None:
    world.deploy()
    name = image(world)
    world.target.hold(name, FOREIGN)
    world.edit("manifests/base/backend.yaml", "kind: Deployment # changed")
    assert plan(world)["load"] == f"{name} (the target has another image with that name)"
    world.deploy()
    assert world.store.image_ids[name] == world.target.engine[name].id
    assert image(world) == name


@pytest.mark.parametrize("there", [FOREIGN, replace(FOREIGN, labels={LABEL: "todo-backend:0000000000000000"})])
def test_another_image_that_was_there_before_the_first_deploy(world: World, there: Inspected) -> None:
    name = world.survey().images["backend"].reference
    world.target.hold(name, there)
    world.target.engine[name] = there
    world.deploy()
    assert "build backend frontend" in world.store.log
    assert runs(world) == {world.target.engine[name].id} != {there.id}


def test_a_committed_container_on_the_node_is_noticed_by_who_built_the_image(world: World) -> None:
    """It has the labels of the image that it was made from."""
    backend = world.survey().images["backend"]
    right = world.made(backend)
    world.target.engine[backend.reference] = right
    Ledger(world.root).note(backend.built_as, f"config:{right.id}", {})
    world.target.hold(backend.reference, replace(right, id=digest("committed")))
    world.deploy()
    assert runs(world) == {right.id}


def test_another_image_in_the_engine_is_built_anew(world: World) -> None:
    backend = world.survey().images["backend"]
    world.target.engine[backend.built_as] = FOREIGN
    world.deploy()
    assert runs(world) == {world.builds[0].id}


def test_a_forced_deploy_replaces_what_changed(world: World) -> None:
    world.deploy()
    name, before = image(world), runs(world)
    forced(world)
    assert world.store.log[-1] != ""
    after = runs(world)
    assert after != before
    assert image(world) == f"{name}-{next(iter(after))[7:15]}"
    assert world.target.engine[name].id == next(iter(before)), "the name still stands for what it stood for"
    assert world.survey().unchanged
    assert world.survey().images["backend"].reference == image(world)


def test_a_forced_deploy_replaces_nothing_when_the_content_is_the_same(world: World) -> None:
    world.same_content = True
    world.deploy()
    name, before, pods = image(world), runs(world), world.store.uids("Pod")
    forced(world)
    assert (image(world), runs(world), world.store.uids("Pod")) == (name, before, pods)
    assert world.target.engine[name].id == next(iter(before))
    assert world.survey().unchanged


def test_forced_twice(world: World) -> None:
    world.deploy()
    names = {image(world)}
    for _ in range(2):
        forced(world)
        names.add(image(world))
    assert len(names) == 3
    assert len({name.partition("-")[0] + name.partition(":")[2].partition("-")[0] for name in names}) == 1


def test_a_new_source_has_a_name_of_its_own_again(world: World) -> None:
    world.deploy()
    forced(world)
    world.edit("backend/main.py")
    work = world.deploy()
    assert image(world) == work.survey.images["backend"].built_as
    assert image(world, "frontend") != work.survey.images["frontend"].built_as, "its source did not change"


def test_going_back_to_a_source_takes_its_newest_name(world: World) -> None:
    world.deploy()
    forced(world)
    name = image(world)
    world.edit("backend/main.py")
    world.deploy()
    world.edit("backend/main.py", "print('backend')")
    world.deploy()
    assert image(world) == name


def test_a_base_that_moved_is_built_on(world: World) -> None:
    world.target.engine[BASE] = Inspected(digest("base 1"))
    world.deploy()
    name, before = image(world), runs(world)
    assert world.survey().unchanged
    world.target.engine[BASE] = Inspected(digest("base 2"))
    assert world.survey().reasons == dict.fromkeys(("backend", "frontend"), f"its base {BASE} changed")
    assert plan(world)["build"] == f"backend (its base {BASE} changed), frontend (its base {BASE} changed)"
    world.deploy()
    assert "build backend frontend" in world.store.log
    assert runs(world) != before
    assert image(world).startswith(f"{name}-")
    assert world.survey().unchanged


def test_a_base_that_moved_on_another_machine_is_no_reason(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines whose bases differ must not take turns in replacing each other's images."""
    world.target.engine[BASE] = Inspected(digest("base 1"))
    world.deploy()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("other")))
    world.target.engine = {BASE: Inspected(digest("base 2"))}
    assert world.survey().unchanged


def test_another_machine_that_has_to_build_gives_its_content_a_name(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node was made anew, and this machine's build is another content than the recorded one."""
    world.deploy()
    name = image(world)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("other")))
    world.target.engine, world.target.present = {}, {}
    world.edit("manifests/base/backend.yaml", "kind: Deployment # changed")
    world.deploy()
    assert image(world) == f"{name}-{world.builds[-2].id[7:15]}"


def test_the_engine_is_asked_only_by_who_built(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def view(*args: Any) -> Any:
        asked.append(args)
        raise EngineDown("it does not answer")

    monkeypatch.setattr("kubetasks.survey.view", view)
    world.survey()
    assert asked == []
    world.target.engine[BASE] = Inspected(digest("base 1"))
    world.deploy()
    assert world.survey().unchanged, "an engine that is down is no reason"
    assert len(asked) == 1


def test_what_was_built_by_hand_is_deployed_once(world: World) -> None:
    """`inv image.build --force`, then `inv deploy`."""
    work = world.deploy()
    backend = work.survey.images["backend"]
    new = world.made(backend)
    world.target.engine[backend.built_as] = new
    Ledger(world.root).note(backend.built_as, f"config:{new.id}", {}, pending=True)
    assert world.survey().reasons == {"backend": "it was rebuilt and is not deployed yet"}
    assert "build" not in plan(world)
    world.deploy()
    assert runs(world) == {new.id}
    assert image(world) == f"{backend.built_as}-{new.id[7:15]}"
    assert world.survey().unchanged


def test_what_was_built_for_another_engine_is_no_reason(world: World) -> None:
    """The engine in a Minikube node has images of the same names."""
    work = world.deploy()
    Ledger(world.root, "minikube").note(work.survey.images["backend"].built_as, "config:1", {}, pending=True)
    assert world.survey().unchanged


def test_a_rollback_brings_back_what_was_deployed(world: World) -> None:
    world.deploy()
    name, before = image(world), runs(world)
    forced(world)
    world.target.present.clear()
    back.Rollback(world.settings, world.console, world.survey(), world.deployer_named).run()
    assert (image(world), runs(world)) == (name, before)
    assert world.survey().unchanged


def test_a_rollback_to_an_image_that_was_replaced_is_refused(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    first = next(name for name in world.survey().history[0].images if "backend" in name)
    world.target.hold(first, FOREIGN)
    world.target.engine[first] = FOREIGN
    objects = dict(world.store.objects)
    with pytest.raises(ImageReplaced, match="is another image than the one that was deployed") as caught:
        back.Rollback(world.settings, world.console, world.survey(), world.deployer_named).run()
    assert caught.value.exit_code == 38
    assert world.store.objects == objects


def test_a_failed_deploy_keeps_its_names_apart_too(world: World) -> None:
    """What a failed revision ran under a name is recorded: a forced build of the same source gets another."""
    world.store.refuse["Deployment/frontend"] = "field is immutable"
    with pytest.raises(Exception, match="immutable"):
        world.deploy()
    world.store.refuse.clear()
    name = world.survey().images["backend"].reference
    forced(world)
    assert image(world).startswith(f"{name}-")


def test_an_image_that_cannot_be_named_is_an_error(world: World) -> None:
    world.deploy()
    world.runner.answers["docker", "tag"] = (1, "", "denied")
    with pytest.raises(ToolFailed):
        forced(world)
    assert len(of_kind(list(world.store.objects.values()), "Pod"))


def test_the_local_target_needs_none(world: World) -> None:
    world.target.cluster = None
    backend = world.survey().images["backend"]
    Ledger.of(world.root, world.target).note(backend.built_as, "config:1", {}, pending=True)
    work = world.deploy()
    assert work.revision is not None
    assert (work.revision.images, work.revision.running) == ({}, {})
    assert world.survey().unchanged
