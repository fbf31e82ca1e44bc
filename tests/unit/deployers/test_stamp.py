import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from kubetasks.deployers.base import Release
from kubetasks.deployers.stamp import config_digest, stamp
from kubetasks.objects import CONFIG_DIGEST, SECRET_DIGEST, Object, by_identity, digest

# Another application than the one this project ships with: nothing may depend on that one's names.
RELEASE = Release(
    project="shop",
    namespace="shop-dev",
    images={"web": "kubetasks/shop-web:aaa", "worker": "r.io:5000/shop-worker:bbb"},
    pull_policy="Never",
    database="bundled",
    postgres_image="postgres:17",
    secret_name="shop-secrets",
    secret_digest="5ec7e7",
    migration_job="schema",
    migration_id="0123",
    migration_image="kubetasks/shop-web:000",
)


def workload(kind: str, name: str, image: str, *, init: str = "", **container: Any) -> Object:
    spec: Object = {"containers": [{"name": name, "image": image, **container}]}
    if init:
        spec["initContainers"] = [{"name": "first", "image": init}]
    return {"kind": kind, "metadata": {"name": name}, "spec": {"template": {"metadata": {}, "spec": spec}}}


def config(name: str, **data: str) -> Object:
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def annotations(item: Object) -> Object:
    found: Object = item["spec"]["template"]["metadata"].get("annotations", {})
    return found


def one(item: Object, *others: Object, release: Release = RELEASE) -> Object:
    return stamp([item, *others], release)[0]


def test_images_and_pull_policies() -> None:
    item = one(workload("Deployment", "web", "web", init="worker"))
    spec = item["spec"]["template"]["spec"]
    assert spec["containers"] == [{"name": "web", "image": "kubetasks/shop-web:aaa", "imagePullPolicy": "Never"}]
    assert spec["initContainers"] == [
        {"name": "first", "image": "r.io:5000/shop-worker:bbb", "imagePullPolicy": "Never"}
    ]


def test_an_image_that_is_no_placeholder_stays() -> None:
    item = one(workload("Deployment", "cache", "redis:8", imagePullPolicy="Always"))
    assert item["spec"]["template"]["spec"]["containers"] == [
        {"name": "cache", "image": "redis:8", "imagePullPolicy": "Always"}
    ]


def test_postgres() -> None:
    item = one(workload("StatefulSet", "postgres", "postgres"))
    (container,) = item["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("postgres:17", "IfNotPresent")


def test_the_migration_job() -> None:
    item = one(workload("Job", "schema", "web", init="worker"))
    assert item["metadata"]["name"] == "schema-0123"
    spec = item["spec"]["template"]["spec"]
    images = [container["image"] for container in spec["initContainers"] + spec["containers"]]
    assert images == ["kubetasks/shop-web:000"] * 2


def test_another_job_keeps_its_name_and_runs_the_service() -> None:
    item = one(workload("Job", "report", "web"))
    assert item["metadata"]["name"] == "report"
    assert item["spec"]["template"]["spec"]["containers"][0]["image"] == "kubetasks/shop-web:aaa"


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_no_migration_image_is_the_service_s(kind: str) -> None:
    bare = replace(RELEASE, migration_image="", migration_id="")
    item = one(workload("Job", "schema", "web"), release=bare)
    assert item["metadata"]["name"] == "schema"
    assert item["spec"]["template"]["spec"]["containers"][0]["image"] == "kubetasks/shop-web:aaa"
    # A workload that happens to have the Job's name is none.
    assert one(workload(kind, "schema", "web"))["metadata"]["name"] == "schema"


def test_namespaces() -> None:
    stamped = stamp([{"kind": "Namespace", "metadata": {"name": "x"}}, config("c")], RELEASE)
    assert [(item["kind"], item["metadata"]["namespace"]) for item in stamped] == [("ConfigMap", "shop-dev")]


def test_the_releases_own_configuration() -> None:
    release = replace(RELEASE, config={"A": "2", "C": "3"})
    ours, other = stamp([config("shop-config", A="1", B="1"), config("other", A="1")], release)
    assert ours["data"] == {"A": "2", "B": "1", "C": "3"}
    assert other["data"] == {"A": "1"}


@pytest.mark.parametrize(
    ("held", "given", "there"), [("", "", False), ("x", "", False), ("", "x", True), ("x", None, True)]
)
def test_an_object_that_only_a_configuration_wants(held: str, given: str | None, there: bool) -> None:
    item: Object = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "out", "annotations": {"kubetasks.dev/with-config": "URL"}},
    }
    release = replace(RELEASE, config={} if given is None else {"URL": given})
    stamped = stamp([item, config("shop-config", URL=held)], release)
    assert ["NetworkPolicy" in each["kind"] for each in stamped] == ([True, False] if there else [False])
    assert all("annotations" not in each["metadata"] for each in stamped)


CONFIG_MAP_USES: dict[str, Any] = {
    "envFrom": {"envFrom": [{"configMapRef": {"name": "c"}}]},
    "env": {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "A"}}}]},
}
SECRET_USES: dict[str, Any] = {
    "envFrom": {"envFrom": [{"secretRef": {"name": "shop-secrets"}}]},
    "env": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "shop-secrets", "key": "A"}}}]},
}


@pytest.mark.parametrize("use", CONFIG_MAP_USES)
def test_config_digest(use: str) -> None:
    item = one(workload("Deployment", "web", "web", **CONFIG_MAP_USES[use]), config("c", A="1"), config("d", B="2"))
    assert annotations(item) == {CONFIG_DIGEST: digest({"c": [{"A": "1"}, {}]})}


def test_config_digest_of_volumes() -> None:
    item = workload("StatefulSet", "web", "web")
    item["spec"]["template"]["spec"]["volumes"] = [
        {"name": "one", "configMap": {"name": "c"}},
        {"name": "two", "projected": {"sources": [{"configMap": {"name": "d"}}, {"secret": {"name": "shop-secrets"}}]}},
    ]
    maps = config("c", A="1"), config("d", B="2")
    assert annotations(one(item, *maps)) == {
        CONFIG_DIGEST: digest({"c": [{"A": "1"}, {}], "d": [{"B": "2"}, {}]}),
        SECRET_DIGEST: "5ec7e7",
    }


def test_config_digest_changes_with_the_data_alone() -> None:
    template = workload("Deployment", "web", "web", **CONFIG_MAP_USES["envFrom"])["spec"]["template"]
    labelled = config("c", A="1")
    labelled["metadata"]["labels"] = {"x": "y"}
    assert config_digest([config("c", A="1")], [template]) == config_digest([labelled], [template])
    assert config_digest([config("c", A="1")], [template]) != config_digest([config("c", A="2")], [template])
    assert config_digest([config("d", A="1")], [template]) == ""


@pytest.mark.parametrize("use", SECRET_USES)
def test_secret_digest(use: str) -> None:
    assert annotations(one(workload("Deployment", "web", "web", **SECRET_USES[use]))) == {SECRET_DIGEST: "5ec7e7"}


def test_secret_digest_of_a_volume() -> None:
    item = workload("Deployment", "web", "web")
    item["spec"]["template"]["spec"]["volumes"] = [{"name": "keys", "secret": {"secretName": "shop-secrets"}}]
    assert annotations(one(item)) == {SECRET_DIGEST: "5ec7e7"}


def test_no_digest_where_nothing_is_referred_to() -> None:
    other: dict[str, Any] = {"envFrom": [{"secretRef": {"name": "another"}}, {"configMapRef": {"name": "elsewhere"}}]}
    assert annotations(one(workload("Deployment", "web", "web", **other), config("c"))) == {}


def test_annotations_that_are_there_stay() -> None:
    item = workload("Deployment", "web", "web", **SECRET_USES["env"])
    item["spec"]["template"]["metadata"]["annotations"] = {"mine": "x"}
    assert annotations(one(item)) == {"mine": "x", SECRET_DIGEST: "5ec7e7"}


def test_no_digest_on_a_database_or_a_job() -> None:
    """A new JWT key must not restart the database, and a Job's template can never be changed."""
    for item in (
        workload("StatefulSet", "postgres", "postgres", **SECRET_USES["env"]),
        workload("Job", "schema", "web", **SECRET_USES["env"], **CONFIG_MAP_USES["envFrom"]),
    ):
        assert annotations(one(item, config("c"))) == {}


def test_what_was_given_is_left_alone() -> None:
    given = [workload("Deployment", "web", "web", **SECRET_USES["env"]), workload("Job", "schema", "web"), config("c")]
    before = deepcopy(given)
    stamped = stamp(given, RELEASE)
    assert given == before
    assert sorted(by_identity(stamped)) == ["ConfigMap/c", "Deployment/web", "Job/schema-0123"]


POD = {"containers": [{"name": "c", "image": "ghcr.io/me/shop_web:v9"}]}
TEMPLATED = {"template": {"metadata": {"labels": {"a": "b"}}, "spec": POD}}
EVERYWHERE: dict[str, dict[str, Any]] = {
    "Pod": {"spec": POD},
    "Deployment": {"spec": TEMPLATED},
    "StatefulSet": {"spec": TEMPLATED},
    "DaemonSet": {"spec": TEMPLATED},
    "ReplicaSet": {"spec": TEMPLATED},
    "ReplicationController": {"spec": TEMPLATED},
    "Job": {"spec": TEMPLATED},
    "CronJob": {"spec": {"jobTemplate": {"spec": TEMPLATED}}},
    "PodTemplate": {"template": {"spec": POD}},
    "Rollout": {"spec": TEMPLATED},
    "Workflow": {"spec": {"templates": [{"container": POD["containers"][0]}, {"suspend": {}}]}},
    "Fleet": {"spec": {"roles": {"head": {"pod": POD}}}},
}
PATHS = {"Rollout.example.com": "spec.template", "Workflow": "spec.templates.*.container", "Fleet": "spec.roles.*.pod"}


@pytest.mark.parametrize("kind", EVERYWHERE)
@pytest.mark.parametrize("ending", ["", ":v1", f"@sha256:{'0' * 64}"])
def test_an_image_is_filled_in_wherever_a_pod_is_described(kind: str, ending: str) -> None:
    image = f"ghcr.io/me/shop_web{ending}"
    release = replace(
        RELEASE, images={"web": "k/shop-web:abc"}, names={"web": "ghcr.io/me/shop_web"}, pod_templates=PATHS
    )
    body = json.loads(json.dumps(EVERYWHERE[kind]).replace("ghcr.io/me/shop_web:v9", image))
    version = "example.com/v1" if kind in PATHS or f"{kind}.example.com" in PATHS else "v1"
    [made] = stamp([{"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, **body}], release)
    text = json.dumps(made)
    assert image not in text
    assert '"image": "k/shop-web:abc"' in text
    assert '"imagePullPolicy": "' + release.pull_policy in text


def test_every_kind_of_container_and_a_volume_that_is_an_image() -> None:
    spec = {
        "initContainers": [{"name": "i", "image": "web:1"}],
        "containers": [{"name": "c", "image": "web"}, {"name": "other", "image": "me/web"}],
        "ephemeralContainers": [{"name": "e", "image": "docker.io/library/web:2"}],
        "volumes": [{"name": "v", "image": {"reference": "web:3"}}, {"name": "e", "emptyDir": {}}],
    }
    release = replace(RELEASE, images={"web": "k/shop-web:abc"})
    [made] = stamp([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}], release)
    found = made["spec"]
    assert [each["image"] for key in ("initContainers", "ephemeralContainers") for each in found[key]] == [
        "k/shop-web:abc"
    ] * 2
    assert [each["image"] for each in found["containers"]] == ["k/shop-web:abc", "me/web"]
    assert found["volumes"][0]["image"] == {"reference": "k/shop-web:abc", "pullPolicy": release.pull_policy}


def test_an_application_without_a_database_keeps_its_own_postgres() -> None:
    spec = {"containers": [{"name": "c", "image": "postgres"}]}
    [made] = stamp(
        [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}],
        replace(RELEASE, postgres_image=""),
    )
    assert made["spec"] == spec
