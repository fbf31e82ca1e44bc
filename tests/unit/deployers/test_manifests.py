"""The manifests deployer: apply, prune, and taking over from Helm."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubetasks.deployers import manifests
from kubetasks.deployers.base import Release
from kubetasks.deployers.belonging import inventory
from kubetasks.deployers.history import Revision, save
from kubetasks.deployers.manifests import KINDS, ManifestsDeployer
from kubetasks.errors import ApplyFailed
from kubetasks.objects import MANAGED_BY, PART_OF, Object, Objects
from kubetasks.objects import PROJECT as OWN
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import KubectlStore
from tests.memory_store import NAMESPACE, MemoryStore
from tests.recording import Call, RecordingRunner
from tests.samples import (
    PROJECT,
    application,
    configmap,
    deployment,
    job,
    labels,
    service,
    settings,
    silent,
    statefulset,
)

RELEASE = Release(PROJECT, PROJECT, {}, "Never", "bundled", "postgres:17", "todo-secrets")


@dataclass
class Rendered:
    """A renderer that has done its work already."""

    objects: Objects = field(default_factory=application)
    name: str = "manifests"

    def render(self, release: Release) -> Objects:
        return self.objects


def deployer(store: MemoryStore | None = None, objects: Objects | None = None) -> tuple[ManifestsDeployer, MemoryStore]:
    store = store or MemoryStore()
    store.put(NAMESPACE)
    return ManifestsDeployer(settings(), store, Rendered(objects or application())), store


def secret(name: str, **more: str) -> Object:
    meta = {"name": name, "labels": {PART_OF: PROJECT, **more}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {}}


def test_applies_what_is_rendered_as_its_own() -> None:
    work, store = deployer()
    told: list[str] = []
    assert work.name == "manifests"
    assert work.apply(RELEASE, work.render(RELEASE), told.append) == ""
    for item in application():
        name = f"{item['kind']}/{item['metadata']['name']}"
        assert store.objects[name]["metadata"]["labels"][MANAGED_BY] == "kubetasks"
    assert told == ["applying 5 objects"]
    # A selector cannot be changed, and a template's label would roll the pods.
    live = store.objects["Deployment/backend"]["spec"]
    assert MANAGED_BY not in live["template"]["metadata"]["labels"]
    assert live["selector"]["matchLabels"] == labels("backend")


def test_applying_again_changes_nothing() -> None:
    work, store = deployer()
    work.apply(RELEASE, application(), silent)
    before = {name: item["metadata"]["resourceVersion"] for name, item in store.objects.items()}
    work.apply(RELEASE, application(), silent)
    assert {name: item["metadata"]["resourceVersion"] for name, item in store.objects.items()} == before


def test_prunes_what_is_no_longer_rendered_and_nothing_else() -> None:
    work, store = deployer()
    mine = [deployment("old"), service("old"), configmap("old"), job("migrate-old"), statefulset("old")]
    others = [
        secret("todo-secrets"),
        {**configmap("theirs"), "metadata": {"name": "theirs", "labels": {PART_OF: "another"}}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "labels": labels("old")}},
    ]
    store.put(*mine, *others)
    save(store, Revision(1, "deployed", "manifests", "x"), settings(), [])
    told: list[str] = []
    work.apply(RELEASE, application(), told.append)
    assert [line for line in store.log if line.startswith("delete")] == []
    work.prune(application(), told.append)
    gone = ["Deployment/old", "Service/old", "ConfigMap/old", "Job/migrate-old", "StatefulSet/old"]
    assert [line.removeprefix("delete ") for line in store.log if line.startswith("delete")] == gone
    assert told == ["applying 5 objects", f"pruning {', '.join(gone)}"]
    assert {
        "Secret/todo-secrets",
        "ConfigMap/theirs",
        "PersistentVolumeClaim/data",
        "ConfigMap/todo-revision-1",
    } <= set(store.objects)


def claim(name: str, **more: str) -> Object:
    meta = {"name": name, "namespace": PROJECT, "labels": {OWN: PROJECT, **more}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta}


def test_what_holds_data_is_never_pruned_silently() -> None:
    work, store = deployer()
    store.put(claim("data"), secret("own"), secret("todo-secrets"))
    save(store, Revision(1, "deployed", "manifests", "x", inventory=inventory([claim("data")])), settings(), [])
    lines = work.prune(application(), silent)
    assert [line.partition(" is no longer rendered and stays")[0] for line in lines] == ["PersistentVolumeClaim/data"]
    assert {"PersistentVolumeClaim/data", "Secret/own"} <= set(store.objects)


def test_what_a_record_names_is_pruned_whatever_its_kind() -> None:
    work, store = deployer()
    meta = {"name": "one", "labels": {OWN: PROJECT}}
    thing: Object = {"apiVersion": "shop.test/v1", "kind": "Gadget", "metadata": meta}
    role: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta}
    store.put(thing, role, {**role, "metadata": {"name": "theirs", "labels": {PART_OF: PROJECT}}})
    save(store, Revision(1, "deployed", "manifests", "x", inventory=inventory([thing, role])), settings(), [])
    work.prune(application(), silent)
    gone = [line.removeprefix("delete ") for line in store.log if line.startswith("delete")]
    assert sorted(gone) == ["ClusterRole/one", "Gadget/one"]


def test_objects_are_applied_in_the_order_in_which_they_need_each_other() -> None:
    kinds = ["ValidatingWebhookConfiguration", "Pod", "RoleBinding", "Service", "ServiceAccount", "ClusterRole"]
    found = manifests.ordered([{"kind": kind, "metadata": {"name": "x"}} for kind in kinds])
    assert [item["kind"] for item in found] == [
        "ServiceAccount", "ClusterRole", "RoleBinding", "Pod", "Service", "ValidatingWebhookConfiguration",
    ]  # fmt: skip


def test_prunes_nothing_when_an_object_was_refused() -> None:
    work, store = deployer()
    store.put(deployment("old"))
    store.refuse["Deployment/frontend"] = "field is immutable"
    with pytest.raises(ApplyFailed):
        work.apply(RELEASE, application(), silent)
    assert "Deployment/old" in store.objects


def test_going_back_applies_the_old_objects_and_prunes_the_new() -> None:
    work, store = deployer()
    work.apply(RELEASE, application(), silent)
    old = [configmap(), service(), deployment("backend", "kubetasks/todo-backend:0000"), job("migrate-0000")]
    assert work.rollback(old, "", silent) == ""
    assert work.prune(old, silent) == []
    backend = store.objects["Deployment/backend"]
    assert backend["spec"]["template"]["spec"]["containers"][0]["image"] == "kubetasks/todo-backend:0000"
    assert store.named("Deployment") == ["backend"]
    assert store.named("Job") == ["migrate-0000"]


def test_delete_takes_back_the_objects_and_leaves_records_and_secrets() -> None:
    work, store = deployer()
    work.apply(RELEASE, application(), silent)
    store.put(secret("todo-secrets"))
    save(store, Revision(1, "deployed", "manifests", "x"), settings(), [])
    told: list[str] = []
    work.delete(told.append)
    assert set(store.objects) == {"Namespace/todo", "Secret/todo-secrets", "ConfigMap/todo-revision-1"}
    assert told == ["deleting 5 objects"]


def test_helms_records_are_ordered_by_number() -> None:
    store = MemoryStore()
    for version in ("10", "9"):
        name = f"sh.helm.release.v1.todo.v{version}"
        item = {
            "kind": "Secret",
            "metadata": {"name": name, "labels": {"owner": "helm", "name": "todo", "version": version}},
        }
        store.put(item)
    store.put(secret("todo-secrets"))
    found = [item["metadata"]["labels"]["version"] for item in manifests.helm_secrets(store, PROJECT)]
    assert found == ["9", "10"]


APPLIED: Object = deployment()
APPLIED["metadata"]["labels"][MANAGED_BY] = "kubetasks"


def _helm_owned(call: Call) -> str:
    """A namespace in which Helm holds one Deployment."""
    meta: dict[str, Any] = {"name": "backend", "labels": {**labels("backend"), MANAGED_BY: "Helm"}}
    fields: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    meta["managedFields"] = [{"manager": "helm", "operation": "Update", "fieldsV1": fields}]
    record = {"name": "sh.helm.release.v1.todo.v1", "labels": {"owner": "helm", "name": "todo", "version": "1"}}
    secrets = [{"apiVersion": "v1", "kind": "Secret", "metadata": record}]
    if "apply" in call.argv:
        return call.input or ""
    if "get" not in call.argv:
        return ""
    if "--filename" in call.argv:  # what was applied is there, what was deleted is not
        asked = json.loads(call.input or "")["items"]
        return json.dumps({"items": [APPLIED for item in asked if item["kind"] == "Deployment"]})
    held: Objects = secrets if "secret" in call.argv else [{**deployment(), "metadata": meta}]
    return json.dumps({"items": held})


def test_takes_over_from_helm_before_it_applies_and_forgets_the_release_after() -> None:
    runner = RecordingRunner({("kubectl",): _helm_owned})
    store = KubectlStore(Cluster("kind-test", PROJECT), runner)
    work = ManifestsDeployer(settings(), store, Rendered())
    told: list[str] = []
    work.apply(RELEASE, [deployment()], told.append)
    work.prune([deployment()], told.append)
    base = ["kubectl", "--context", "kind-test", "--namespace", "todo"]
    limited = [*base, "--request-timeout=20s"]
    kinds = ",".join(kind.lower() for kind in sorted(KINDS))
    asked = ",".join(kind.lower() for kind in (*sorted(KINDS), *manifests.OPTIONAL))
    project = ["--selector", "owner!=helm"]
    autoscalers = [*limited, "get", "horizontalpodautoscaler", "--output", "json"]
    live = [*limited, "get", asked, *project, "--output", "json"]
    records = [*limited, "get", "secret", "--selector", "owner=helm,name=todo", "--output", "json"]
    # What is asked at the same time comes in any order.
    assert sorted(runner.argvs[:3]) == sorted([live, records, autoscalers])
    assert sorted(runner.argvs[8:10]) == sorted([live, records])
    assert runner.argvs[3:8] + runner.argvs[10:] == [
        [*limited, "get", kinds, *project, "--show-managed-fields", "--output", "json"],
        [*limited, "replace", "--field-manager=kubetasks", "--output", "name", "--filename", "-"],
        autoscalers,
        [
            *limited, "apply", "--server-side", "--force-conflicts", "--field-manager=kubetasks",
            "--output", "json", "--filename", "-",
        ],
        [*limited, "get", "--ignore-not-found", "--output", "json", "--filename", "-"],
        [
            *base, "delete", "--ignore-not-found", "--wait=true", "--cascade=foreground", "--timeout=90s",
            "--filename", "-",
        ],
        [*limited, "get", "--ignore-not-found", "--output", "json", "--filename", "-"],
    ]  # fmt: skip
    assert told == ["taking over from the Helm release", "applying 1 objects"]
    [gone] = json.loads(runner.calls[-1].input or "")["items"]
    assert gone["kind"] == "Secret"
    assert gone["metadata"] == {"name": "sh.helm.release.v1.todo.v1", "namespace": "todo"}


def test_orphans_are_named_by_kind_and_name() -> None:
    live = [configmap("backend"), service("backend"), deployment("backend")]
    assert manifests.orphans(live, [deployment("backend")], PROJECT) == live[:2]
    assert manifests.orphans(live, live, PROJECT) == []
    assert manifests.orphans(live, [], "another") == []
