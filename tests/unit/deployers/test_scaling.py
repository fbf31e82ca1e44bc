"""Replicas that belong to an autoscaler: found, left out, handed over, never reset."""

import json
from typing import Any

import pytest
import yaml

from kubetasks.deployers import scaling
from kubetasks.errors import ApplyFailed, ClusterUnreachable, Forbidden, Interrupted, KubetasksError, ToolFailed
from kubetasks.objects import Object, identity
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import KubectlStore
from tests.memory_store import LEAVING_AT, NAMESPACE, MemoryStore
from tests.recording import Answer, RecordingRunner
from tests.samples import PROJECT, application, deployment, statefulset


def autoscaler(own: str = "backend", version: str = "autoscaling/v2", **target: Any) -> Object:
    wanted = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend", **target}
    return {
        "apiVersion": version,
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": own},
        "spec": {"scaleTargetRef": wanted, "minReplicas": 2, "maxReplicas": 5},
    }


def scaled_object(**target: Any) -> Object:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "queue"},
        "spec": {"scaleTargetRef": {"name": "backend", **target}},
    }


def _leaving(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "deletionTimestamp": LEAVING_AT}}


OWNERS: dict[str, tuple[Object, dict[str, str]]] = {
    "v2": (autoscaler(), {"Deployment/backend": "HorizontalPodAutoscaler/backend"}),
    "v1": (autoscaler(version="autoscaling/v1"), {"Deployment/backend": "HorizontalPodAutoscaler/backend"}),
    "of KEDA": (autoscaler("keda-hpa-queue"), {"Deployment/backend": "HorizontalPodAutoscaler/keda-hpa-queue"}),
    "a ScaledObject": (scaled_object(), {"Deployment/backend": "ScaledObject/queue"}),
    "a StatefulSet's": (
        autoscaler("db", kind="StatefulSet", name="db"),
        {"StatefulSet/db": "HorizontalPodAutoscaler/db"},
    ),
    "of another kind": (autoscaler(kind="Rollout"), {}),
    "that is being deleted": (_leaving(autoscaler()), {}),
    "without a target": ({**autoscaler(), "spec": {}}, {}),
    "without a spec": ({**autoscaler(), "spec": None}, {}),
    "no autoscaler": (deployment(), {}),
}


@pytest.mark.parametrize("name", OWNERS)
def test_what_an_autoscaler_owns(name: str) -> None:
    item, owned = OWNERS[name]
    assert scaling.owners([item]) == owned


def store(*items: Object) -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE, *items)
    return made


def labelled(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "labels": {"kubetasks.dev/project": PROJECT}}}


def controlled(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "ownerReferences": [{"controller": True, "uid": "1"}]}}


BACKEND = {"Deployment/backend": "HorizontalPodAutoscaler/backend"}


@pytest.mark.parametrize(
    ("live", "rendered", "owned"),
    [
        ([autoscaler()], [], BACKEND),  # made by hand, without labels
        ([], [autoscaler()], BACKEND),  # about to be made
        ([labelled(autoscaler())], [labelled(autoscaler())], BACKEND),
        ([labelled(autoscaler())], [], {}),  # no longer rendered: about to be pruned
        ([labelled(autoscaler())], None, BACKEND),  # where nothing is rendered, what is live counts
        ([controlled(labelled(autoscaler()))], [], BACKEND),  # KEDA's own, which nobody prunes
    ],
)
def test_which_autoscalers_count(live: list[Object], rendered: list[Object] | None, owned: dict[str, str]) -> None:
    assert scaling.live_owners(store(*live), PROJECT, rendered) == owned


@pytest.mark.parametrize("error", [ToolFailed, Forbidden])
def test_where_autoscalers_may_not_be_listed_there_are_none(error: type[KubetasksError]) -> None:
    cluster = store(autoscaler())
    cluster.fail["get"] = error("kubectl could not get", why="horizontalpodautoscalers is forbidden")
    assert scaling.live_owners(cluster, PROJECT, [scaled_object()]) == {"Deployment/backend": "ScaledObject/queue"}


@pytest.mark.parametrize("error", [ClusterUnreachable("no answer"), Interrupted("interrupted")])
def test_what_is_no_matter_of_permission_is_told(error: KubetasksError) -> None:
    cluster = store(autoscaler())
    cluster.fail["get"] = error
    with pytest.raises(type(error)):
        scaling.live_owners(cluster, PROJECT, [])


def replicas(objects: list[Object]) -> dict[str, Any]:
    return {identity(item): item["spec"].get("replicas", "none") for item in objects if "template" in item["spec"]}


def test_replicas_are_left_out_of_what_is_there_and_kept_in_what_is_new() -> None:
    objects = [deployment("backend", replicas=2), deployment("frontend", replicas=2)]
    owned = {"Deployment/backend": "x", "Deployment/frontend": "x"}
    found = scaling.without_replicas(objects, owned, [deployment("backend", replicas=5)])
    assert replicas(found) == {"Deployment/backend": "none", "Deployment/frontend": 2}
    assert replicas(objects) == {"Deployment/backend": 2, "Deployment/frontend": 2}
    assert replicas(scaling.without_replicas(objects, {}, objects)) == replicas(objects)


def test_replicas_are_compared_as_they_are_live() -> None:
    live = [deployment("backend", replicas=5), deployment("frontend", replicas=7)]
    objects = [deployment("backend", replicas=2), deployment("frontend", replicas=2)]
    assert replicas(scaling.with_live_replicas(objects, BACKEND, live)) == {
        "Deployment/backend": 5,
        "Deployment/frontend": 2,
    }
    cluster = store(autoscaler())
    assert replicas(scaling.adopted(cluster, PROJECT, objects, live)) == {
        "Deployment/backend": 5,
        "Deployment/frontend": 2,
    }


def test_autoscalers_are_asked_for_only_where_replicas_differ() -> None:
    cluster = store(autoscaler())
    assert scaling.adopted(cluster, PROJECT, application(), application()) == application()
    assert cluster.log == []


def entry(manager: str, operation: str = "Apply", subresource: str = "", field: str = "f:replicas") -> Object:
    found: Object = {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {field: {}}}}
    return {**found, **({"subresource": subresource} if subresource else {})}


HANDED: dict[str, tuple[list[Object], bool]] = {
    "kubetasks alone": ([entry("kubetasks")], True),
    "helm alone": ([entry("helm", "Update")], True),
    "both deployers": ([entry("kubetasks"), entry("helm")], True),
    "the autoscaler": ([entry("kube-controller-manager", "Update", "scale")], False),
    "a deployer and another": ([entry("kubetasks"), entry("argo")], False),
    "nobody": ([entry("kubetasks", field="f:template")], False),
    "handed over already": ([entry(scaling.MANAGER)], False),
    "without fields": ([{"manager": "kubetasks", "operation": "Apply"}], False),
}


def cluster(live: Object, applied: Answer = "deployment.apps/backend") -> tuple[KubectlStore, RecordingRunner]:
    runner = RecordingRunner({("kubectl",): applied})
    store = KubectlStore(Cluster("kind-test", "todo"), runner)
    runner.answers[tuple(store.kubectl.get(["Deployment"], managed_fields=True))] = json.dumps({"items": [live]})
    return store, runner


@pytest.mark.parametrize("name", HANDED)
def test_replicas_get_another_owner_before_they_are_dropped(name: str) -> None:
    entries, handed = HANDED[name]
    live = deployment("backend", replicas=5)
    live["metadata"]["managedFields"] = entries
    store, runner = cluster(live)
    scaling.hand_over(store, BACKEND)
    writes = [call for call in runner.calls if "apply" in call.argv]
    assert bool(writes) == handed
    if handed:
        assert f"--field-manager={scaling.MANAGER}" in writes[0].argv
        assert "--force-conflicts" not in writes[0].argv
        assert json.loads(writes[0].input or "") == {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "backend", "namespace": "todo"},
            "spec": {"replicas": 5},
        }


def test_what_the_autoscaler_changes_in_the_same_moment_is_its_own() -> None:
    live = deployment("backend", replicas=5)
    live["metadata"]["managedFields"] = [entry("kubetasks")]
    store, _ = cluster(live, (1, "", 'Apply failed with 1 conflict: conflict with "kube-controller-manager"'))
    scaling.hand_over(store, BACKEND)
    store, _ = cluster(live, (1, "", "Error from server (Forbidden): no"))
    with pytest.raises(ApplyFailed, match="could not be left to HorizontalPodAutoscaler/backend"):
        scaling.hand_over(store, BACKEND)


def test_nothing_is_asked_without_an_autoscaler() -> None:
    store, runner = cluster(deployment())
    scaling.hand_over(store, {})
    assert runner.calls == []


@pytest.mark.parametrize(
    ("manifest", "reset"),
    [
        (yaml.safe_dump_all([deployment("backend", replicas=2), statefulset()]), ["Deployment/backend"]),
        (yaml.safe_dump_all([deployment("backend", replicas=5)]), []),
        (yaml.safe_dump_all([{**deployment(), "spec": {"template": {}}}]), []),
        (yaml.safe_dump_all([deployment("frontend", replicas=2)]), []),
        ("- a list\n---\nmetadata: text\n---\n", []),
        ("{", []),
        ("", []),
    ],
)
def test_what_helm_would_set_back(manifest: str, reset: list[str]) -> None:
    assert scaling.in_release(manifest, BACKEND, [deployment("backend", replicas=5)]) == reset
