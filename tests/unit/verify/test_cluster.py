"""The layers that read the cluster."""

from typing import Any

import pytest

from kubetasks.objects import by_identity
from kubetasks.verify.cluster import (
    check_object,
    check_service,
    check_workload,
    expected,
    read,
    ready_addresses,
)
from kubetasks.verify.results import Layer
from tests.unit.verify.fakes import FakeStore, application, deployment, endpoints, job, rolled_out, service


def told(layer: Layer) -> list[tuple[str, str, str]]:
    return [(check.name, check.status, check.evidence) for check in layer.checks]


def test_everything_is_read_in_one_call() -> None:
    rendered, live = application()
    store = FakeStore(live)
    assert set(read(store, rendered)[0]) == {"Deployment/web", "Service/web", "Job/migrate-1", "EndpointSlice/web-x1"}
    assert store.asked == [["Deployment", "EndpointSlice", "Job", "Service"]]


def test_objects_as_rendered() -> None:
    rendered, live = application()
    layer = Layer("objects")
    for item in rendered:
        check_object(layer, item, by_identity(live))
    assert told(layer) == [
        ("Deployment/web", "pass", "as rendered"),
        ("Service/web", "pass", "as rendered"),
        ("Job/migrate-1", "pass", "as rendered"),
    ]


def test_objects_that_are_missing_or_otherwise() -> None:
    rendered, live = application()
    live[0]["spec"]["replicas"] = 7
    live[0]["metadata"]["labels"] = {}
    container = live[0]["spec"]["template"]["spec"]["containers"][0]
    container["image"], container["env"] = "test/web:old", []
    layer = Layer("objects")
    for item in rendered:
        check_object(layer, item, by_identity(live[:1] + live[3:]))
    assert [each.path for each in layer.checks[0].drift] == [
        "metadata.labels.app",
        "spec.replicas",
        "spec.template.spec.containers[web].image",
        "spec.template.spec.containers[web].env[LEVEL]",
    ]
    assert layer.checks[0].drift[1].document() == {"path": "spec.replicas", "wanted": "2", "live": "7"}
    assert told(layer) == [
        (
            "Deployment/web",
            "fail",
            (
                "metadata.labels.app: expected web, found nothing; spec.replicas: expected 2, found 7; "
                "spec.template.spec.containers[web].image: expected test/web:1, found test/web:old; and 1 more"
            ),
        ),
        ("Service/web", "fail", "missing"),
        ("Job/migrate-1", "fail", "missing"),
    ]


def test_a_job_that_the_cluster_removes_may_be_gone() -> None:
    gone = job()
    gone["spec"]["ttlSecondsAfterFinished"] = 60
    layer = Layer("objects")
    check_object(layer, gone, {})
    assert told(layer) == [("Job/migrate-1", "skip", "not there; the cluster removes it 60 s after it has finished")]


@pytest.mark.parametrize(
    ("rendered", "live", "keys"),
    [
        ({"stringData": {"a": "canary"}}, {"data": {"a": "Y2FuYXJ5"}}, []),
        ({"stringData": {"a": "canary"}}, {"data": {"a": "Y2FuYXJ5", "more": "eA=="}}, []),
        ({"stringData": {"a": "canary"}}, {"data": {"a": "eA=="}}, ["a"]),
        ({"data": {"a": "Y2FuYXJ5", "b": "eA=="}, "stringData": {"b": "canary"}}, {}, ["a", "b"]),
        ({"data": {"a": "/w=="}}, {"data": {"a": "/w=="}}, []),
        ({}, {}, []),
    ],
)
def test_values_of_a_secret_are_compared_and_never_shown(
    rendered: dict[str, Any], live: dict[str, Any], keys: list[str]
) -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s"}}
    layer = Layer("objects")
    check_object(layer, {**secret, **rendered}, {"Secret/s": {**secret, **live}})
    evidence = "; ".join(f"{key}: differs from the rendered value" for key in keys)
    assert told(layer) == [("Secret/s", "fail" if keys else "pass", evidence or "all values as rendered")]


def test_what_is_being_deleted_is_not_there() -> None:
    rendered, live = application()
    live[0]["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    there, leaving = read(FakeStore(live), rendered)
    layer = Layer("objects")
    check_object(layer, rendered[0], there, leaving)
    assert told(layer) == [("Deployment/web", "fail", "it is being deleted; inv status says what holds it")]


def test_helms_hooks_are_not_expected() -> None:
    test = {"kind": "Pod", "metadata": {"name": "t", "annotations": {"helm.sh/hook": "test"}}}
    hook = {"kind": "Job", "metadata": {"name": "h", "annotations": {"helm.sh/hook": "pre-upgrade"}}}
    assert expected([test, hook, service()]) == [service()]


def _rollout(status: dict[str, Any]) -> tuple[str, str, str]:
    live = rolled_out(deployment())
    live["status"] = status
    layer = Layer("rollout")
    check_workload(layer, deployment(), {"Deployment/web": live})
    return told(layer)[0]


def test_rollout_complete() -> None:
    rendered, live = application()
    layer = Layer("rollout")
    for item in (rendered[0], rendered[2]):
        check_workload(layer, item, by_identity(live))
    assert told(layer) == [
        ("Deployment/web", "pass", "2 of 2 updated and ready, generation 3"),
        ("Job/migrate-1", "pass", "complete"),
    ]


GOOD = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize(
    ("status", "evidence"),
    [
        ({**GOOD, "observedGeneration": 2}, "generation 3 is not observed yet, only 2"),
        ({**GOOD, "updatedReplicas": 1}, "1 of 2 updated"),
        ({**GOOD, "readyReplicas": 0}, "0 of 2 ready"),
        ({**GOOD, "replicas": 3}, "1 of an older revision still there"),
        ({}, "generation 3 is not observed yet, only 0; 0 of 2 updated; 0 of 2 ready"),
        (
            {
                **GOOD,
                "readyReplicas": 1,
                "conditions": [
                    {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "no"}
                ],
            },
            "1 of 2 ready; MinimumReplicasUnavailable: no",
        ),
    ],
)
def test_rollout_incomplete(status: dict[str, Any], evidence: str) -> None:
    assert _rollout(status) == ("Deployment/web", "fail", evidence)


@pytest.mark.parametrize(
    ("status", "evidence"),
    [
        (
            {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "x"}]},
            "failed: BackoffLimitExceeded x",
        ),
        ({"active": 1}, "not complete; 1 pod at work"),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, "not complete; 0 pods at work"),
    ],
)
def test_a_job_that_is_not_complete(status: dict[str, Any], evidence: str) -> None:
    layer = Layer("rollout")
    for item in (job(), deployment()):
        check_workload(layer, item, {"Job/migrate-1": {**job(), "status": status}})
    assert told(layer) == [("Job/migrate-1", "fail", evidence), ("Deployment/web", "skip", "it does not exist")]


def test_endpoints() -> None:
    plain, outside = service("plain"), service("outside")
    del plain["spec"]["selector"]
    outside["spec"]["type"] = "ExternalName"
    objects = [service("web"), service("slow"), service("lost"), plain, outside]
    live = by_identity([endpoints("web"), endpoints("slow", ready=0, unready=2)])
    layer = Layer("endpoints")
    for item in objects:
        check_service(layer, item, live)
    assert told(layer) == [
        ("Service/web", "pass", "2 ready: 10.0.0.0, 10.0.0.1"),
        ("Service/slow", "fail", "no ready address; 2 not ready: 10.0.0.0, 10.0.0.1"),
        ("Service/lost", "fail", "no address: no pod matches its selector"),
        ("Service/plain", "skip", "it has no selector"),
        ("Service/outside", "skip", "it has no selector"),
    ]


def test_unknown_readiness_counts_as_ready() -> None:
    item = endpoints(ready=1)
    item["endpoints"][0]["conditions"] = {}
    assert ready_addresses([item, endpoints("other")], "web") == (["10.0.0.0"], [])
