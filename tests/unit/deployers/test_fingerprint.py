"""What a fingerprint of live objects notices, and what it leaves to others."""

from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.deployers.fingerprint import changed, fingerprint
from kubetasks.deployers.record import Revision, to_objects
from kubetasks.objects import Object
from kubetasks.redact import Sensitive
from kubetasks.secrets.store import secret_objects
from tests.memory_store import LEAVING_AT, NAMESPACE, MemoryStore
from tests.samples import PROJECT, application, configmap, deployment, job, settings, statefulset

KINDS = ("Deployment", "Service", "ConfigMap", "Job", "Pod", "ReplicaSet", "Lease")


def store(*items: Object) -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE)
    made.apply(list(items))
    return made


def test_is_the_same_as_long_as_nobody_changes_anything() -> None:
    cluster = store(*application())
    before = fingerprint(cluster.get(KINDS))
    cluster.apply(application())
    cluster.apply(to_objects(Revision(1, "deployed", "manifests", ""), PROJECT, PROJECT))
    assert fingerprint(cluster.get(KINDS)) == before
    assert set(before) == {
        "ConfigMap/todo-config",
        "Service/backend",
        "Deployment/backend",
        "Deployment/frontend",
        "Job/migrate-0123",
    }


def test_does_not_see_what_controllers_write() -> None:
    [item] = store(deployment()).get(["Deployment"])
    before = fingerprint([item])
    item["status"] = {"readyReplicas": 0}
    meta = {"resourceVersion": "999", "generation": 9, "managedFields": [{"manager": "kubelet"}]}
    item["metadata"].update(meta, finalizers=["service.kubernetes.io/load-balancer-cleanup"])
    assert fingerprint([item]) == before


def _meta(**more: Any) -> Callable[[Object], None]:
    return lambda item: item["metadata"].update(more)


OWNED = [{"kind": "CronJob", "name": "nightly", "uid": "u-9", "controller": True}]
# What is among the live objects and is no part of what was asked for.
LEFT_OUT: dict[str, tuple[Callable[[], Object], Callable[[Object], None]]] = {
    "a Job of a CronJob": (lambda: job("nightly-123"), _meta(ownerReferences=OWNED)),
    "what an operator made": (lambda: deployment("made"), _meta(ownerReferences=OWNED)),
    "what is being deleted": (lambda: deployment("going"), _meta(deletionTimestamp=LEAVING_AT)),
    "a Job with a TTL": (job, lambda item: item["spec"].update(ttlSecondsAfterFinished=0)),
    "a claim": (lambda: {**configmap("claim"), "kind": "PersistentVolumeClaim"}, _meta()),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_leaves_out(name: str) -> None:
    made, edit = LEFT_OUT[name]
    item = made()
    assert "claim" in name or fingerprint([item])
    edit(item)
    assert fingerprint([item]) == {}


def _relabel(item: Object) -> None:
    item["metadata"]["labels"]["team"] = "red"


def _annotate(item: Object) -> None:
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}


def _reimage(item: Object) -> None:
    item["spec"]["template"]["spec"]["containers"][0]["image"] = "kubetasks/todo-backend:2222"


@pytest.mark.parametrize("edit", [_relabel, _annotate, _reimage, _meta(uid="another")])
def test_any_edit_changes_it(edit: Callable[[Object], None]) -> None:
    [item] = store(deployment()).get(["Deployment"])
    before = fingerprint([item])
    edit(item)
    assert changed(before, fingerprint([item])) == ({"Deployment/backend"}, set())


@pytest.mark.parametrize("made", [deployment, statefulset])
def test_a_number_of_replicas_is_told_from_every_other_edit(made: Callable[[], Object]) -> None:
    item = made()
    name = f"{item['kind']}/{item['metadata']['name']}"
    before = fingerprint([item])
    assert changed(before, fingerprint([made()])) == (set(), set())
    item["spec"]["replicas"] = 5
    assert changed(before, fingerprint([item])) == (set(), {name})
    del item["spec"]["replicas"]  # the default is one
    assert changed(before, fingerprint([item])) == (set(), set())
    item["spec"]["replicas"] = 5
    _relabel(item)
    assert changed(before, fingerprint([item])) == ({name}, set())


def test_a_new_and_a_missing_object_are_changes() -> None:
    live = store(*application()).get(KINDS)
    before = fingerprint(live)
    assert changed(before, fingerprint(live[1:])) == ({f"{live[0]['kind']}/{live[0]['metadata']['name']}"}, set())
    assert changed({}, before) == (set(before), set())


def test_a_changed_config_or_secret_is_a_change() -> None:
    chosen = settings()
    cluster = store(configmap(), secret_objects(chosen, {"API_KEY": Sensitive("one")})[0])
    before = fingerprint(cluster.get(["ConfigMap", "Secret"]))
    cluster.apply([secret_objects(chosen, {"API_KEY": Sensitive("two")})[0]])
    after = fingerprint(cluster.get(["ConfigMap", "Secret"]))
    assert changed(before, after) == ({"Secret/todo-secrets"}, set())
    cluster.apply([configmap(LOG_LEVEL="debug")])
    assert changed(after, fingerprint(cluster.get(["ConfigMap", "Secret"]))) == ({"ConfigMap/todo-config"}, set())
