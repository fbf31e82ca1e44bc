"""Our agent's manifests on a real API server with kagent 0.10's CRDs, and in a namespace that enforces `restricted`.

The CRDs are recorded beside the repository. kagent's controller cannot be had from a package registry; the pods that it
would make are composed here.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kubetasks.aiops.kagent import objects
from tests.checkout import ROOT, Checkout
from tests.e2e.conftest import Cluster

CRDS = ROOT.parent / "shared" / "recorded" / "kagent-crds"
NAMES = ("agents", "modelconfigs", "remotemcpservers")
AIOPS = {"KUBETASKS_AIOPS_ENDPOINT": "http://127.0.0.1:9/v1", "KUBETASKS_AIOPS_MODEL": "scripted"}


@pytest.fixture
def crds(cluster: Cluster) -> Iterator[Cluster]:
    if not CRDS.is_dir():
        pytest.skip(f"kagent's CRDs are not recorded at {CRDS}")
    for name in NAMES:
        cluster.kubectl("apply", "--server-side", "--filename", str(CRDS / f"{name}.yaml"))
    groups = [f"crd/{name}.kagent.dev" for name in NAMES]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *groups)
    yield cluster
    for name in NAMES:
        cluster.kubectl("delete", "--ignore-not-found", "--filename", str(CRDS / f"{name}.yaml"))
    cluster.kubectl("delete", "namespace", "kagent", "--ignore-not-found", "--wait=false")


def wanted(namespace: str) -> objects.Wanted:
    return objects.Wanted(
        project="todo", namespace=namespace, model="m", endpoint="http://model/v1", secret="s", key="k",
        image="kubetasks/mcp:test", rollback=True, schedule="0 7 * * *",
    )  # fmt: skip


def pod(agent: dict[str, Any], *, ours: bool) -> dict[str, Any]:
    """The pod that kagent's controller makes of an Agent; without what ours sets: kagent's own default."""
    deployment = agent["spec"]["declarative"]["deployment"]
    first = {"name": "kagent", "image": "x", **({"securityContext": deployment["securityContext"]} if ours else {})}
    spec = {
        "serviceAccountName": deployment["serviceAccountName"] if ours else "default",
        "securityContext": deployment["podSecurityContext"] if ours else {},
        "containers": [first, *(deployment["extraContainers"] if ours else [])],
        "volumes": deployment["volumes"] if ours else [],
    }
    namespace = agent["metadata"]["namespace"]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent", "namespace": namespace}, "spec": spec}


def test_the_manifests_are_valid_and_pass_restricted(crds: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    crds.kubectl("create", "namespace", space)
    crds.kubectl("label", "namespace", space, "pod-security.kubernetes.io/enforce=restricted")
    items = objects.prepare(objects.read(ROOT, schedule=True), wanted(space))
    dry = ("apply", "--server-side", "--dry-run=server", "--filename", "-")
    for item in items:
        crds.kubectl(*dry, input=json.dumps(item))
    crds.kubectl("--namespace", space, "create", "serviceaccount", objects.NAME)
    agent = next(item for item in items if item["kind"] == "Agent")
    crds.kubectl(*dry, input=json.dumps(pod(agent, ours=True)))
    job = next(item for item in items if item["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    asking = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ask", "namespace": space}, "spec": job["spec"]}
    crds.kubectl(*dry, input=json.dumps(asking))
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        crds.kubectl(*dry, input=json.dumps(pod(agent, ours=False)))


@pytest.mark.parametrize(
    ("verb", "resource", "below", "allowed"),
    [
        ("list", "pods", "", "yes"),
        ("get", "pods", "log", "yes"),
        ("list", "events", "", "yes"),
        ("get", "secrets", "", "no"),
        ("list", "secrets", "", "no"),
        ("create", "pods", "exec", "no"),
        ("get", "pods", "proxy", "no"),
        ("patch", "deployments.apps", "", "no"),
        ("create", "serviceaccounts", "token", "no"),
        ("list", "nodes", "", "no"),
        ("delete", "pods", "", "no"),
    ],
)
def test_the_role_reads_and_nothing_else(
    crds: Cluster, checkout: Checkout, verb: str, resource: str, below: str, allowed: str
) -> None:
    space = checkout.namespace
    crds.kubectl("create", "namespace", space)
    for item in objects.prepare(objects.read(ROOT, schedule=False), wanted(space)):
        if item["kind"] in {"ServiceAccount", "Role", "RoleBinding"} and not item["metadata"]["name"].endswith(
            "rollback"
        ):
            crds.kubectl("apply", "--server-side", "--filename", "-", input=json.dumps(item))
    account = f"system:serviceaccount:{space}:{objects.NAME}"
    named = (verb, resource, *([f"--subresource={below}"] if below else []))
    answer = crds.kubectl("--namespace", space, "auth", "can-i", *named, "--as", account, check=False)
    assert answer.strip() == allowed


def test_installing_beside_a_controller_and_removing(crds: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    assert "kagent is not installed" in checkout.inv("aiops.agent.status", code=102)
    crds.kubectl("create", "namespace", space)
    crds.kubectl("create", "namespace", "kagent")
    crds.kubectl("--namespace", space, "create", "secret", "generic", "model", "--from-literal=KEY=value")
    create = (
        "create",
        "deployment",
        "kagent-controller",
        "--image=kagent/controller:0.10.4",
        "--replicas=0",
    )
    crds.kubectl("--namespace", "kagent", *create)
    install = ("aiops.agent.install", "--no-charts", "--key-secret", "model/KEY", "--timeout", "2")
    done = checkout.inv(*install, code=104, env=AIOPS)  # all is applied, and no controller makes it ready
    assert "the agent kubetasks-agent is not ready after 2 s" in done
    found = {item["kind"] for item in crds.objects("agents,modelconfigs,remotemcpservers,roles", space)}
    assert found == {"Agent", "ModelConfig", "RemoteMCPServer", "Role"}
    checkout.inv("aiops.agent.remove")
    assert crds.objects("agents,modelconfigs,remotemcpservers,roles", space) == []
    crds.kubectl("--namespace", "kagent", "set", "image", "deployment/kagent-controller", "*=kagent/controller:1.0.2")
    assert "kagent 1.0 is installed (1.0.2)" in checkout.inv(*install, code=103, env=AIOPS)
