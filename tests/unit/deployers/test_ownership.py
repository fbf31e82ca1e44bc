"""Handing an object's fields from one deployer to the other, on managedFields as an API server writes them."""

import json
from typing import Any

import pytest

from kubetasks.deployers import ownership
from kubetasks.deployers.record import Revision, to_objects
from kubetasks.objects import MANAGED_BY, PART_OF, Object
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import KubectlStore
from tests.recording import RecordingRunner
from tests.samples import PROJECT, deployment

# What Kubernetes 1.34 shows of a Deployment that kubetasks applied and its controller reported on.
APPLIED = {
    "manager": "kubetasks",
    "operation": "Apply",
    "apiVersion": "apps/v1",
    "time": "2026-01-02T03:04:05Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {
        "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/part-of": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"backend"}': {
                            ".": {},
                            "f:env": {'k:{"name":"OLD"}': {".": {}, "f:name": {}, "f:value": {}}},
                            "f:image": {},
                            "f:name": {},
                        }
                    }
                }
            },
        },
    },
}
CONTROLLER = {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "time": "2026-01-02T03:04:09Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {
        "f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}},
        "f:status": {"f:availableReplicas": {}},
    },
    "subresource": "status",
}
# What Helm 3 adds when it takes the same object over, on the client's side.
HELM_3 = {
    "manager": "helm",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "time": "2026-01-02T03:05:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {
        "f:metadata": {
            "f:annotations": {"f:meta.helm.sh/release-name": {}, "f:meta.helm.sh/release-namespace": {}},
            "f:labels": {"f:app.kubernetes.io/managed-by": {}, "f:helm.sh/chart": {}},
        },
        "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"backend"}': {"f:image": {}}}}}},
    },
}
HELM_4 = {**HELM_3, "operation": "Apply"}
EDITOR = {**HELM_3, "manager": "kubectl-edit"}


def item(*entries: dict[str, Any], **labels: str) -> Object:
    made = deployment()
    made["metadata"]["managedFields"] = list(entries)
    made["metadata"]["resourceVersion"] = "42"
    made["metadata"]["labels"].update(labels)
    return made


def paths(fields: dict[str, Any], prefix: str = "") -> set[str]:
    """The leaves of a FieldsV1 set."""
    found: set[str] = set()
    for key, value in fields.items():
        found |= paths(value, f"{prefix}/{key}") if value else {f"{prefix}/{key}"}
    return found


@pytest.mark.parametrize(
    ("entries", "owner"),
    [
        ([APPLIED, CONTROLLER], "kubetasks"),
        ([HELM_4, CONTROLLER], "helm"),
        ([CONTROLLER], "kubetasks"),
        ([EDITOR], "kubetasks"),
        ([], "helm"),
    ],
)
def test_an_object_that_no_other_deployer_has_a_part_in_stays(entries: list[dict[str, Any]], owner: str) -> None:
    assert ownership.handed_over(item(*entries), owner) is None


def test_an_object_without_managed_fields_stays() -> None:
    assert ownership.handed_over(deployment(), "kubetasks") is None


@pytest.mark.parametrize("helm", [HELM_3, HELM_4])
@pytest.mark.parametrize("owner", ["kubetasks", "helm"])
def test_one_deployer_gets_the_fields_of_both(helm: dict[str, Any], owner: str) -> None:
    before = item(APPLIED, helm, CONTROLLER, EDITOR)
    after = ownership.handed_over(before, owner)
    assert after is not None
    merged, *rest = after["metadata"]["managedFields"]
    assert (merged["manager"], merged["operation"], merged["fieldsType"]) == (owner, "Apply", "FieldsV1")
    assert "subresource" not in merged
    assert paths(merged["fieldsV1"]) == paths(APPLIED["fieldsV1"]) | paths(helm["fieldsV1"])  # type: ignore[arg-type]
    assert rest == [CONTROLLER, EDITOR]
    # Only who owns what is changed, and only if nobody changed the object in between.
    assert {**after, "metadata": {**after["metadata"], "managedFields": 0}} == {
        **before,
        "metadata": {**before["metadata"], "managedFields": 0},
    }
    assert after["metadata"]["resourceVersion"] == "42"
    assert before["metadata"]["managedFields"] == [APPLIED, helm, CONTROLLER, EDITOR]


def test_is_handed_over_once() -> None:
    once = ownership.handed_over(item(APPLIED, HELM_3, CONTROLLER), "kubetasks")
    assert once is not None
    assert ownership.handed_over(once, "kubetasks") is None


def test_what_kubetasks_created_rather_than_applied_is_taken_over_too() -> None:
    after = ownership.handed_over(item({**APPLIED, "operation": "Update"}), "kubetasks")
    assert after is not None
    assert after["metadata"]["managedFields"] == [APPLIED]


def test_a_deployers_status_is_no_part_of_it() -> None:
    status = {**HELM_3, "subresource": "status"}
    assert ownership.handed_over(item(APPLIED, status), "kubetasks") is None


def cluster(*items: Object) -> tuple[KubectlStore, RecordingRunner]:
    runner = RecordingRunner({("kubectl",): lambda call: json.dumps({"items": items}) if "get" in call.argv else ""})
    return KubectlStore(Cluster("kind-test", PROJECT, kubeconfig="/some/config"), runner), runner


ARGV = ["kubectl", "--context", "kind-test", "--namespace", "todo", "--request-timeout=20s"]
GET = [
    *ARGV, "get", "deployment,configmap", "--selector", "owner!=helm", "--show-managed-fields",
    "--output", "json",
]  # fmt: skip


def test_takes_over_what_another_deployer_holds() -> None:
    store, runner = cluster(item(APPLIED, HELM_3), item(APPLIED))
    assert ownership.take_over(store, ("Deployment", "ConfigMap"), PROJECT, "kubetasks") == 1
    replace = [*ARGV, "replace", "--field-manager=kubetasks", "--output", "name", "--filename", "-"]
    assert runner.argvs == [GET, replace]
    assert all(call.env == {"KUBECONFIG": "/some/config"} for call in runner.calls)
    assert json.loads(runner.calls[1].input or "") == {
        "apiVersion": "v1",
        "kind": "List",
        "items": [ownership.handed_over(item(APPLIED, HELM_3), "kubetasks")],
    }


def test_replaces_nothing_where_nothing_changes_hands() -> None:
    [record] = to_objects(Revision(1, "deployed", "manifests", ""), PROJECT, PROJECT)
    record["metadata"]["managedFields"] = [HELM_3]
    store, runner = cluster(item(APPLIED), record)
    assert ownership.take_over(store, ("Deployment", "ConfigMap"), PROJECT, "kubetasks") == 0
    assert runner.argvs == [GET]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({MANAGED_BY: "kubetasks", PART_OF: PROJECT}, True),
        ({MANAGED_BY: "kubetasks", PART_OF: "another"}, False),
        ({MANAGED_BY: "Helm", PART_OF: PROJECT}, False),
        ({PART_OF: PROJECT}, False),
        (None, False),
    ],
)
def test_a_namespace_is_ours_by_both_labels(labels: dict[str, str] | None, expected: bool) -> None:
    assert ownership.owned({"kind": "Namespace", "metadata": {"name": "todo", "labels": labels}}, PROJECT) is expected
