"""Whether rolling updates drop requests: `steady.py` runs as a Job beside the application, and pods are replaced.

    python -m bench.rollouts --context kind-kubetasks --namespace todo [--requests 100000]

The application has to be there already, without rate limits:

    KUBETASKS_CONFIG_RATE_LIMIT=off KUBETASKS_CONFIG_CHAT_RATE_LIMIT=off ./inv deploy --target kind

Both services get two replicas. Six clients with kept connections send requests from one pod, through the frontend's
Service, while (in this order) both services are restarted ten times, five pods are deleted, and every pod is evicted as
`kubectl drain` does it. It goes on until all requests are sent. Any that fails is one too many.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAME = "steady"
SERVICES = ("backend", "frontend")
CLIENTS = 6
REPLICAS = 2
PERIOD = 3.0  # seconds between two disturbances
EVICTING = 120.0  # seconds for which an eviction may be refused

Kubectl = Callable[..., str]
"""Runs kubectl in the application's namespace: words, and `input` for its standard input. Returns what it printed."""


def objects(image: str, requests: int, seconds: float) -> list[dict[str, Any]]:
    """Return the Job, its script and the network policy that lets it out.

    Args:
        image: has Python.
        requests: how many to send.
        seconds: when to stop in any case.
    """
    labels = {"app.kubernetes.io/name": NAME}
    metadata = {"name": NAME, "labels": labels}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/steady/steady.py", "http://frontend", str(CLIENTS), str(requests), str(seconds)],
        "volumeMounts": [{"name": "script", "mountPath": "/steady"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "script", "configMap": {"name": NAME}}],
    }
    script = (Path(__file__).parent / "steady.py").read_text(encoding="utf-8")
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"steady.py": script}},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"], "egress": [{}]},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
        },
    ]


class Disturbance:
    """What happens to an application while it is used."""

    def __init__(self, kubectl: Kubectl) -> None:
        """Do it with this kubectl."""
        self._kubectl = kubectl

    def scale(self) -> None:
        """Give both services their replicas."""
        for name in SERVICES:
            self._kubectl("scale", f"deployment/{name}", f"--replicas={REPLICAS}")
        self.settled()

    def settled(self) -> None:
        """Wait until both services are complete."""
        for name in SERVICES:
            self._kubectl("rollout", "status", f"deployment/{name}", "--timeout=170s")

    def roll(self) -> None:
        """Replace every pod of both services."""
        self._kubectl("rollout", "restart", *(f"deployment/{name}" for name in SERVICES))
        self.settled()

    def pods(self, name: str) -> list[str]:
        """Return the names of a service's pods, those that are ending left out."""
        found = json.loads(self._kubectl("get", "pods", f"--selector=app.kubernetes.io/name={name}", "--output=json"))
        return [each["metadata"]["name"] for each in found["items"] if "deletionTimestamp" not in each["metadata"]]

    def delete(self, service: str) -> None:
        """Delete one pod of a service, as `kubectl delete pod` does: with its grace period."""
        self._kubectl("delete", "pod", self.pods(service)[0], "--wait=false")
        self.settled()

    def drain(self) -> None:
        """Evict every pod as `kubectl drain` does: again and again, where the disruption budget refuses it."""
        for name in [pod for service in SERVICES for pod in self.pods(service)]:
            self._evict(name)

    def _evict(self, name: str) -> None:
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        namespace = json.loads(self._kubectl("get", "pod", name, "--output=json"))["metadata"]["namespace"]
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
        eviction["metadata"] = {"name": name, "namespace": namespace}
        deadline = time.monotonic() + EVICTING
        while True:
            try:
                self._kubectl("create", "--raw", path, "--filename=-", input=json.dumps(eviction))
            except Exception as error:
                if "disruption budget" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return


def measured(kubectl: Kubectl, *, requests: int, rollouts: int, kills: int, seconds: float) -> dict[str, Any]:
    """Run the Job while pods are replaced; return what it wrote.

    Args:
        kubectl: see `Kubectl`.
        requests: how many the clients send.
        rollouts: how often both services are replaced.
        kills: how many pods are deleted.
        seconds: how long all of it may take.

    Raises:
        TimeoutError: The Job has not ended in time.
    """
    deadline = time.monotonic() + seconds
    disturbance = Disturbance(kubectl)
    disturbance.scale()
    deployment = json.loads(kubectl("get", "deployment", "frontend", "--output=json"))
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    kubectl("delete", "job,configmap,networkpolicy", NAME, "--ignore-not-found")
    made = {"apiVersion": "v1", "kind": "List", "items": objects(image, requests, seconds)}
    kubectl("create", "--filename=-", input=json.dumps(made))
    kubectl("wait", f"job/{NAME}", "--for=jsonpath={.status.ready}=1", "--timeout=60s")
    began = time.monotonic()
    for action in (
        *[disturbance.roll] * rollouts,
        *[lambda number=number: disturbance.delete(SERVICES[number % 2]) for number in range(kills)],
        disturbance.drain,
    ):
        time.sleep(PERIOD)
        action()
    disturbance.settled()
    disturbed = time.monotonic() - began
    while True:
        status = json.loads(kubectl("get", f"job/{NAME}", "--output=json"))["status"]
        if status.get("succeeded") or status.get("failed"):
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"the Job {NAME} has not ended in {seconds:g} s")
        time.sleep(1)
    lines = kubectl("logs", f"job/{NAME}", "--tail=-1").splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return {**found, "disturbed": round(disturbed, 1)}


def main() -> None:
    """Read the command line, measure, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", required=True, help="the kubeconfig context")
    parser.add_argument("--namespace", default="todo", help="where the application is")
    parser.add_argument("--requests", type=int, default=100_000, help="how many requests to send")
    parser.add_argument("--rollouts", type=int, default=10, help="how often both services are replaced")
    parser.add_argument("--kills", type=int, default=5, help="how many pods are deleted")
    parser.add_argument("--seconds", type=float, default=7200, help="how long it may take")
    args = parser.parse_args()

    def kubectl(*words: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess has it
        argv = ["kubectl", "--context", args.context, "--namespace", args.namespace, *words]
        done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    found = measured(kubectl, requests=args.requests, rollouts=args.rollouts, kills=args.kills, seconds=args.seconds)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    if found["failures"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
