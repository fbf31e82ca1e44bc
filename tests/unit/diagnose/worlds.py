"""Small worlds for the rules: a namespace with a few objects, as an API server would have them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.snapshot import Log, Ours, Snapshot
from kubetasks.objects import Object

NOW = dt.datetime(2026, 5, 4, 12, 0, 0, tzinfo=dt.UTC)
CONTEXT, SPACE = "kind-test", "space"


def ago(seconds: float) -> str:
    return (NOW - dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def item(kind: str, name: str, age: float = 300, **rest: Any) -> Object:
    meta = {"name": name, "namespace": SPACE, "uid": f"{kind}-{name}", "creationTimestamp": ago(age)}
    meta |= rest.pop("metadata", {})
    return {"kind": kind, "metadata": meta, **rest}


def container(name: str = "web", **rest: Any) -> Object:
    return {"name": name, "image": "registry.example.com/web:1", **rest}


def pod(
    name: str = "web-1-a",
    containers: Sequence[Object] | None = None,
    statuses: Sequence[Object] | None = None,
    labels: dict[str, str] | None = None,
    owner: tuple[str, str] | None = ("ReplicaSet", "web-1"),
    age: float = 300,
    conditions: Sequence[Object] = (),
    phase: str = "Running",
    **spec: Any,
) -> Object:
    made = item("Pod", name, age, spec={"containers": list(containers or [container()]), "nodeName": "node-1", **spec})
    made["metadata"]["labels"] = labels if labels is not None else {"app": "web"}
    if owner:
        made["metadata"]["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "uid": f"{owner[0]}-{owner[1]}"}]
    made["status"] = {"phase": phase, "containerStatuses": list(statuses or []), "conditions": list(conditions)}
    return made


def deployment(name: str = "web", pods: Sequence[Object] = (), age: float = 300, **spec: Any) -> list[Object]:
    """A Deployment, its ReplicaSet and its pods."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": pods[0]["spec"] if pods else {"containers": [container(name)]},
    }
    template["spec"] = {key: value for key, value in template["spec"].items() if key != "nodeName"}
    whole = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    made = item("Deployment", name, age, spec=whole, status={"observedGeneration": 1})
    made["metadata"]["generation"] = 1
    made["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    owned = item("ReplicaSet", f"{name}-1", age, spec={"template": template})
    owned["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    owned["metadata"]["ownerReferences"] = [{"kind": "Deployment", "name": name, "uid": f"Deployment-{name}"}]
    return [made, owned, *pods]


def ended(code: int = 1, reason: str = "Error", name: str = "web", restarts: int = 1, seconds: float = 5) -> Object:
    """The status of a container in a crash loop."""
    last = {"exitCode": code, "reason": reason, "startedAt": ago(seconds + 2), "finishedAt": ago(seconds)}
    return {
        "name": name,
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": last},
    }


def running(name: str = "web", *, ready: bool = True, seconds: float = 200, restarts: int = 0, **more: Any) -> Object:
    state = {"running": {"startedAt": ago(seconds)}}
    return {"name": name, "ready": ready, "restartCount": restarts, "state": state, "lastState": {}, **more}


def waiting(reason: str, message: str = "", name: str = "web") -> Object:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": name, "ready": False, "restartCount": 0, "state": state, "lastState": {}}


def event(
    about: str, reason: str, message: str, *, seconds: float = 5, count: int = 1, of: str = "", first: float = 0
) -> Object:
    kind, _, name = about.partition("/")
    object_ = {"kind": kind, "name": name, "uid": f"{kind}-{name}"}
    if of:
        object_["fieldPath"] = f"spec.containers{{{of}}}"
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.{reason}.{abs(hash(message))}", "namespace": SPACE},
        "involvedObject": object_,
        "reason": reason,
        "message": message,
        "count": count,
        "type": "Warning",
        "firstTimestamp": ago(first or seconds),
        "lastTimestamp": ago(seconds),
    }


def service(name: str, selector: dict[str, str], port: int = 80, target: Any = None) -> Object:
    ports = [{"port": port, "protocol": "TCP", "targetPort": port if target is None else target}]
    return item("Service", name, spec={"selector": selector, "ports": ports, "clusterIP": "10.96.0.9"})


def node(name: str = "node-1", **labels: str) -> Object:
    made = item("Node", name, spec={}, status={"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "110"}})
    made["metadata"]["labels"] = {"kubernetes.io/os": "linux", **labels}
    made["metadata"].pop("namespace")
    return made


def snapshot(*objects: Object | list[Object], logs: Sequence[Log] = (), **more: Any) -> Snapshot:
    flat: list[Object] = []
    for each in objects:
        flat += each if isinstance(each, list) else [each]
    more.setdefault("context", CONTEXT)
    return Snapshot(taken=ago(0), namespace=SPACE, objects=flat, logs=list(logs), **more)


def world(*objects: Object | list[Object], **more: Any) -> World:
    return World(snapshot(*objects, **more))


def found(*objects: Object | list[Object], **more: Any) -> list[Finding]:
    return diagnose(snapshot(*objects, **more))


def one(*objects: Object | list[Object], **more: Any) -> Finding:
    [finding] = found(*objects, **more)
    return finding


def log(text: str, pod: str = "web-1-a", container: str = "web", *, previous: bool = False) -> Log:
    return Log(pod=pod, container=container, text=text, previous=previous)


OURS = Ours(
    project="shop", target="kind", deployer="manifests", services=["web"], images="example", manifests="manifests"
)
