"""Our agent's objects: those of ``manifests/aiops``, made fit for one project. Pure but for reading the files."""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubetasks import documents
from kubetasks.errors import KagentFailed
from kubetasks.objects import MANAGED_BY, Object, Objects

FOLDER: Final = Path("manifests") / "aiops"
NAME: Final = "kubetasks-agent"
TOKEN_SECRET: Final = "kubetasks-agent-mcp"  # noqa: S105  (its name)
READING: Final = ("status", "diagnose", "logs")
CHANGING: Final = ("--allow-changes", "--approved-by-client")
FILES: Final = ("rbac.yaml", "configuration.yaml", "modelconfig.yaml", "remotemcpserver.yaml", "agent.yaml")
SCHEDULE: Final = "schedule/cronjob.yaml"
LABELS: Final[Mapping[str, str]] = {MANAGED_BY: "kubetasks", "app.kubernetes.io/name": NAME}


@dataclass(frozen=True)
class Wanted:
    """What an agent is to be.

    Args:
        project: the project's name.
        namespace: where it lives and what it looks at.
        model: the model's name.
        endpoint: the base URL of the OpenAI-compatible API.
        secret: the existing Secret with the endpoint's key.
        key: the key's name in it.
        image: of the MCP server.
        rollback: whether it may go back to a revision, after a yes.
        schedule: when it is asked by itself, as cron says it; empty for never.
        kagent: kagent's own namespace.
    """

    project: str
    namespace: str
    model: str
    endpoint: str
    secret: str
    key: str
    image: str
    rollback: bool = False
    schedule: str = ""
    kagent: str = "kagent"


def read(root: Path, *, schedule: bool) -> Objects:
    """The objects as they are in the files.

    Raises:
        KagentFailed: a file does not exist, or is not valid YAML.
    """
    found: Objects = []
    for name in (*FILES, *((SCHEDULE,) if schedule else ())):
        path = root / FOLDER / name
        try:
            found += documents.load_all(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise KagentFailed(
                f"{FOLDER / name} cannot be read",
                why=error.strerror or "",
                fix="copy the folder manifests/aiops of kubetasks into the project",
            ) from None
        except ValueError as error:
            raise KagentFailed(f"{FOLDER / name} is not valid YAML", why=str(error)) from None
    return found


def prepare(objects: Objects, wanted: Wanted) -> Objects:
    """The objects for one project: namespace, model, endpoint, key, image, and only the tools that are wanted."""
    found = [_for(copy.deepcopy(item), wanted) for item in objects]
    if wanted.rollback:
        return found
    return [item for item in found if item["metadata"]["name"] != f"{NAME}-rollback"]


def _for(item: Object, wanted: Wanted) -> Object:
    item["metadata"]["namespace"] = wanted.namespace
    item["metadata"]["labels"] = {**(item["metadata"].get("labels") or {}), **LABELS}
    change = _CHANGES.get(item["kind"])
    if change is not None:
        change(item, wanted)
    return item


def _model(item: Object, wanted: Wanted) -> None:
    item["spec"] |= {"model": wanted.model, "apiKeySecret": wanted.secret, "apiKeySecretKey": wanted.key}
    item["spec"]["openAI"]["baseUrl"] = wanted.endpoint


def _project(item: Object, wanted: Wanted) -> None:
    settings = documents.load_all(item["data"]["invoke.yaml"])[0]
    settings["kubetasks"] |= {"project": wanted.project, "namespace": wanted.namespace}
    item["data"]["invoke.yaml"] = documents.dump_all([settings])


def _bind(item: Object, wanted: Wanted) -> None:
    for subject in item["subjects"]:
        subject["namespace"] = wanted.namespace


def _agent(item: Object, wanted: Wanted) -> None:
    declarative = item["spec"]["declarative"]
    container: dict[str, Any] = declarative["deployment"]["extraContainers"][0]
    container["image"] = wanted.image
    if not wanted.rollback:
        container["args"] = [each for each in container["args"] if each not in CHANGING]
        for tool in declarative["tools"]:
            tool["mcpServer"]["toolNames"] = list(READING)
            tool["mcpServer"].pop("requireApproval", None)


def _cron(item: Object, wanted: Wanted) -> None:
    item["spec"]["schedule"] = wanted.schedule
    container = item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    container["image"] = wanted.image
    container["args"][-1] = f"http://kagent-controller.{wanted.kagent}:8083"


_CHANGES: Final = {
    "ModelConfig": _model,
    "ConfigMap": _project,
    "RoleBinding": _bind,
    "Agent": _agent,
    "CronJob": _cron,
}


def token_secret(namespace: str, token: str) -> Object:
    """The Secret with the token of the MCP server in the agent's pod, for the server and for kagent."""
    held = {"token": token, "authorization": f"Bearer {token}"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": TOKEN_SECRET, "namespace": namespace, "labels": dict(LABELS)},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in held.items()},
    }
