"""Faults on a real cluster: the cause in the first line, and the printed fix, pasted as is, makes it healthy again."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import NAME, OFFLINE, Cluster, need
from tests.states.catalogue import Fault, load
from tests.states.record import Outcome, Recorder

AT_ONCE = 6
# One of each kind of fault whose fix is a command, of every family.
CHOSEN = [
    "image-name-slip",
    "image-rollout",
    "image-never",
    "image-init",
    "configmap-envfrom",
    "configmap-dropped",
    "configmap-key-in-volume",
    "secret-dropped",
    "secret-key-added",
    "two-missing",
    "command-slip",
    "command-one-string",
    "script-missing",
    "oom-small",
    "file-missing-in-configmap",
    "exception-rollout",
    "exits-zero-pod",
    "readiness-port",
    "both-ports",
    "readiness-scheme",
    "port-name",
    "listens-on-loopback",
    "cpu-too-much",
    "gpu",
    "node-selector",
    "node-affinity",
    "pod-affinity",
    "topology-spread",
    "pvc-missing",
    "storage-class-missing",
    "access-mode",
    "service-selector",
    "service-target-port",
    "service-dropped",
    "upstream-slip",
    "upstream-localhost",
    "network-policy",
    "pod-security-baseline",
    "quota",
    "quota-limits",
    "limit-range",
    "rbac-verb",
    "hpa-target",
]
HEALTHY = [
    "well-web",
    "well-shop",
    "well-scaled-to-zero",
    "well-services-of-all-kinds",
    "well-optional",
    "well-suspended",
]


@pytest.fixture(scope="module")
def recorder(cluster: Cluster) -> Recorder:
    docker, kind = need("docker", "docker/offline/up"), need("kind", "docker/offline/up")
    for image, public in (
        ("kubetasks.local/python:3.11", "python:3.11-slim"),
        ("kubetasks.local/postgres:15", "postgres:15"),
    ):
        if not OFFLINE:
            subprocess.run([docker, "pull", public], check=True, capture_output=True)
            subprocess.run([docker, "tag", public, image], check=True, capture_output=True)
        subprocess.run([kind, "load", "docker-image", image, "--name", NAME], check=True, capture_output=True)
    return Recorder(cluster.context, live=True, write=False, kubeconfig=str(cluster.kubeconfig), hurry=True)


def run(recorder: Recorder, faults: list[Fault]) -> list[Outcome]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(recorder.run, faults))


def test_the_printed_fix_of_each_fault_makes_it_healthy(recorder: Recorder) -> None:
    known = {fault.name: fault for folder in ("faults", "held") for fault in load(folder)}
    outcomes = run(recorder, [known[name] for name in CHOSEN])
    wrong = [outcome.line() for outcome in outcomes if not outcome.ok or outcome.wrong]
    assert not wrong, "\n".join(wrong)
    assert sum(bool(outcome.healed) for outcome in outcomes) >= 30


def test_what_is_well_has_no_finding(recorder: Recorder) -> None:
    known = {fault.name: fault for fault in load("healthy")}
    outcomes = run(recorder, [known[name] for name in HEALTHY])
    wrong = [outcome.line() for outcome in outcomes if not outcome.ok or outcome.wrong]
    assert not wrong, "\n".join(wrong)


# A change to the application's own objects, as a JSON patch, and the finding that it has to lead to.
OURS = [
    ("service/backend", "/spec/selector/app.kubernetes.io~1name", "bakcend", "SERVICE_SELECTS_NOTHING"),
    ("service/backend", "/spec/ports/0/targetPort", "htpp", "SERVICE_WRONG_TARGET_PORT"),
    (
        "deployment/frontend",
        "/spec/template/spec/containers/0/readinessProbe/httpGet/path",
        "/no-such-page",
        "PROBE_WRONG_PATH",
    ),
    ("deployment/backend", "/spec/template/spec/containers/0/command/0", "pyhton", "COMMAND_NOT_FOUND"),
]


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_faults_of_the_application_itself(cluster: Cluster, checkout: Checkout, deployer: str) -> None:
    checkout.inv("deploy", "--with", deployer, "--no-verify")
    for target, path, value, expected in OURS:
        patch = json.dumps([{"op": "replace", "path": path, "value": value}])
        cluster.kubectl("-n", checkout.namespace, "patch", target, "--type=json", "-p", patch)
        first = wait_for(checkout, expected)
        cause, _, fix = first.partition(" -- ")
        assert value in cause, first
        done = subprocess.run(
            ["bash", "-c", fix], env=checkout.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{fix}: {done.stderr}"
        wait_for(checkout, "nothing is wrong")
    checkout.inv("verify", "--with", deployer)


def wait_for(checkout: Checkout, text: str, seconds: float = 90) -> str:
    """The first line of the diagnosis once it names a finding, or says that there is none."""
    deadline = time.monotonic() + seconds
    while True:
        with checkout.start("diagnose") as process:
            out, _ = process.communicate(timeout=60)
        if text in out:
            assert process.returncode == (0 if text.startswith("nothing") else 61)
            return out.splitlines()[0]
        assert time.monotonic() < deadline, out
        time.sleep(1)


def test_a_rollout_ends_with_the_cause_soon_after_the_first_exit(cluster: Cluster, checkout: Checkout) -> None:
    checkout.inv("deploy", "--no-verify")
    checkout.append("app/backend/main.py", '\nraise RuntimeError("this line breaks the image")\n')
    out = checkout.inv("deploy", "--no-verify", code=52)
    ended = time.time()
    [line] = [line for line in out.splitlines() if line.startswith("error:")]
    assert "RuntimeError: this line breaks the image" in line
    pods = cluster.objects("pods", checkout.namespace, "app.kubernetes.io/name=backend")
    statuses = [each for pod in pods for each in pod["status"].get("containerStatuses", [])]
    runs = [each[key].get("terminated") or {} for each in statuses for key in ("state", "lastState") if each.get(key)]
    finished = [datetime.fromisoformat(each["finishedAt"]).timestamp() for each in runs if each.get("exitCode")]
    assert finished
    assert ended - min(finished) < 15, "it went on after the cause was known"


def test_a_recorded_state_tells_the_same_without_a_cluster(checkout: Checkout, tmp_path: Path) -> None:
    checkout.inv("secret.apply")
    checkout.append("app/backend/main.py", "\nNEVER_BUILT = 2\n")
    checkout.inv("manifest.apply")
    wait_for(checkout, "IMAGE_NOT_ON_NODE")
    path = tmp_path / "state.json"
    live = checkout.inv("diagnose", "--record", str(path), code=61)
    again = checkout.inv("diagnose", "--snapshot", str(path), code=61, env={"KUBECONFIG": "/nonexistent"})
    assert live.splitlines()[0] == again.splitlines()[0]
