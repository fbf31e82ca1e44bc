"""The revisions: what is kept, for how long, and what a fingerprint notices."""

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from kubetasks.deployers import history
from kubetasks.deployers.history import DEPLOYED, FAILED, Revision
from kubetasks.objects import Object
from kubetasks.redact import Sensitive
from kubetasks.secrets.store import secret_object
from tests.memory_store import NAMESPACE, MemoryStore
from tests.samples import CANARY, PROJECT, application, configmap, deployment, settings


def revision(number: int, status: str = DEPLOYED, **more: Any) -> Revision:
    return Revision(number, status, "manifests", f"inputs-{number}", **more)


def store() -> MemoryStore:
    made = MemoryStore()
    made.put(NAMESPACE)
    return made


def kept(cluster: MemoryStore) -> list[int]:
    return [each.number for each in history.revisions(cluster.get(["ConfigMap"]))]


def test_a_revision_comes_back_as_it_was_saved() -> None:
    cluster = store()
    saved = revision(
        3,
        deployer_revision="7",
        fingerprint={"Service/backend": "abc"},
        verified=True,
        at="2026-01-02T03:04:05Z",
        note="rollback to 1",
        objects=application(),
    )
    history.save(cluster, saved, settings(), [])
    live = cluster.get(["ConfigMap"])
    [found] = history.revisions(live)
    assert found == Revision(**{**vars(saved), "objects": []})
    assert history.objects_of(live, 3) == application()
    assert history.objects_of(live, 4) == []


def test_a_record_is_named_after_the_project_and_labelled_as_ours() -> None:
    item = history.to_object(revision(3), PROJECT, "elsewhere")
    assert item["metadata"] == {
        "name": "todo-revision-3",
        "namespace": "elsewhere",
        "labels": {
            "app.kubernetes.io/part-of": "todo",
            "app.kubernetes.io/managed-by": "kubetasks",
            "kubetasks.dev/record": "revision",
        },
    }
    assert history.is_record(item)
    assert not history.is_record(configmap())
    assert all(isinstance(value, str) for value in item["data"].values())


def test_packing_is_repeatable_and_small() -> None:
    many = application() * 50
    packed = history.pack(many)
    assert packed == history.pack(deepcopy(many))
    assert history.unpack(packed) == many
    assert len(packed) < len(json.dumps(many)) / 10


def test_revisions_are_ordered_by_number_not_by_name() -> None:
    live = [history.to_object(revision(number), PROJECT, PROJECT) for number in (10, 9, 1)]
    assert [each.number for each in history.revisions([*live, configmap()])] == [1, 9, 10]


def test_a_damaged_record_counts_as_a_failed_one() -> None:
    item = history.to_object(revision(1), PROJECT, PROJECT)
    item["data"] = None
    [found] = history.revisions([item])
    assert (found.number, found.status, found.good) == (0, FAILED, False)


def test_saving_drops_the_oldest_beyond_the_setting() -> None:
    cluster = store()
    chosen = settings(history=3)
    for number in range(1, 7):
        history.save(cluster, revision(number), chosen, history.revisions(cluster.get(["ConfigMap"])))
    assert kept(cluster) == [4, 5, 6]


def test_saving_a_revision_again_drops_none_of_the_others() -> None:
    cluster = store()
    chosen = settings(history=3)
    for number in (1, 2, 3, 3, 3):
        history.save(cluster, revision(number), chosen, history.revisions(cluster.get(["ConfigMap"])))
    assert kept(cluster) == [1, 2, 3]


def test_the_last_good_one_stays_however_many_fail_after_it() -> None:
    cluster = store()
    chosen = settings(history=2)
    history.save(cluster, revision(1), chosen, [])
    for number in range(2, 9):
        known = history.revisions(cluster.get(["ConfigMap"]))
        history.save(cluster, revision(number, FAILED), chosen, known)
        assert 1 in kept(cluster)
    assert kept(cluster) == [1, 7, 8]
    history.save(cluster, revision(9), chosen, history.revisions(cluster.get(["ConfigMap"])))
    history.save(cluster, revision(10), chosen, history.revisions(cluster.get(["ConfigMap"])))
    assert kept(cluster) == [9, 10]


def test_a_record_and_a_fingerprint_hold_no_secret() -> None:
    cluster = store()
    secret = secret_object(settings(), {"API_KEY": Sensitive(CANARY)})
    cluster.apply([*application(), secret])
    live = cluster.get(["Deployment", "Service", "ConfigMap", "Secret", "Job"])
    history.save(cluster, revision(1, fingerprint=history.fingerprint(live), objects=application()), settings(), [])
    [record] = [item for item in cluster.get(["ConfigMap"]) if history.is_record(item)]
    shown = json.dumps([record, history.unpack(record["data"]["objects"])])
    assert CANARY not in shown
    assert base64.b64encode(CANARY.encode()).decode() not in shown
    assert "Secret/todo-secrets" in json.loads(record["data"]["fingerprint"])


def test_a_fingerprint_is_the_same_as_long_as_nobody_changes_anything() -> None:
    cluster = store()
    cluster.apply(application())
    kinds = ("Deployment", "Service", "ConfigMap", "Job", "Pod", "ReplicaSet", "Lease")
    before = history.fingerprint(cluster.get(kinds))
    cluster.apply(application())
    history.save(cluster, revision(1), settings(), [])
    assert history.fingerprint(cluster.get(kinds)) == before
    assert set(before) == {
        "ConfigMap/todo-config",
        "Service/backend",
        "Deployment/backend",
        "Deployment/frontend",
        "Job/migrate-0123",
    }


def test_a_fingerprint_does_not_see_what_controllers_write() -> None:
    cluster = store()
    cluster.apply([deployment()])
    [item] = cluster.get(["Deployment"])
    before = history.fingerprint([item])
    item["status"] = {"readyReplicas": 0}
    item["metadata"].update(resourceVersion="999", generation=9, managedFields=[{"manager": "kubelet"}])
    assert history.fingerprint([item]) == before


def _relabel(item: Object) -> None:
    item["metadata"]["labels"]["team"] = "red"


def _annotate(item: Object) -> None:
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "now"}


def _scale(item: Object) -> None:
    item["spec"]["replicas"] = 0


def _reimage(item: Object) -> None:
    item["spec"]["template"]["spec"]["containers"][0]["image"] = "kubetasks/todo-backend:2222"


def _remake(item: Object) -> None:
    item["metadata"]["uid"] = "another"


@pytest.mark.parametrize("edit", [_relabel, _annotate, _scale, _reimage, _remake])
def test_any_edit_changes_the_fingerprint(edit: Callable[[Object], None]) -> None:
    cluster = store()
    cluster.apply([deployment()])
    [item] = cluster.get(["Deployment"])
    before = history.fingerprint([item])
    edit(item)
    assert history.fingerprint([item]) != before


def test_a_new_or_a_missing_object_changes_the_fingerprint() -> None:
    cluster = store()
    cluster.apply(application())
    live = cluster.get(["Deployment", "Service", "ConfigMap", "Job"])
    assert history.fingerprint(live[1:]) != history.fingerprint(live)


def test_a_changed_config_or_secret_changes_the_fingerprint() -> None:
    cluster = store()
    chosen = settings()
    cluster.apply([configmap(), secret_object(chosen, {"API_KEY": Sensitive("one")})])
    before = history.fingerprint(cluster.get(["ConfigMap", "Secret"]))
    cluster.apply([secret_object(chosen, {"API_KEY": Sensitive("two")})])
    after = history.fingerprint(cluster.get(["ConfigMap", "Secret"]))
    assert {name for name in before if before[name] != after[name]} == {"Secret/todo-secrets"}
    cluster.apply([configmap(LOG_LEVEL="debug")])
    assert history.fingerprint(cluster.get(["ConfigMap", "Secret"])) != after


def test_the_time_is_utc_to_the_second() -> None:
    assert len(history.now()) == len("2026-01-02T03:04:05Z")
    assert history.now().endswith("Z")
