"""Which live objects belong to a project: by our label, never by the user's."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers.belonging import inventory, is_labelled, kinds_in, kinds_of, labelled, mine
from kubetasks.objects import MANAGED_BY, PART_OF, PROJECT, Object, identity

OURS = {PROJECT: "shop"}


def thing(kind: str, name: str, labels: dict[str, str] | None = None, **meta: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels or {}, **meta}, "spec": {}}


@pytest.mark.parametrize(
    ("labels", "annotations", "expected"),
    [
        (OURS, {}, True),
        ({PROJECT: "another", PART_OF: "shop", MANAGED_BY: "kubetasks"}, {}, False),
        ({PART_OF: "shop"}, {}, False),  # the user's own label says nothing
        ({}, {}, False),
        # Deployed by an earlier version of kubetasks.
        ({PART_OF: "shop", MANAGED_BY: "kubetasks"}, {}, True),
        ({PART_OF: "shop", MANAGED_BY: "Helm"}, {"meta.helm.sh/release-name": "shop"}, True),
        ({PART_OF: "shop", MANAGED_BY: "Helm"}, {"meta.helm.sh/release-name": "theirs"}, False),
    ],
)
def test_what_says_that_it_belongs(labels: dict[str, str], annotations: dict[str, str], expected: bool) -> None:
    assert is_labelled(thing("Service", "x", labels, annotations=annotations), "shop") is expected


def test_what_was_made_for_what_is_ours_is_ours() -> None:
    hashed = {"pod-template-hash": "abc"}
    store = {
        **thing("StatefulSet", "db", OURS, uid="3"),
        "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    }
    live = [
        thing("Pod", "web-abc-1", hashed, ownerReferences=[{"kind": "ReplicaSet", "name": "web-abc", "uid": "9"}]),
        thing("Pod", "other-abc-1", hashed, ownerReferences=[{"kind": "ReplicaSet", "name": "other-abc", "uid": "8"}]),
        thing("Pod", "job-1", ownerReferences=[{"kind": "Job", "name": "nightly-1", "uid": "5"}]),
        thing("Job", "nightly-1", uid="5", ownerReferences=[{"kind": "CronJob", "name": "nightly", "uid": "4"}]),
        thing("PersistentVolumeClaim", "data-db-0"),
        thing("PersistentVolumeClaim", "data-db-x"),
        thing("PersistentVolumeClaim", "data"),
        thing("Deployment", "web", OURS, uid="1"),
        thing("CronJob", "nightly", OURS, uid="4"),
        store,
        thing("ConfigMap", "theirs", {PART_OF: "shop"}),
    ]
    assert [identity(item) for item in mine(live, "shop")] == [
        "Pod/web-abc-1", "Pod/job-1", "Job/nightly-1", "PersistentVolumeClaim/data-db-0", "Deployment/web",
        "CronJob/nightly", "StatefulSet/db",
    ]  # fmt: skip


def test_the_label_goes_on_objects_and_never_on_pod_templates() -> None:
    item = {
        **thing("Deployment", "web", {"app": "web"}),
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}}},
    }
    [made] = labelled([item], "shop")
    assert made["metadata"]["labels"] == {"app": "web", PROJECT: "shop"}
    assert made["spec"] == item["spec"]
    assert PROJECT not in item["metadata"]["labels"]


def test_an_inventory_names_group_kind_namespace_and_name() -> None:
    gadget = {"apiVersion": "shop.test/v1", "kind": "Gadget", "metadata": {"name": "one", "namespace": "n"}}
    service = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "one"}}
    hook = thing("Job", "hook", annotations={"helm.sh/hook": "pre-install"})
    found = inventory([gadget, service, hook, thing("Service", "one")])
    assert found == {
        "Gadget/one": ["shop.test/v1", "Gadget", "n", "one"],
        "Service.serving.knative.dev/one": ["serving.knative.dev/v1", "Service", "", "one"],
        "Service/one": ["v1", "Service", "", "one"],
    }
    assert kinds_of([found, {"damaged": ["x"]}]) == {"Gadget.shop.test", "Service.serving.knative.dev", "Service"}


def test_the_kinds_that_files_name(tmp_path: Path) -> None:
    (tmp_path / "k8s/deep").mkdir(parents=True)
    (tmp_path / "k8s/a.yaml").write_text("kind: Ingress\n---\nkind: 'Role'\nspec:\n  kind: Secret\n")
    (tmp_path / "k8s/deep/b.yml").write_text("kind: Gadget\n---\nkind: Namespace\n")
    (tmp_path / "c.yaml").write_text("kind: ClusterRole\n")
    assert kinds_in(tmp_path, ["k8s", "c.yaml", "gone"]) == {"Ingress", "Role", "ClusterRole"}
