"""What a deploy shares with others in the cluster: autoscalers, the TTL controller, Secrets of the manifests."""

import base64
import gzip
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from tests.checkout import Checkout
from tests.e2e.conftest import SEARCH, Cluster, pods

CANARY = "hunter2-canary-of-the-manifests"


def backend(cluster: Cluster, space: str) -> dict[str, Any]:
    return next(item for item in cluster.objects("deployment", space) if item["metadata"]["name"] == "backend")


def test_replicas_belong_to_an_autoscaler(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    checkout.inv("deploy", "--no-verify")
    # Without an autoscaler it is drift.
    cluster.kubectl("--namespace", space, "scale", "deployment", "backend", "--replicas=2")
    assert "-  replicas: 2" in checkout.inv("diff")
    # There are no metrics here; the least number is kept all the same.
    cluster.kubectl("--namespace", space, "autoscale", "deployment", "backend", "--min=2", "--max=4")
    line = "Deployment/backend is left to HorizontalPodAutoscaler/backend"
    programs: list[tuple[str, str]] = [("manifests", ""), ("helm", str(Path(sys.executable).parent / "helm"))]
    programs += [("helm", found)] if (found := shutil.which("helm4", path=SEARCH)) else []
    for deployer, program in programs:
        env = {"KUBETASKS_PROGRAMS_HELM": program} if program else {}
        out = checkout.inv("deploy", "--with", deployer, "--force", "--no-verify", env=env)
        assert out.count(line) == 1
        assert backend(cluster, space)["spec"]["replicas"] == 2, program
        assert "no difference" in checkout.inv("diff", "--with", deployer, env=env)
        assert checkout.inv("plan", "--with", deployer, env=env).count(line) == 1
    # Helm's first revision was rendered with one replica in mind, and applied with two.
    checkout.inv("rollback", "--to", "2")
    assert backend(cluster, space)["spec"]["replicas"] == 2
    checkout.inv("verify")
    # The autoscaler goes: the number is ours again.
    cluster.kubectl("--namespace", space, "delete", "hpa", "backend")
    assert "-  replicas: 2" in checkout.inv("diff")


def rendered(cluster: Cluster, space: str) -> str:
    """What all records hold, unpacked."""
    found = cluster.objects("configmap", space, "kubetasks.dev/record=revision")
    return "".join(gzip.decompress(base64.b64decode(item["data"]["objects"])).decode() for item in found)


def test_secrets_of_ones_own_and_jobs_that_are_gone(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    labels = {"app.kubernetes.io/part-of": "todo"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own", "labels": labels}}
    path = checkout.path / "manifests/base/own.yaml"
    path.write_text(json.dumps({**secret, "stringData": {"OWN_PASSWORD": f"{CANARY}-1"}}))
    checkout.edit("manifests/base/kustomization.yaml", "  - job.yaml", "  - job.yaml\n  - own.yaml")
    checkout.edit(
        "manifests/base/frontend.yaml",
        "          envFrom:\n",
        "          envFrom:\n            - secretRef:\n                name: own\n",
    )
    checkout.edit("manifests/base/job.yaml", "  backoffLimit: 3", "  backoffLimit: 3\n  ttlSecondsAfterFinished: 0")
    checkout.inv("deploy")
    first = pods(cluster, space)
    deadline = time.monotonic() + 30
    while cluster.objects("job", space):
        assert time.monotonic() < deadline
        time.sleep(0.5)

    # The Job is gone, and was complete.
    assert "nothing changed since revision 1" in checkout.inv("deploy")
    assert "complete, and removed since" in checkout.inv("verify")

    # Another value rolls what uses it, and nothing else.
    path.write_text(json.dumps({**secret, "stringData": {"OWN_PASSWORD": f"{CANARY}-2"}}))
    assert "OWN_PASSWORD: hmac-sha256:" in checkout.inv("diff")
    assert "OWN_PASSWORD: hmac-sha256:" in checkout.inv("manifest.render")
    checkout.inv("deploy", "--no-verify")
    assert not pods(cluster, space, "frontend").items() & first.items()
    assert pods(cluster, space, "backend").items() <= first.items()
    assert not cluster.objects("job", space), "the Job ran again"
    held = next(item for item in cluster.objects("secret", space) if item["metadata"]["name"] == "own")
    assert base64.b64decode(held["data"]["OWN_PASSWORD"]).decode() == f"{CANARY}-2"

    # Going back leaves it, and says so.
    out = checkout.inv("rollback")
    assert "Secret/own is not changed; OWN_PASSWORD had another value in revision 1" in out
    assert not cluster.objects("job", space)
    shown = "".join(checkout.outputs) + rendered(cluster, space) + json.dumps(cluster.objects("configmap", space))
    assert "hmac-sha256:" in shown
    assert CANARY not in shown
    assert base64.b64encode(CANARY.encode()).decode()[:24] not in shown
