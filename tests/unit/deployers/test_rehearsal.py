"""A dry run of everything before the first change, and what it says of what cannot be changed."""

import pytest

from kubetasks.deployers.rehearsal import explained, recreated, rehearse
from kubetasks.errors import ApplyFailed, ImmutableField
from kubetasks.objects import Object
from kubetasks.targets.base import Cluster
from tests.memory_store import NAMESPACE, MemoryStore
from tests.samples import deployment, job
from tests.world import World, make

CLUSTER = Cluster("kind-test", "shop")
# As Kubernetes 1.34 words them.
IMMUTABLE = {
    "Deployment": 'The Deployment "web" is invalid: spec.selector: Invalid value: {"a":"b"}: field is immutable',
    "DaemonSet": 'The DaemonSet "web" is invalid: spec.selector: Invalid value: {}: field is immutable',
    "StatefulSet": 'The StatefulSet "web" is invalid: spec: Forbidden: updates to statefulset spec for '
    "fields other than 'replicas', 'ordinals' are forbidden",
    "Service": 'The Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.9"]: may not change once set',
    "PersistentVolumeClaim": 'The PersistentVolumeClaim "web" is invalid: spec: Forbidden: spec is immutable after',
    "RoleBinding": 'The RoleBinding "web" is invalid: roleRef: Invalid value: {}: cannot change roleRef',
    "ConfigMap": 'The ConfigMap "web" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    "Job": 'The Job "web" is invalid: spec.completions: Invalid value: 3: field is immutable',
}  # fmt: skip


@pytest.mark.parametrize("kind", IMMUTABLE)
def test_what_cannot_be_changed_comes_with_the_choices(kind: str) -> None:
    error = explained(ApplyFailed("refused", why="something else", detail=IMMUTABLE[kind]), CLUSTER)
    assert isinstance(error, ImmutableField)
    assert error.exit_code == 73
    assert f"{kind}/web" in error.what
    assert "nothing was changed" in error.fix
    assert f"kubectl --context kind-test --namespace shop delete {kind.lower()}/web" in error.fix
    assert ("--cascade=orphan" in error.fix) == (kind == "StatefulSet")
    assert ("WITH ITS DATA" in error.fix) == (kind == "PersistentVolumeClaim")


def test_any_other_refusal_is_passed_on() -> None:
    error = explained(ApplyFailed("x", why='The Service "web" is invalid: spec.ports: Required value'), CLUSTER)
    assert type(error) is ApplyFailed
    assert error.fix.startswith("nothing was changed")


def test_what_is_created_again_is_not_tried_as_a_change() -> None:
    store = MemoryStore()
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"image": "a"}]},
    }
    store.put(NAMESPACE, job("migrate-1", "old"), pod, deployment())
    live = list(store.objects.values())
    changed = [job("migrate-1", "new"), {**pod, "spec": {"containers": [{"image": "b"}]}}, deployment()]
    assert [item["kind"] for item in recreated(changed, live)] == ["Job", "Pod"]
    rehearse(store, CLUSTER, changed, live, namespace=True)
    assert store.log == ["dry-run Deployment/backend"]


def test_resources_whose_definition_is_new_are_named() -> None:
    names = {"kind": "Gadget", "plural": "gadgets"}
    definition: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.shop.test"},
        "spec": {"group": "shop.test", "names": names},
    }
    gadget: Object = {"apiVersion": "shop.test/v1", "kind": "Gadget", "metadata": {"name": "one"}}
    store = MemoryStore()
    store.put(NAMESPACE)
    said = rehearse(store, CLUSTER, [definition, gadget], [], namespace=True)
    assert said == "Gadget/one: checked once their definitions exist"
    assert store.log == ["dry-run CustomResourceDefinition/gadgets.shop.test"]
    assert rehearse(store, CLUSTER, [definition, gadget], [definition], namespace=True) == ""


@pytest.fixture
def world(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)  # type: ignore[arg-type]


def test_a_refusal_changes_nothing_and_records_nothing_and_a_plan_fails_too(world: World) -> None:
    world.deploy()
    before = dict(world.store.objects)
    world.edit("backend/main.py")
    built = set(world.built)
    world.store.refuse["Deployment/frontend"] = (
        'The Deployment "frontend" is invalid: spec.selector: field is immutable'
    )
    with pytest.raises(ImmutableField):
        world.prepare().plan()
    with pytest.raises(ImmutableField):
        world.deploy()
    assert world.store.objects == before
    assert world.built == built
