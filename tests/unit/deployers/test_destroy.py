"""Taking back what was deployed: what goes, what stays, what is named when something does not go."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers import history
from kubetasks.deployers.destroy import Destroy
from kubetasks.deployers.record import Revision
from kubetasks.deployers.status import look
from kubetasks.errors import (
    DeletionHeld,
    DeployLocked,
    Interrupted,
    KubetasksError,
    NamespaceTerminating,
    ToolFailed,
)  # fmt: skip
from kubetasks.objects import Object
from kubetasks.targets import leftovers
from kubetasks.targets.base import Volume
from tests.memory_store import LEAVING_AT, NAMESPACE, Clock, MemoryStore
from tests.samples import configmap
from tests.unit.deployers.test_lock import held
from tests.world import World, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def destroy(world: World, clock: Clock | None = None, wait: float = 0.0) -> None:
    clock = clock or Clock()
    Destroy(world.settings, world.console, world.target, world.deployer_named, wait, clock, clock.sleep).run()


def test_takes_down_a_namespace_of_its_own_whole(world: World) -> None:
    world.deploy()
    destroy(world)
    assert world.store.objects == {}
    assert "destroy: namespace todo is deleted" in world.shown
    destroy(world)
    assert "there is no namespace todo" in world.shown


class Volumes:
    """The volumes of a cluster whose provisioner removes each at a second, or never."""

    def __init__(self, clock: Clock, **gone_at: float) -> None:
        self.clock, self.gone_at = clock, gone_at
        self.erased: list[str] = []

    def __call__(self) -> list[Volume]:
        return [self.volume(name) for name, at in self.gone_at.items() if self.clock() < at]

    def volume(self, name: str) -> Volume:
        def erase() -> None:
            self.erased.append(name)
            self.gone_at[name] = 0.0

        kept, ours = name.startswith("kept"), name.startswith("ours")
        shown, delete = f"PersistentVolume/{name}", f"kubectl delete {name}"
        return Volume(shown, delete, "data", idle=True, released=True, retained=kept, erase=erase if ours else None)


def destroy_with(world: World, monkeypatch: pytest.MonkeyPatch, clock: Clock, volumes: Volumes) -> None:
    world.deploy()
    monkeypatch.setattr(world.target, "volumes", volumes)
    destroy(world, clock)


def test_waits_until_the_volumes_are_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    destroy_with(world, monkeypatch, clock, Volumes(clock, soon=3.0, later=7.0))
    assert 7.0 <= clock() < 8.0
    assert "stays with its data" not in world.shown


def test_names_the_volumes_that_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    destroy_with(world, monkeypatch, clock, Volumes(clock, kept=1e9))
    assert clock() == 0.0
    assert (
        "PersistentVolume/kept stays with its data (its reclaim policy is Retain). To delete it: kubectl delete kept"
        in world.shown
    )
    destroy_with(world, monkeypatch, clock, Volumes(clock, abandoned=1e9))
    assert leftovers.LIMIT <= clock() < leftovers.LIMIT + 2
    assert "PersistentVolume/abandoned stays with its data (its provisioner did not remove it)" in world.shown


def test_removes_the_volumes_that_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    volumes = Volumes(clock, ours=1e9)
    destroy_with(world, monkeypatch, clock, volumes)
    assert volumes.erased == ["ours"]
    assert "stays with its data" not in world.shown


CLAIM: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data-postgres-0", "labels": {"app.kubernetes.io/part-of": "todo"}},
}
THEIRS: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "labels": {}}}


@pytest.mark.parametrize(
    "labels",
    [None, {}, {"app.kubernetes.io/managed-by": "kubetasks", "app.kubernetes.io/part-of": "another"}],
)
def test_leaves_a_namespace_of_somebody_elses_with_what_is_theirs(world: World, labels: dict[str, str] | None) -> None:
    namespace: dict[str, Any] = {**NAMESPACE, "metadata": {"name": "todo", **({"labels": labels} if labels else {})}}
    world.store.put(namespace, THEIRS, CLAIM)
    world.deploy()
    # A record whose objects are in ConfigMaps of their own, too.
    large = Revision(2, "deployed", "manifests", "", objects=[configmap(text="".join(map(chr, range(33, 90_000, 7))))])
    history.save(world.store, large, world.settings, history.revisions(world.store.get(["ConfigMap"])))
    destroy(world)
    assert set(world.store.objects) == {"Namespace/todo", "ConfigMap/theirs"}
    assert "is not ours and stays" in world.shown


@pytest.mark.parametrize("at", ["Deployment", "Secret", "todo-revision-1", "PersistentVolumeClaim"])
def test_goes_on_after_an_interruption(world: World, at: str) -> None:
    class Stopping(list[str]):
        armed = True

        def append(self, line: str) -> None:
            super().append(line)
            if self.armed and line.startswith("delete ") and at in line:
                self.armed = False
                raise Interrupted("interrupted")

    world.store.put(NAMESPACE, THEIRS, CLAIM)
    world.deploy()
    world.store.log = Stopping()
    with pytest.raises(Interrupted):
        destroy(world)
    assert world.store.named("Lease") == []
    destroy(world)
    assert set(world.store.objects) == {"Namespace/todo", "ConfigMap/theirs"}


@pytest.mark.parametrize("ours", [True, False])
def test_is_refused_while_a_deploy_is_under_way(world: World, ours: bool) -> None:
    if not ours:
        world.store.put(NAMESPACE)
    world.deploy()
    world.store.put(held("elsewhere:1:aa"))
    before = set(world.store.objects)
    with pytest.raises(DeployLocked):
        destroy(world)
    assert set(world.store.objects) == before


def remaining(world: World, *finalizers: str, **conditions: str) -> None:
    """Something in the namespace has finalizers; what its controller says of that, by the condition's type."""
    item = configmap("held")
    item["metadata"]["finalizers"] = list(finalizers)
    world.store.put(item)
    said = [{"type": name, "status": "True", "message": text} for name, text in conditions.items()]
    world.store.objects["Namespace/todo"]["status"] = {"conditions": said}


def test_what_holds_the_namespace_is_named_with_the_command_that_helps(world: World) -> None:
    world.deploy()
    remaining(world, "example.org/held")
    clock = Clock()
    with pytest.raises(NamespaceTerminating) as caught:
        destroy(world, clock)
    assert caught.value.exit_code == 24
    assert caught.value.why == (
        "ConfigMap/held: finalizer example.org/held: the controller that set it has not removed it"
    )
    assert "kubectl --context kind-test --namespace todo patch configmap held --type=merge" in caught.value.fix
    assert "risk: " in caught.value.fix
    assert clock.now < 90, "nothing changes any more, and it waits on"
    assert "· namespace todo waits for ConfigMap/held: finalizer example.org/held" in world.shown


def test_what_ends_by_itself_is_waited_for(world: World) -> None:
    world.deploy()
    remaining(world, "kubernetes.io/pvc-protection")
    clock = Clock(at={150.0: world.store.objects.clear})
    destroy(world, clock)
    assert clock.now >= 150
    assert "namespace todo is deleted" in world.shown


def test_what_does_not_end_is_not_waited_for_for_ever(world: World) -> None:
    world.deploy()
    remaining(world, "kubernetes.io/pvc-protection")
    clock = Clock()
    with pytest.raises(NamespaceTerminating, match="a pod still uses it"):
        destroy(world, clock)
    assert 180 <= clock.now < 200


def test_one_that_is_going_already_is_waited_for(world: World) -> None:
    """Another destroy began, or somebody deleted it: no lock can be taken in it, and none is needed."""
    world.deploy()
    remaining(world, "example.org/held")
    world.store.delete_all()
    clock = Clock(at={5.0: world.store.objects.clear})
    destroy(world, clock)
    assert "namespace todo is deleted" in world.shown


def test_one_that_was_made_anew_meanwhile_is_left(world: World) -> None:
    world.deploy()
    remaining(world, "example.org/held")

    def anew() -> None:
        world.store.objects.clear()
        world.store.put({**NAMESPACE, "metadata": {"name": "todo", "uid": "another"}})

    destroy(world, Clock(at={5.0: anew}))
    assert world.store.named("Namespace") == ["todo"]


@pytest.mark.parametrize("fails_with", [KubetasksError("no"), DeletionHeld("refused")])
def test_a_deletion_that_fails_is_told_and_gives_the_lock_back(world: World, fails_with: KubetasksError) -> None:
    world.deploy()
    world.store.fail["delete_all"] = fails_with
    with pytest.raises(type(fails_with)):
        destroy(world)
    assert world.store.named("Lease") == []
    assert world.store.named("Namespace") == ["todo"]


def test_a_read_that_fails_is_not_taken_for_a_namespace_that_is_gone(world: World) -> None:
    world.deploy()
    remaining(world, "example.org/held")

    def refuse() -> None:
        world.store.fail["get"] = KubetasksError("namespaces is forbidden")

    with pytest.raises(KubetasksError, match="forbidden"):
        destroy(world, Clock(at={5.0: refuse}))


FORBIDDEN = ToolFailed("kubectl could not get namespace todo", why='namespaces "todo" is forbidden')


class Unreadable(MemoryStore):
    """A role that may do everything in the namespace, and not read the namespace itself."""

    def get(self, kinds: Sequence[str], *, selector: str = "") -> list[Object]:
        if "Namespace" in kinds:
            raise FORBIDDEN
        return super().get(kinds, selector=selector)


def test_a_namespace_that_may_not_be_read_is_taken_to_be_somebody_elses(world: World) -> None:
    world.target.store = Unreadable()
    world.store.put(NAMESPACE, THEIRS)
    world.deploy()
    assert "namespace: todo cannot be read; it is assumed to exist" in world.shown
    destroy(world)
    assert set(world.store.objects) == {"Namespace/todo", "ConfigMap/theirs"}


def test_a_role_without_the_newer_kinds_deploys(world: World) -> None:
    class Narrow(MemoryStore):
        def get(self, kinds: Sequence[str], *, selector: str = "") -> list[Object]:
            if {"HorizontalPodAutoscaler", "PersistentVolumeClaim"} & {*kinds}:
                raise ToolFailed("kubectl could not get", why="horizontalpodautoscalers is forbidden")
            return super().get(kinds, selector=selector)

    world.target.store = Narrow()
    world.deploy()
    assert world.survey().unchanged
    world.edit("backend/main.py")
    world.deploy()
    assert look(world.store, "todo", world.target.cluster).rows


def _terminating(world: World) -> None:
    world.store.objects["Namespace/todo"]["metadata"]["deletionTimestamp"] = LEAVING_AT


@pytest.mark.parametrize("edit", [_terminating])
def test_a_deploy_into_it_says_what_holds_it(world: World, edit: Callable[[World], None]) -> None:
    """Also in the first seconds, in which everything in it is still there."""
    world.deploy()
    remaining(world, "example.org/held", NamespaceContentRemaining="configmaps. has 1 resource instances")
    edit(world)
    world.store.objects["ConfigMap/held"]["metadata"]["deletionTimestamp"] = LEAVING_AT
    with pytest.raises(NamespaceTerminating, match=r"ConfigMap/held: finalizer example\.org/held"):
        world.deploy()


@pytest.mark.parametrize("seconds", [3, 1000])
def test_in_a_namespace_that_stays_the_pods_have_ended_too(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    world.store.put({**NAMESPACE, "metadata": {"name": "todo"}})
    world.deploy()
    uid = world.store.objects["Deployment/backend"]["metadata"]["uid"]
    owner = {"kind": "Deployment", "name": "backend", "uid": uid, "controller": True}
    metadata = {"name": "backend-1", "uid": "p", "ownerReferences": [owner]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    world.store.put(pod)
    clock, real = Clock(), world.store.get

    def get(kinds: Sequence[str], *, selector: str = "") -> list[Object]:
        """A pod takes a while to end, after everything else is deleted."""
        found = [item for item in real(kinds, selector=selector) if item["kind"] != "Pod"]
        return [*found, pod] if "Pod" in kinds and clock() < seconds else found

    monkeypatch.setattr(world.store, "get", get)
    destroy(world, clock)
    if seconds == 3:
        assert clock() == 3
        assert "the objects are deleted; namespace todo is not ours and stays" in world.shown
    else:
        assert "still there: Pod/backend-1" in world.shown
        assert "all but 1 objects are deleted" in world.shown
