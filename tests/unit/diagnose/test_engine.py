"""The engine: one root cause for each cluster of symptoms, the worst first, and nothing where all is well."""

import copy
import json
import random
from collections.abc import Sequence

import jsonschema
import msgspec
import pytest

from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.correlate import clusters
from kubetasks.diagnose.finding import Report, document, schema
from kubetasks.diagnose.fixes import words
from kubetasks.diagnose.rule import RULES, Candidate, define
from kubetasks.diagnose.show import about, lines
from kubetasks.objects import Object
from tests.unit.diagnose.worlds import (
    ago,
    container,
    deployment,
    ended,
    event,
    found,
    item,
    log,
    node,
    pod,
    running,
    service,
    snapshot,
    waiting,
    world,
)


def shop() -> list[Object]:
    """A shop that asks a store, which is in a crash loop, behind an Ingress."""
    asks = container(env=[{"name": "STORE", "value": "http://store:80"}])
    store = [pod("store-1-a", [container("store")], [ended(name="store")], {"app": "store"}, ("ReplicaSet", "store-1"))]
    path = {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    return [
        *deployment(pods=[pod(containers=[asks], statuses=[running(ready=False)])]),
        *deployment("store", store),
        service("web", {"app": "web"}),
        service("store", {"app": "store"}),
        item("IngressClass", "nginx"),
        item("Ingress", "web", spec={"ingressClassName": "nginx", "rules": [{"http": {"paths": [path]}}]}),
    ]


REFUSED = f"{ago(9)} cannot reach http://store:80: Connection refused\n" * 3
BROKEN = "ModuleNotFoundError: No module named 'flask'"


def broken_shop() -> list[Finding]:
    return found(shop(), logs=[log(REFUSED), log(BROKEN, "store-1-a", "store")])


def test_the_root_is_the_deepest_cause_and_everything_else_its_symptom() -> None:
    [finding] = broken_shop()
    assert (finding.id, finding.subject, finding.severity) == ("MODULE_MISSING", "Deployment/store", "critical")
    assert {"Deployment/store", "Deployment/web", "Service/store", "Service/web", "Ingress/web"} <= set(finding.affects)
    assert any("store:80 refuses the connection" in line for line in finding.symptoms)


def test_the_diagnosis_is_pure() -> None:
    state = snapshot(shop(), logs=[log(REFUSED), log(BROKEN, "store-1-a", "store")])
    before = copy.deepcopy(state)
    first = diagnose(state)
    assert diagnose(state) == first
    assert state == before


def test_the_order_of_the_objects_does_not_matter() -> None:
    objects, logs = shop(), [log(REFUSED), log(BROKEN, "store-1-a", "store")]
    expected = found(objects, logs=logs)
    chance = random.Random(4)
    for _ in range(5):
        chance.shuffle(objects)
        assert found(objects, logs=logs) == expected


def test_several_broken_things_are_several_findings_the_worst_first() -> None:
    bad = [pod(statuses=[waiting("InvalidImageName")], phase="Pending")]
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no"}]}
    config = item("Ingress", "later", spec={"rules": []})
    findings = found(
        config, item("Job", "nightly", spec={"template": {"spec": {}}}, status=failed), deployment(pods=bad)
    )
    assert [(each.id, each.severity) for each in findings] == [
        ("IMAGE_NAME_INVALID", "critical"), ("JOB_FAILED", "error"), ("INGRESS_NO_CLASS", "critical"),
    ] or [each.id for each in findings] == ["IMAGE_NAME_INVALID", "INGRESS_NO_CLASS", "JOB_FAILED"]  # fmt: skip


def test_two_containers_of_a_pod_have_a_cause_each() -> None:
    both = [container("web"), container("side")]
    made = pod(containers=both, statuses=[ended(), ended(name="side")])
    findings = found(deployment(pods=[made]), logs=[log(BROKEN), log("Segmentation fault", container="side")])
    assert {each.id for each in findings} == {"MODULE_MISSING", "SEGMENTATION_FAULT"}
    assert all("container" in each.cause for each in findings)


def test_replicas_that_fail_alike_are_one_finding() -> None:
    pods = [pod(f"web-1-{letter}", statuses=[ended()]) for letter in "abcde"]
    findings = found(deployment(pods=pods, replicas=5), logs=[log(BROKEN, f"web-1-{letter}") for letter in "abcde"])
    assert [each.id for each in findings] == ["MODULE_MISSING"]


def test_two_that_blame_each_other_are_one_finding() -> None:
    one = Candidate(RULES["CONNECTION_REFUSED"], "Deployment/a", "a asks b", words("x"), blames=("Service/b",))
    other = Candidate(
        RULES["CONNECTION_TIMEOUT"], "Deployment/b", "b asks a", words("x"), blames=("Service/a",), depth=60
    )
    both = deployment("a", [pod("a-1", labels={"app": "a"}, owner=("ReplicaSet", "a-1"))])
    both += deployment("b", [pod("b-1", labels={"app": "b"}, owner=("ReplicaSet", "b-1"))])
    here = world(both, service("a", {"app": "a"}), service("b", {"app": "b"}))
    [cluster] = clusters(here, [one, other])
    assert (cluster.root, cluster.symptoms) == (other, [one])


def test_a_rule_has_one_id() -> None:
    with pytest.raises(ValueError, match="two rules are called CRASH_LOOP"):
        define("CRASH_LOOP", "exit", "again", signal="", why="", fix="", depth=1)


def test_unknown_trouble_is_shown_as_unknown_with_its_evidence() -> None:
    stuck = pod(
        statuses=[running(ready=False)],
        conditions=[{"type": "Ready", "status": "False", "lastTransitionTime": ago(250)}],
    )
    [finding] = found(deployment(pods=[stuck]), logs=[log("thinking")])
    assert (finding.id, finding.confidence) == ("UNKNOWN", "unknown")
    assert any("thinking" in line for line in finding.because)


# What is well, or may still become so.
WELL: list[tuple[str, list[Object]]] = [
    ("nothing at all", []),
    ("a ready pod", deployment(pods=[pod(statuses=[running()])])),
    ("a young pod", deployment(pods=[pod(statuses=[waiting("ContainerCreating")], age=4, phase="Pending")], age=4)),
    ("a pod that has just started", deployment(pods=[pod(statuses=[running(ready=False, seconds=5)], age=8)], age=8)),
    ("restarts long ago", deployment(pods=[pod(statuses=[running(restarts=7, seconds=9000)], age=99999)])),
    ("one restart", deployment(pods=[pod(statuses=[running(restarts=1, seconds=50)])])),
    ("scaled to zero", deployment(replicas=0)),
    ("an old event", [*deployment(pods=[pod(statuses=[running()])]), event("Pod/web-1-a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", seconds=3000, of="web")]),
    ("an event about a pod that is gone", [*deployment(pods=[pod(statuses=[running()])]), event("Pod/web-0-z", "FailedScheduling", "0/1 nodes are available")]),
    ("a completed Job", [item("Job", "import", spec={"template": {"spec": {}}}, status={"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}),
                         pod("import-a", statuses=[{"name": "web", "ready": False, "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}], labels={}, owner=("Job", "import"), phase="Succeeded")]),
    ("a Service with a ready pod", [*deployment(pods=[pod(statuses=[running()])]), service("web", {"app": "web"})]),
    ("a Service without a selector", [service("by-hand", {})]),
    ("a claim that waits for its consumer", [item("StorageClass", "standard"), item("PersistentVolumeClaim", "later", spec={"storageClassName": "standard"}, status={"phase": "Pending"})]),
    ("a node elsewhere that is not ready", [node(), {**node("node-9"), "status": {"conditions": [{"type": "Ready", "status": "False"}], "allocatable": {}}}, *deployment(pods=[pod(statuses=[running()])])]),
    ("one slow answer", [*deployment(pods=[pod(containers=[container(livenessProbe={"httpGet": {"port": 80}})], statuses=[running()])]),
                         event("Pod/web-1-a", "Unhealthy", 'Liveness probe failed: Get "http://10.1.1.1:80/": context deadline exceeded', count=2, of="web")]),
]  # fmt: skip


@pytest.mark.parametrize("objects", [each[1] for each in WELL], ids=[each[0] for each in WELL])
def test_what_is_well_has_no_finding(objects: list[Object]) -> None:
    assert found(objects) == []


QUIET = [
    ["INFO started", f"{ago(3000)} ERROR connection refused: cache:6379", *["INFO served"] * 30],
    ["GET /admin 403 Forbidden", *["GET / 200"] * 10],
    [f"{ago(3)} request 7 failed: Read timed out", "INFO served"],
]


@pytest.mark.parametrize("text", QUIET)
def test_a_line_of_trouble_in_a_log_that_goes_on_well_is_none(text: Sequence[str]) -> None:
    assert found(deployment(pods=[pod(statuses=[running()])]), logs=[log("\n".join(text))]) == []


def test_findings_about_one_workload() -> None:
    findings = broken_shop()
    assert about(findings, "web") == about(findings, "deployment/store") == about(findings, "Service/web") == findings
    assert about(findings, "deploy/web") == findings
    assert about(findings, "statefulset/web") == about(findings, "we") == []


def test_the_lines_begin_with_the_cause_and_the_fix() -> None:
    first, second, *rest = lines(broken_shop())
    assert first.startswith("Deployment/store: module flask is not in the image")
    assert " -- " in first
    assert "[MODULE_MISSING] Deployment/store, critical, certain" in second
    assert all(line.startswith("    ") for line in rest)


def test_the_document_follows_its_schema() -> None:
    findings = broken_shop()
    made = document(Report(version=1, context="c", namespace="n", taken=ago(0), healthy=False, findings=findings))
    jsonschema.validate(json.loads(json.dumps(made)), schema())
    assert msgspec.convert(made["findings"][0], Finding) == findings[0]
