"""kubernetes-mcp-server 0.0.67 with ``--read-only``, the server to compare with: what each hands to a model."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx2
import yaml
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.aiops.conftest import McpServer, program
from tests.aiops.endpoint import Handler, served

SECRET = "correct-horse-battery"


def api() -> Any:
    """As much of an API server as it takes to read one Secret."""
    resource = {"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get", "list"], "singularName": ""}
    metadata = {"name": "shop-secrets", "namespace": "shop"}
    answers: dict[str, dict[str, Any]] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.4"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [resource]},
        "/api/v1/namespaces/shop/secrets/shop-secrets": {
            "kind": "Secret", "apiVersion": "v1", "metadata": metadata, "stringData": {"API_KEY": SECRET},
        },
    }  # fmt: skip

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        found = answers.get(handler.path.partition("?")[0].rstrip("/"))
        handler.answer(json.dumps(found or {"kind": "Status", "code": 404}).encode(), status=200 if found else 404)

    return served({"/": answer})


def kubeconfig(folder: Path, server: str) -> Path:
    named = {
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
    }
    head = {"apiVersion": "v1", "kind": "Config", "current-context": "x"}
    context = {"name": "x", "context": {"cluster": "x", "user": "x", "namespace": "shop"}}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({**head, **named, "contexts": [context]}))
    return path


def test_theirs_hands_out_secrets_and_ours_cannot(mcp_server: McpServer, tmp_path: Path) -> None:
    binary = program("kubernetes-mcp-server", "KUBETASKS_KUBERNETES_MCP")

    async def theirs(path: Path) -> str:
        argv = ["--read-only", "--kubeconfig", str(path)]
        async with Client(StdioServerParameters(command=str(binary), args=argv), mode="legacy") as client:
            asked = {"apiVersion": "v1", "kind": "Secret", "namespace": "shop", "name": "shop-secrets"}
            return (await client.call_tool("resources_get", asked)).model_dump_json()

    async def ours() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {mcp_server.token}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(mcp_server.url, http_client=http)) as client,
        ):
            return {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}

    with api() as url:
        assert SECRET in anyio.run(theirs, kubeconfig(tmp_path, url))
    tools = anyio.run(ours)
    arguments = {name for schema in tools.values() for name in schema["properties"]}
    assert arguments == {"workload", "service", "tail", "to", "code"}
