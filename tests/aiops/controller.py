"""What stands for kagent's controller, which cannot be had from a package registry.

``compiled`` writes the ``config.json`` that it would write for our Agent, and ``stored`` is the part of its REST API in
which the runtime keeps sessions and tasks. Both follow kagent-adk 0.10.4 (``kagent.adk.types``, ``_session_service``,
``kagent.core.a2a._task_store``).
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubetasks.objects import Objects
from tests.aiops.endpoint import Handler, served


def _of(objects: Objects, kind: str) -> dict[str, Any]:
    return next(dict(item["spec"]) for item in objects if item["kind"] == kind)


def compiled(objects: Objects, folder: Path, *, mcp: str, token: str, endpoint: str) -> Path:
    """Write config.json and agent-card.json for the Agent among the objects.

    Args:
        objects: as ``inv aiops.agent.install`` applies them.
        folder: where the files go.
        mcp: the address in place of the one within the pod.
        token: the MCP server's token, which the controller reads from the Secret.
        endpoint: the scripted endpoint, in place of the model's.
    """
    agent, model, server = _of(objects, "Agent"), _of(objects, "ModelConfig"), _of(objects, "RemoteMCPServer")
    declarative = agent["declarative"]
    (tool,) = (each["mcpServer"] for each in declarative["tools"])
    (header,) = server["headersFrom"]
    assert header["valueFrom"]["key"] == "authorization"
    configuration = {
        "model": {"type": model["provider"].lower(), "model": model["model"], "base_url": endpoint},
        "description": agent["description"],
        "instruction": declarative["systemMessage"],
        "stream": declarative["stream"],
        "http_tools": [
            {
                "params": {"url": mcp, "headers": {header["name"]: f"Bearer {token}"}, "timeout": 60},
                "tools": tool["toolNames"],
                "require_approval": tool.get("requireApproval"),
            }
        ],
    }
    (skill,) = declarative["a2aConfig"]["skills"]
    card = {
        "name": "kubetasks_agent", "description": agent["description"], "version": "1", "url": "http://127.0.0.1/",
        "capabilities": {"streaming": False}, "defaultInputModes": ["text"], "defaultOutputModes": ["text"],
        "skills": [skill],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(configuration))
    (folder / "agent-card.json").write_text(json.dumps(card))
    return folder


@contextlib.contextmanager
def stored() -> Iterator[str]:
    """The controller's store of sessions and tasks, while the block lasts; yields its URL."""
    sessions: dict[str, dict[str, Any]] = {}
    events: dict[str, list[dict[str, Any]]] = {}
    tasks: dict[str, Any] = {}

    def give(handler: Handler, data: Any) -> None:
        status = 404 if data is None else 200
        handler.answer(json.dumps({"error": data is None, "data": data, "message": ""}).encode(), status=status)

    def session(handler: Handler, body: dict[str, Any]) -> None:
        words = handler.path.partition("?")[0].strip("/").split("/")
        name = words[2] if len(words) > 2 else body.get("id", f"session{len(sessions)}")
        if words[3:] == ["events"]:
            events.setdefault(name, []).append(body)
            give(handler, body)
        elif handler.command == "POST":
            sessions[name] = {"id": name, "user_id": body.get("user_id", "someone")}
            give(handler, sessions[name])
        elif name in sessions:
            give(handler, {"session": sessions[name], "events": events.get(name, [])})
        else:
            give(handler, None)

    def task(handler: Handler, body: dict[str, Any]) -> None:
        if handler.command == "POST":
            tasks[body["id"]] = body
            give(handler, body)
        else:
            give(handler, tasks.get(handler.path.partition("?")[0].rpartition("/")[2]))

    with served({"/api/sessions": session, "/api/tasks": task}) as url:
        yield url
