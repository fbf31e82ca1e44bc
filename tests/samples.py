"""Objects and settings that many tests begin with."""

from typing import Any

import msgspec

from kubetasks.objects import NAME, PART_OF, Object, Objects
from kubetasks.objects import PROJECT as OWN
from kubetasks.settings import Settings

PROJECT = "todo"
CANARY = "canary-hunter2-7c9e6679"


def settings(**more: Any) -> Settings:
    return msgspec.convert(
        {
            "project": PROJECT,
            "env_file": ".env",
            "services": {"backend": {"context": "backend"}, "frontend": {"context": "frontend"}},
            "secrets": {
                "JWT_SECRET": {"kind": "generated"},
                "API_KEY": {"kind": "required", "help": "from the vendor"},
            },
            **more,
        },
        Settings,
    )


def silent(text: str) -> None:
    """A progress that nobody looks at."""


def labels(name: str) -> dict[str, str]:
    return {NAME: name, PART_OF: PROJECT}


def template(name: str, image: str = "", annotations: dict[str, str] | None = None) -> Object:
    return {
        "metadata": {"labels": labels(name), "annotations": annotations or {}},
        "spec": {"containers": [{"name": name, "image": image or f"kubetasks/todo-{name}:1111"}]},
    }


def _object(version: str, kind: str, name: str, **rest: Any) -> Object:
    meta = {"name": name, "namespace": PROJECT, "labels": {**labels(name), OWN: PROJECT}}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **rest}


def deployment(
    name: str = "backend", image: str = "", *, replicas: int = 1, annotations: dict[str, str] | None = None
) -> Object:
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels(name)},
        "template": template(name, image, annotations),
    }
    return _object("apps/v1", "Deployment", name, spec=spec)


def statefulset(name: str = "postgres") -> Object:
    spec = {"replicas": 1, "selector": {"matchLabels": labels(name)}, "template": template(name, "postgres:17")}
    return _object("apps/v1", "StatefulSet", name, spec=spec)


def job(name: str = "migrate-0123", image: str = "") -> Object:
    return _object("batch/v1", "Job", name, spec={"template": template("migrate", image)})


def configmap(name: str = "todo-config", **data: str) -> Object:
    return _object("v1", "ConfigMap", name, data=data or {"LOG_LEVEL": "info"})


def service(name: str = "backend") -> Object:
    return _object("v1", "Service", name, spec={"selector": labels(name), "ports": [{"port": 8000}]})


def application() -> Objects:
    return [configmap(), service(), deployment("backend"), deployment("frontend"), job()]
