"""Objects and helpers for the local target's tests: small workloads, a store in a folder, waiting."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kubetasks.objects import Object, Objects
from kubetasks.runner import SystemRunner
from kubetasks.settings import load
from kubetasks.targets.local import LocalTarget
from kubetasks.targets.local.store import LocalStore

CANARY = "canary-5f0c9d1e7a"
DEADLINE = 30.0

# Answers GET with its environment variable ANSWER (or $CODE), so that a test sees what the process got.
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = int(os.environ.get("CODE", "200")) if self.path == "/health" else 200
        body = (os.environ.get("ANSWER", "") + " pid=" + str(os.getpid())).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
print("serving", sys.argv[1:], flush=True)
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


T = TypeVar("T")


def until(look: Callable[[], T], what: str = "", seconds: float = DEADLINE) -> T:
    """The first true answer of ``look``."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds:g} s for {what or look}"
        time.sleep(0.02)


def container(name: str, code: str, *, port: int = 0, env: Mapping[str, str] | None = None, **more: Any) -> Object:
    values = [{"name": key, "value": value} for key, value in (env or {}).items()]
    listening: Object = {}
    if port:
        values = [{"name": "HOST", "value": "0.0.0.0"}, {"name": "PORT", "value": str(port)}, *values]
        listening = {
            "ports": [{"name": "http", "containerPort": port}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}},
        }
    made = {"name": name, "image": f"x/{name}:1", "command": ["python", "-c", code], "env": values, **listening}
    return {**made, **more}


def template(name: str, *containers: Object, annotations: Mapping[str, str] | None = None, **spec: Any) -> Object:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demo"}
    return {
        "metadata": {"labels": labels, "annotations": dict(annotations or {})},
        "spec": {"terminationGracePeriodSeconds": 3, **spec, "containers": list(containers)},
    }


def deployment(name: str, *containers: Object, replicas: int = 1, **more: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demo"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demo"}},
            "template": template(name, *containers, **more),
        },
    }


def job(name: str, *containers: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "demo"}},
        "spec": {"backoffLimit": 0, **spec, "template": template(name, *containers, restartPolicy="Never")},
    }


def service(name: str, port: int, target: int | str = "http", kind: str = "ClusterIP") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "demo"}},
        "spec": {
            "type": kind,
            "selector": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demo"},
            "ports": [{"name": "http", "port": port, "targetPort": target}],
        },
    }


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def web(name: str, port: int, **more: Any) -> Object:
    """A Deployment of one small HTTP server."""
    env = more.pop("env", {})
    extra = more.pop("extra", {})
    return deployment(name, container(name, SERVER, port=port, env=env, **extra), **more)


def target(root: Path, **local_ports: int) -> LocalTarget:
    services = {name: {"local_port": port} for name, port in local_ports.items()}
    settings = load({"project": "demo", "services": services}, environ={})
    return LocalTarget(settings, SystemRunner(root), root, "a test")


@contextlib.contextmanager
def living(root: Path, **local_ports: int) -> Iterator[LocalStore]:
    """A store whose processes are gone in the end, whatever happened."""
    store = target(root, **local_ports).store
    try:
        yield store
    finally:
        store.delete_all()


def one(objects: Objects) -> Object:
    assert len(objects) == 1, objects
    return objects[0]


def live(store: LocalStore, kind: str, name: str) -> Object:
    return one([item for item in store.get([kind]) if item["metadata"]["name"] == name])


def pod(store: LocalStore, name: str) -> Object:
    return one(store.get(["Pod"], selector=f"app.kubernetes.io/name={name}"))


def ready(store: LocalStore, *names: str) -> None:
    """Wait until Deployments are available."""
    for name in names:
        until(lambda name=name: live(store, "Deployment", name)["status"].get("readyReplicas"), f"{name} to be ready")  # type: ignore[misc]


def pid(store: LocalStore, program: str) -> int:
    found = (store.processes.supervisor.info() or {})[program]
    return int(found["pid"])
