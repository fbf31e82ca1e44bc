"""``inv aiops.mcp``: the tools on a cluster in memory, and real clients over both transports."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from invoke.context import Context
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from kubetasks.aiops.mcp.outcome import CHANGING, READING
from kubetasks.aiops.mcp.token import read_or_make
from kubetasks.errors import KubetasksError, UsageError
from kubetasks.tasks import aiops_mcp, deploy
from kubetasks.tasks._edge import edge
from kubetasks.tasks._operations import ProjectOperations
from tests.samples import CANARY
from tests.unit.tasks.conftest import Inv
from tests.unit.tasks.foreign import ROOT, make
from tests.unit.tasks.test_diagnose import broken
from tests.world import World


@pytest.fixture
def operations(world: World, inv: Inv, context: Context, monkeypatch: pytest.MonkeyPatch) -> ProjectOperations:
    monkeypatch.setattr("kubetasks.verify.verify", lambda *_, **__: world.report)
    return ProjectOperations(lambda: edge(context, as_json=True), offer_changes=True)


def test_the_tools_on_a_healthy_deployment(world: World, inv: Inv, operations: ProjectOperations) -> None:
    inv(deploy.deploy)
    found: dict[str, Callable[[], Any]] = {
        "status": operations.status, "diagnose": lambda: operations.diagnose(""), "verify": operations.verify,
        "logs": lambda: operations.logs("", 5), "plan": operations.plan, "diff": operations.diff,
    }  # fmt: skip
    assert set(found) == set(READING)
    world.store.log.clear()
    outcomes = {name: run() for name, run in found.items()}
    assert world.store.changes == []
    assert all(outcome.ok for outcome in outcomes.values())
    assert outcomes["diagnose"].summary == "nothing is wrong"
    assert outcomes["plan"].summary == "nothing to do"
    assert outcomes["diff"].summary == "no difference"
    assert {row["workload"] for row in outcomes["status"].data["workloads"]} >= {"Deployment/backend"}


def test_the_diagnosis_comes_with_cause_and_fix(world: World, inv: Inv, operations: ProjectOperations) -> None:
    broken(world, inv)
    outcome = operations.diagnose("backend")
    assert not outcome.ok
    assert outcome.lines[0].startswith("Deployment/backend: module flask is not in the image")
    assert outcome.data["findings"][0]["id"] == "MODULE_MISSING"
    with pytest.raises(UsageError, match="nearest is backend"):
        operations.diagnose("bakend")


def test_logs_without_the_values_of_secrets(world: World, inv: Inv, operations: ProjectOperations) -> None:
    inv(deploy.deploy)
    for name in world.store.named("Pod"):
        world.store.lines[name] = f"first\nusing {CANARY}\npassword=hunter22"
    outcome = operations.logs("backend", 2)
    assert {pod["pod"].partition("-")[0] for pod in outcome.data["pods"]} == {"backend"}
    assert all("first" not in line for line in outcome.lines)
    hidden = [operations.hide(line) for line in outcome.lines]
    assert CANARY not in str(hidden)
    assert "hunter22" not in str(hidden)
    with pytest.raises(UsageError, match="choose one of"):
        operations.logs("bakend", 2)


def test_deploy_and_rollback(world: World, inv: Inv, operations: ProjectOperations) -> None:
    assert operations.deploy().data["revision"] == 1
    world.edit("frontend/main.py")
    assert operations.deploy().data["changed"] is True
    assert operations.rollback(0).data == {"revision": 3}


def test_changes_that_were_not_offered(world: World, inv: Inv, context: Context) -> None:
    operations = ProjectOperations(lambda: edge(context, as_json=True), offer_changes=False)
    for change in (operations.deploy, lambda: operations.rollback(0)):
        with pytest.raises(KubetasksError, match="--allow-changes"):
            change()
    assert world.store.changes == []


def test_flags_that_make_no_sense(inv: Inv) -> None:
    assert inv(aiops_mcp.mcp, approved_by_client=True).code == 3
    assert inv(aiops_mcp.mcp, http=True, port=70000).code == 3


@pytest.mark.parametrize("version", [None, "1.27.0"])
def test_without_the_extra(inv: Inv, monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def answer(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", answer)
    done = inv(aiops_mcp.mcp)
    assert done.code == 100
    assert "pip install 'kubetasks[aiops]'" in done.err
    assert done.err.count("\n") == 1


def environment(root: Path, state_home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KUBECONFIG": str(root / "none"), "HOME": str(root),
        "XDG_STATE_HOME": str(state_home),
    }  # fmt: skip


async def look(client: Client, *, changes: bool) -> None:
    """What any client of a project that is not deployed sees."""
    async with client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {*READING, *(CHANGING if changes else ())}
        result = await client.call_tool("plan", {})
        (content,) = result.content
        assert content.type == "text"
        assert "steps would run" in content.text
        assert {row["step"] for row in result.structured_content["data"]["steps"]} >= {"secrets", "verify"}
        assert "hunter2-of-the-shop" not in result.model_dump_json()


@pytest.mark.parametrize("changes", [False, True])
def test_over_standard_input_and_output(foreign: Path, state_home: Path, changes: bool) -> None:
    words = ["-m", "kubetasks", "aiops.mcp", *(["--allow-changes"] if changes else [])]
    env = environment(foreign, state_home)
    server = StdioServerParameters(command=sys.executable, args=words, env=env, cwd=foreign)
    anyio.run(lambda: look(Client(server), changes=changes))


@contextlib.contextmanager
def serving(foreign: Path, state_home: Path, *more: str) -> Iterator[tuple[str, str]]:
    """A server over HTTP: its address and its token."""
    argv = [sys.executable, "-m", "kubetasks", "aiops.mcp", "--http", "--port", "0", *more]
    process = subprocess.Popen(
        argv,
        cwd=foreign,
        env=environment(foreign, state_home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"MCP at (\S+) until Ctrl-C; the bearer token is in (\S+)", line)
        assert found, process.communicate(timeout=30)
        yield found[1], Path(found[2]).read_text().strip()
    finally:
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err + out


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with serving(make(tmp_path_factory.mktemp("shop")), tmp_path_factory.mktemp("state"), "--allow-changes") as found:
        yield found


def test_over_http(served: tuple[str, str]) -> None:
    url, token = served
    assert url.startswith("http://127.0.0.1:")

    async def main() -> None:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
            await look(Client(streamable_http_client(url, http_client=http)), changes=True)

    anyio.run(main)


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic {token}"}, 401),
        ({"Authorization": "{token}"}, 401),
        ({"Authorization": "Bearer {token}x"}, 401),
        ({"Authorization": "Bearer {token}", "Host": "evil.example"}, 421),
        ({"Authorization": "Bearer {token}", "Host": "127.0.0.1"}, 421),
        ({"Authorization": "Bearer {token}", "Origin": "https://evil.example"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_whoever_is_not_meant_is_refused(
    served: tuple[str, str], headers: dict[str, str], status: int, method: str
) -> None:
    url, token = served
    given = {name: value.format(token=token) for name, value in headers.items()}
    accepts = {"Accept": "application/json, text/event-stream"}
    answer = httpx2.request(method, url, headers=accepts | given, json=PING if method == "POST" else None)
    assert answer.status_code == status
    assert token not in answer.text


def test_a_large_request_is_refused(served: tuple[str, str]) -> None:
    url, token = served
    headers = {"Authorization": f"bearer {token}", "Accept": "application/json, text/event-stream"}
    assert httpx2.post(url, headers=headers, json={**PING, "params": {"x": "y" * 10**6}}).status_code == 413


def test_a_taken_port_is_said(served: tuple[str, str], inv: Inv) -> None:
    port = int(served[0].rpartition(":")[2].partition("/")[0])
    done = inv(aiops_mcp.mcp, http=True, port=port)
    assert done.code == 70
    assert f"port {port}" in done.err


def test_a_token_that_others_can_read_is_refused(inv: Inv, world: World) -> None:
    read_or_make(world.root)[1].chmod(0o644)
    assert inv(aiops_mcp.mcp, http=True, port=0).code == 110
