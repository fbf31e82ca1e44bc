"""The programs that the session ``aiops`` installed; a test without its program is skipped, and says what it lacks."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.unit.tasks.foreign import ROOT, make


def program(name: str, variable: str) -> Path:
    """The path of a program that the session names in a variable."""
    path = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not path.exists():
        pytest.skip(f"{name} is not there: run `nox -s aiops`, which installs it and sets {variable}")
    return path


@dataclass(frozen=True)
class McpServer:
    """Our MCP server, with all of its tools."""

    url: str
    token: str
    root: Path


@contextlib.contextmanager
def running(argv: list[str], env: dict[str, str], cwd: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


def free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until_answers(url: str, process: "subprocess.Popen[bytes]", log: Path, limit: float = 300.0) -> None:
    """Wait until a server answers; the runtime takes half a minute to import on a busy machine."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        with contextlib.suppress(httpx2.HTTPError):
            httpx2.get(url, timeout=5)
            return
        time.sleep(0.3)
    raise AssertionError(log.read_text(errors="replace")[-3000:])


@pytest.fixture(scope="session")
def mcp_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McpServer]:
    """``inv aiops.mcp --http``, as it runs beside the agent."""
    root = make(tmp_path_factory.mktemp("shop"))
    token = "a-token-of-more-than-32-characters-for-tests"
    file = root / "token"
    file.write_text(token)
    file.chmod(0o600)
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(root), "KUBECONFIG": str(root / "none"),
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
    }  # fmt: skip
    argv = [
        *(sys.executable, "-m", "kubetasks", "aiops.mcp", "--http", "--port", "0", "--token-file", str(file)),
        *("--allow-changes", "--approved-by-client"),
    ]
    log = root / "mcp.log"
    with running(argv, env, root, log):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            found = re.search(r"MCP at (\S+)", log.read_text(errors="replace"))
            if found:
                yield McpServer(found[1], token, root)
                return
            time.sleep(0.2)
        raise AssertionError(log.read_text(errors="replace"))
