"""Rendering, as the tests of the manifests and the chart want it."""

import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from kubetasks.deployers.base import Release
from kubetasks.objects import MANAGED_BY, Object, Objects
from kubetasks.runner import Result, SystemRunner
from kubetasks.settings import Settings
from kubetasks.tools.helm import Helm, values_text

ROOT = Path(__file__).parents[2]
CHART = ROOT / "chart"
MODES = ("external", "bundled", "sqlite")
HELM_LABELS = (MANAGED_BY, "helm.sh/chart")


def runner(root: Path = ROOT) -> SystemRunner:
    return SystemRunner(root, extra_path=(Path(sys.prefix) / "bin",))


def settings(**more: Any) -> Settings:
    return msgspec.convert({"project": "todo", "services": {"backend": {}, "frontend": {}}, **more}, Settings)


def release(database: str = "external", **more: Any) -> Release:
    facts: dict[str, Any] = {
        "project": "todo",
        "namespace": "todo",
        "images": {"backend": "kubetasks/todo-backend:1a2b3c", "frontend": "kubetasks/todo-frontend:4d5e6f"},
        "pull_policy": "Never",
        "database": database,
        "postgres_image": "kubetasks.local/postgres:15",
        "secret_name": "todo-secrets",
        "secret_digest": "5ec7e7",
        "migration_job": "migrate",
        "migration_id": "0123456789ab",
        "migration_image": "kubetasks/todo-backend:000111",
    }
    return Release(**{**facts, **more})


def template(*, values: dict[str, Any] | None = None, files: tuple[str, ...] = (), tests: bool = False) -> Result:
    argv = Helm(namespace="todo").template("todo", "chart", values=files, tests=tests)
    return runner().run(argv, input=values_text(values or {}), check=False)


def without_manager(objects: Objects) -> Objects:
    """Copies without the two labels in which the deployers may differ."""
    copies = deepcopy(objects)
    for item in copies:
        for label in HELM_LABELS:
            item["metadata"]["labels"].pop(label, None)
    return copies


def pod_spec(item: Object) -> Object:
    spec: Object = item["spec"] if item["kind"] == "Pod" else item["spec"]["template"]["spec"]
    return spec
