"""Every task that changes something holds the deploy lock while it does, and no other task does."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from kubetasks.tasks import chart, collection, deploy, lock, manifest, secret
from tests.memory_store import NAMESPACE, at_look
from tests.samples import deployment
from tests.unit.deployers.test_lock import held
from tests.unit.tasks.conftest import Inv
from tests.world import World

HELM = ["helm", "--kube-context", "kind-test", "--namespace", "todo"]


def helm(world: World) -> None:
    """A helm that applies and keeps revisions."""

    def run(call: Any) -> str:
        number = sum("sh.helm" in name for name in world.store.objects) + 1
        labels = {"owner": "helm", "name": "todo", "version": str(number), "status": "deployed"}
        meta = {"name": f"sh.helm.release.v1.todo.v{number}", "labels": labels}
        world.store.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": meta}])
        return "done"

    objects = yaml.safe_dump_all(world.renderer.render(world.survey().release))
    world.runner.answers = {
        ("helm", "version"): "v3.17.3",
        ("helm", "--namespace", "todo", "template"): objects,
        (*HELM, "upgrade"): run,
        (*HELM, "rollback"): run,
        (*HELM, "test"): "passed",
    }


def nothing(world: World) -> None:
    """Nothing to do before it."""


def changed(world: World) -> None:
    world.edit("backend/main.py")


def new_value(world: World) -> None:
    world.given["API_KEY"] = "another-value-than-before"
    (world.root / ".env").write_text("API_KEY=another-value-than-before\n")


def old(world: World) -> None:
    world.store.put(deployment("old"))


def two_helm_revisions(world: World) -> None:
    helm(world)
    for _ in range(2):
        world.runner.run([*HELM, "upgrade"])


# Each writer, with its arguments, and what makes that it has something to do.
WRITERS: dict[str, tuple[Any, tuple[str, ...], dict[str, Any], Callable[[World], None]]] = {
    "deploy": (deploy.deploy, (), {}, changed),
    "deploy --force": (deploy.deploy, (), {"force": True}, nothing),
    "rollback": (deploy.rollback, (), {"to": 1}, nothing),
    "destroy": (deploy.destroy, (), {}, nothing),
    "secret.apply": (secret.apply, (), {}, new_value),
    "secret.rotate": (secret.rotate, ("JWT_SECRET",), {}, nothing),
    "manifest.apply": (manifest.apply, (), {}, old),
    "chart.upgrade": (chart.upgrade, (), {}, helm),
    "chart.rollback": (chart.rollback, (), {}, two_helm_revisions),
    "chart.test": (chart.test, (), {}, helm),
}


@pytest.fixture(params=WRITERS)
def writer(request: pytest.FixtureRequest, world: World, inv: Inv) -> Callable[..., Any]:
    """One of the writers, after a first deploy."""
    task, words, given, prepare = WRITERS[request.param]
    inv(deploy.deploy)
    inv(deploy.deploy, force=True)
    prepare(world)
    world.store.log.clear()

    def run(**more: Any) -> Any:
        return inv(task, *words, **given, **more)

    return run


def test_it_holds_the_lock_from_before_its_first_change_to_after_its_last(
    world: World, writer: Callable[..., Any]
) -> None:
    assert writer().code == 0
    written = [line for line in world.store.log if line.split()[0] in {"apply", "create", "delete"}]
    # The namespace is there before the lock, which lies in it, and takes the lock with it when it goes.
    written = [line for line in written if "Namespace" not in line]
    assert written[0] == "create Lease/todo-deploy"
    assert written[-1] in {"delete Lease/todo-deploy", "delete everything"}
    assert world.store.named("Lease") == []


def test_it_is_refused_while_another_one_is_at_work_and_changes_nothing(
    world: World, writer: Callable[..., Any]
) -> None:
    world.store.put(held())
    before = json.dumps(world.store.objects, sort_keys=True)
    done = writer()
    assert done.code == 25, done.err
    assert done.err.startswith("error: another deploy is under way in this namespace: elsewhere (process 1), began at ")
    assert json.dumps(world.store.objects, sort_keys=True) == before


def test_it_waits_for_another_one_where_it_is_asked_to(
    world: World, writer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubetasks.deployers.lock.POLL", 0.01)
    world.store.put(held())
    at_look(world.store, monkeypatch, "Lease", lambda: world.store.objects.pop("Lease/todo-deploy"))
    done = writer(lock_wait=30)
    assert done.code == 0, done.err
    assert "· lock: waiting for elsewhere (process 1), began at " in done.out
    assert done.out.count("waiting for") == 1


def test_a_wait_is_not_negative(world: World, writer: Callable[..., Any]) -> None:
    done = writer(lock_wait=-1)
    assert (done.code, done.err) == (3, "error: --lock-wait -1: it is negative -- specify a number of seconds\n")


def test_every_writer_has_the_flag_and_no_reader() -> None:
    named = {name.partition(" ")[0] for name in WRITERS}
    for name in collection.task_names:
        flags = inspect.signature(collection[name].body).parameters
        assert ("lock_wait" in flags) == (name in named), name


def test_a_deploy_that_waited_looks_again(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other one did in the meantime counts: its revision, its generated secrets."""
    monkeypatch.setattr("kubetasks.deployers.lock.POLL", 0.01)
    world.store.put(NAMESPACE, held())

    def another() -> None:
        world.store.objects.pop("Lease/todo-deploy")
        world.prepare(check=True).run()

    at_look(world.store, monkeypatch, "Lease", another)
    done = inv(deploy.deploy, lock_wait=30)
    assert done.code == 0, done.err
    assert "nothing changed since revision 1" in done.out
    assert not [name for name in world.store.objects if name.endswith("revision-2")]


def test_a_deploy_that_waited_brings_the_images_again_that_are_gone_meanwhile(
    world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubetasks.deployers.lock.POLL", 0.01)
    inv(deploy.deploy)
    new_value(world)
    world.store.put(held())
    source = (world.root / "backend/main.py").read_text(encoding="utf-8")

    def another() -> None:
        world.store.objects.pop("Lease/todo-deploy")
        world.edit("backend/main.py", "print('of another process')")
        world.prepare(check=True).run()
        world.edit("backend/main.py", source)
        world.target.present.clear()

    at_look(world.store, monkeypatch, "Lease", another)
    done = inv(deploy.deploy, lock_wait=30)
    assert done.code == 0, done.err
    survey = world.survey()
    assert survey.history[-1].number == 3
    assert survey.unchanged
    assert {image.reference for image in survey.images.values()} <= set(world.target.present)


def test_status_and_release(world: World, inv: Inv) -> None:
    assert inv(lock.status).out == "the deploy lock is free\n"
    world.store.put(NAMESPACE, held())
    document = json.loads(inv(lock.status, json=True).out)
    assert (document["target"], document["namespace"], document["held"], document["state"]) == (
        "kind",
        "todo",
        True,
        "living",
    )
    assert inv(lock.release).code == 25
    done = inv(lock.release, force=True)
    assert done.out.startswith("✓ release: released; it was held by elsewhere (process 1)")
    assert world.store.named("Lease") == []
    assert inv(lock.release).out.startswith("✓ release: the deploy lock is free")


def test_without_a_namespace_there_is_nothing_to_lock(world: World, inv: Inv) -> None:
    assert inv(lock.status).out == "the deploy lock is free\n"
    assert inv(deploy.destroy).code == 0
    helm(world)
    done = inv(chart.test)
    assert (done.code, done.err.split(":")[1].strip()) == (25, "there is no namespace todo")
