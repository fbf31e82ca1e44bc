"""The life of an application on a real cluster, with each deployer."""

import base64
import gzip
import json
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import SEARCH, Cluster, pods

BACKEND = "app/backend/main.py"


@pytest.fixture(params=["manifests", "helm3", "helm4"])
def deployer(request: pytest.FixtureRequest, checkout: Checkout) -> str:
    """A deployer: the manifests, or the chart with either of the two Helms that people have."""
    name = str(request.param)
    if name == "helm3":
        checkout.env["KUBETASKS_PROGRAMS_HELM"] = str(Path(sys.executable).parent / "helm")
    if name == "helm4":
        found = shutil.which("helm4", path=SEARCH)
        if found is None:
            pytest.skip("helm4 is missing; get it: docker/offline/up, or put Helm 4 on PATH as helm4")
        checkout.env["KUBETASKS_PROGRAMS_HELM"] = found
    return name.rstrip("34")


def test_deploy_change_and_destroy(cluster: Cluster, checkout: Checkout, deployer: str) -> None:
    space = checkout.namespace
    out = checkout.inv("deploy", "--with", deployer)
    assert "Deployed todo in" in out
    first = pods(cluster, space)
    assert {re.sub(r"-[a-z0-9]+-[a-z0-9]+$|-0$", "", name) for name in first} == {"backend", "frontend", "postgres"}

    # Verify knows nothing of that deploy but what the cluster and this checkout say.
    report = json.loads(checkout.inv("verify", "--with", deployer, "--json", "--junit", "report.xml"))
    layers = {check["layer"] for check in report["checks"] if check["status"] == "pass"}
    assert {"objects", "rollout", "images", "endpoints", "probes", "contract", "journeys", "restarts"} <= layers
    suites = ET.parse(checkout.path / "report.xml").getroot()  # noqa: S314  (our own file)
    assert sum(int(suite.get("failures", "0")) for suite in suites.iter("testsuite")) == 0

    # Nothing changed: nothing is touched, whether it stops at once or goes through every step.
    assert "nothing changed since revision 1" in checkout.inv("deploy", "--with", deployer)
    checkout.inv("deploy", "--with", deployer, "--force", "--no-verify")
    assert pods(cluster, space) == first
    assert "no difference" in checkout.inv("diff", "--with", deployer)

    # One line of source: only that workload rolls.
    checkout.append(BACKEND, "\nCHANGED = 1\n")
    assert "image:" in checkout.inv("diff", "--with", deployer)
    checkout.inv("deploy", "--with", deployer)
    second = pods(cluster, space)
    assert pods(cluster, space, "frontend").items() <= first.items()
    assert pods(cluster, space, "postgres").items() <= first.items()
    assert not pods(cluster, space, "backend").items() & first.items()

    # A secret: what reads it rolls, and the generated ones survive.
    kept = cluster.objects("secret", space, "app.kubernetes.io/part-of=todo")[0]["data"]["POSTGRES_PASSWORD"]
    checkout.inv("secret.rotate", "JWT_SECRET")
    checkout.inv("deploy", "--with", deployer)
    third = pods(cluster, space)
    assert not pods(cluster, space, "backend").items() & second.items()
    assert pods(cluster, space, "postgres").items() <= second.items()
    assert kept == cluster.objects("secret", space, "app.kubernetes.io/part-of=todo")[0]["data"]["POSTGRES_PASSWORD"]

    # Back to the revision before: the image before, the same secret.
    image = cluster.objects("deployment", space)[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    checkout.edit(BACKEND, "CHANGED = 1", "CHANGED = 2")
    checkout.inv("deploy", "--with", deployer)
    checkout.inv("rollback")
    assert cluster.objects("deployment", space)[0]["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert third

    if deployer == "helm":
        assert "passed" in checkout.inv("chart.test")
    assert "revision" in checkout.inv("status")
    assert "uvicorn" in checkout.inv("logs", "--service", "backend").lower() or checkout.outputs[-1].strip()

    checkout.inv("destroy")
    assert space not in cluster.kubectl("get", "namespaces", "--output", "name")
    assert space not in cluster.kubectl("get", "persistentvolumes", "--output", "json")
    assert "there is no namespace" in checkout.inv("destroy")


def test_switching_deployers_touches_no_pod(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    checkout.inv("deploy", "--with", "manifests")
    first = pods(cluster, space)
    names = {f"{o['kind']}/{o['metadata']['name']}" for o in everything(cluster, space)}

    for deployer in ("helm", "manifests", "helm"):
        checkout.inv("deploy", "--with", deployer)
        assert pods(cluster, space) == first, deployer
        assert {f"{o['kind']}/{o['metadata']['name']}" for o in everything(cluster, space)} == names
        releases = cluster.objects("secret", space, "owner=helm")
        assert bool(releases) == (deployer == "helm")

    # What is dropped after a switch goes away: no former owner holds it.
    checkout.inv("deploy", "--with", "manifests")
    config = checkout.path / "manifests" / "base" / "configmap.yaml"
    key = next(line.strip().partition(":")[0] for line in config.read_text().splitlines() if "LOG_LEVEL" in line)
    config.write_text("".join(line for line in config.read_text().splitlines(True) if key not in line))
    checkout.inv("deploy", "--with", "manifests")
    data = next(o for o in cluster.objects("configmap", space) if o["metadata"]["name"] == "todo-config")["data"]
    assert key not in data


def everything(cluster: Cluster, space: str) -> list[dict[str, Any]]:
    kinds = "deployment,statefulset,job,service,configmap,networkpolicy,poddisruptionbudget"
    selector = "app.kubernetes.io/part-of=todo,!kubetasks.dev/record"
    return list(cluster.objects(kinds, space, selector))


@pytest.mark.parametrize("point", [r"^✓ target", r"^✓ (namespace|secrets)", r"^✓ apply"])
@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_an_interrupted_deploy_goes_on(cluster: Cluster, checkout: Checkout, point: str, deployer: str) -> None:
    out = checkout.interrupt("deploy", "--with", deployer, "--no-verify", at=point)
    assert out.startswith("130"), out
    assert "interrupted" in out
    checkout.inv("deploy", "--with", deployer)
    assert len(pods(cluster, checkout.namespace)) == 3


def test_an_interrupted_helm_release_is_recovered(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    checkout.inv("deploy", "--with", "helm", "--no-verify")
    release = cluster.objects("secret", space, "owner=helm,status=deployed")[0]["metadata"]["name"]
    stuck = release.rpartition("v")[0] + "v2"
    # What Helm writes before it begins, and what stays when it is killed then: a release in pending-upgrade.
    secret = json.loads(cluster.kubectl("--namespace", space, "get", "secret", release, "--output", "json"))
    secret["metadata"] = {
        "name": stuck,
        "namespace": space,
        "labels": {**secret["metadata"]["labels"], "status": "pending-upgrade", "version": "2"},
    }
    secret["data"] = {"release": repack(secret["data"]["release"])}
    cluster.kubectl("create", "--filename", "-", input=json.dumps(secret))
    helm = str(Path(sys.executable).parent / "helm")
    assert shutil.which(helm)

    checkout.append(BACKEND, "\nCHANGED = 3\n")
    out = checkout.inv("deploy", "--with", "helm")
    assert "Deployed todo" in out
    states = {o["metadata"]["labels"]["status"] for o in cluster.objects("secret", space, "owner=helm")}
    assert "pending-upgrade" not in states
    assert "deployed" in states


def repack(data: str) -> str:
    """A Helm release record as it is while an upgrade is under way."""
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
    release["version"] = 2
    release["info"]["status"] = "pending-upgrade"
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return base64.b64encode(packed).decode()
