"""holmesgpt 0.45, an assistant of others, as a client of our MCP server: the whole program, with a scripted model."""

import os
import subprocess
from pathlib import Path

import yaml

from tests.aiops.conftest import McpServer, program
from tests.aiops.endpoint import scripted


def test_it_calls_our_tools(mcp_server: McpServer, tmp_path: Path) -> None:
    holmes = program("holmes", "KUBETASKS_HOLMES")
    headers = {"Authorization": f"Bearer {mcp_server.token}"}
    config = {"url": mcp_server.url, "mode": "streamable-http", "headers": headers}
    servers = {"kubetasks": {"description": "What runs, and what is wrong.", "enabled": True, "config": config}}
    file = tmp_path / "toolsets.yaml"
    file.write_text(yaml.safe_dump({"mcp_servers": servers}))
    with scripted([("status", {}), "nothing is deployed in shop-dev"]) as endpoint:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_BASE": endpoint.url, "NO_COLOR": "1",
            "OPENAI_API_KEY": "placeholder", "HOLMES_CONFIGPATH_DIR": str(tmp_path),
            "KUBECONFIG": str(tmp_path / "none"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "OVERRIDE_MAX_CONTENT_SIZE": "100000",
            "OVERRIDE_MAX_OUTPUT_TOKEN": "4096",
        }  # fmt: skip
        argv = [
            *(str(holmes), "ask", "what is wrong?", "--no-interactive", "--model", "openai/scripted"),
            *("--custom-toolsets", str(file), "--fast-mode"),
        ]
        done = subprocess.run(
            argv,
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=540,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    said = (done.stdout + done.stderr)[-4000:]
    assert endpoint.requests, said
    offered = {tool["function"]["name"] for tool in endpoint.requests[0]["tools"]}
    assert {"status", "diagnose", "verify", "logs", "plan", "diff"} <= offered, said
    assert any("nothing is deployed" in result for result in endpoint.results), said
    assert "nothing is deployed in shop-dev" in done.stdout, said
    assert mcp_server.token not in str(endpoint.requests)
