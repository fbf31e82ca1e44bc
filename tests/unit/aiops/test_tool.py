"""kubectl-ai's stand-in, as it is really started: its failures, the way without a sandbox, the way through a proxy."""

import http.server
import os
import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.aiops import choose, sockets
from kubetasks.aiops.kubectl_ai import Tool
from kubetasks.aiops.relay import join
from kubetasks.aiops.sandbox import Unsandboxed
from kubetasks.errors import (
    EmptyAnswer,
    KeyRefused,
    KubetasksError,
    ModelFailed,
    ModelUnreachable,
    QuotaExceeded,
    SendLimit,
    ToolFailed,
    UsageError,
)
from kubetasks.settings import load
from kubetasks.targets.base import Cluster
from tests.fake_api import closed_port
from tests.recording import RecordingRunner
from tests.scripted_model import CUT, KEY, Model, Raw, Say, Turn, bash, kubectl
from tests.unit.aiops.conftest import Api, Out

FAILURES: dict[str, tuple[Turn, type[KubetasksError]]] = {
    "401": (Raw(401, b'{"error": {"message": "Incorrect API key provided"}}'), KeyRefused),
    "403": (Raw(403, b""), KeyRefused),
    "429": (Raw(429, b"{}"), QuotaExceeded),
    "402": (Raw(402, b"{}"), QuotaExceeded),
    "404": (Raw(404, b"<html>", "text/html"), ModelFailed),
    "500": (Raw(500, b"oops"), ModelFailed),
    "html": (Raw(200, b"<html>log in</html>", "text/html"), ModelFailed),
    "no choices": (Raw(200, b"{}"), ModelFailed),
    "no stream": (Raw(200, b"data: hello\n\n", "text/event-stream"), ModelFailed),
    "cut": (CUT, ModelFailed),
    "nothing": (Raw(200, b""), EmptyAnswer),
    "empty": (Say(""), EmptyAnswer),
    "blank": (Say("\n \n"), EmptyAnswer),
}


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_what_it_is_whatever_the_tool_says(tool: Tool, model: Model, name: str) -> None:
    turn, error = FAILURES[name]
    model.script = [turn]
    with pytest.raises(error) as failed:
        tool.ask("why?", [])
    assert "\n" not in failed.value.line
    assert KEY not in failed.value.line


def test_no_endpoint(tool: Tool, out: Out) -> None:
    dead = out(f"http://127.0.0.1:{closed_port()}/v1")
    with pytest.raises(ModelUnreachable):
        replace(tool, outbound=dead).ask("why?", [])


def test_a_limit(tool: Tool, model: Model, out: Out) -> None:
    model.script = [Say("", [kubectl("kubectl get pods")])]
    with pytest.raises(SendLimit):
        replace(tool, outbound=out(requests=2)).ask("why?", [])
    assert len(model.received) == 2


def test_a_tool_that_fails_for_a_reason_of_its_own(tool: Tool, tmp_path: Path, model: Model) -> None:
    broken = tmp_path / "kubectl-ai"
    broken.write_text("#!/bin/sh\necho 'Error: unknown flag: --quiet' >&2\necho Usage: >&2\nexit 1\n")
    broken.chmod(0o755)
    tool.runner.programs["kubectl-ai"] = str(broken)  # type: ignore[attr-defined]
    with pytest.raises(ToolFailed, match="unknown flag: --quiet"):
        tool.ask("why?", [])
    assert model.received == []


def test_terminal_sequences_in_an_answer_are_not_printed(tool: Tool, model: Model) -> None:
    model.script = [Say("\x1b]0;owned\x07\x1b[2Jfine\u202e")]
    assert tool.ask("why?", []).text == "fine"


def test_a_long_answer_is_cut(tool: Tool, model: Model) -> None:
    model.script = [Say("word " * 20_000)]
    assert len(tool.ask("why?", []).text) <= 8000


def test_without_a_sandbox_it_is_still_the_observer_and_goes_through_the_gateway(
    tool: Tool, model: Model, api: Api, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_USER", "secret-of-the-user")
    looking = "kubectl version --client; echo $HOME $OPENAI_API_KEY $OF_THE_USER; stat -c %a $KUBECONFIG"
    model.script = [Say("", [kubectl("kubectl get pods"), bash(looking)]), Say("done")]
    answer = replace(tool, box=Unsandboxed(folder)).ask("why?", [])
    assert answer.text == "done"
    sent = str(model.bodies[-1]["messages"])
    assert "web-1" in sent  # the API server took the observer's token
    assert f"{folder} placeholder" in sent
    assert "600" in sent
    assert "secret-of-the-user" not in sent
    assert KEY not in model.everything.decode()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700  # its trace and its log are in here
    assert (folder / "trace.txt").exists()


class _Proxy(http.server.BaseHTTPRequestHandler):
    """A proxy that joins a CONNECT with its goal."""

    asked: list[str]

    def log_message(self, *args: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as goal:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            join(self.connection, goal)


def test_the_api_server_is_reached_through_the_contexts_proxy(tool: Tool, model: Model, api: Api) -> None:
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Proxy,), {"asked": asked}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    behind = replace(tool.cluster, proxy=f"http://127.0.0.1:{server.server_address[1]}")
    model.script = [Say("", [kubectl("kubectl get pods")]), Say("done")]
    replace(tool, cluster=behind).ask("why?", [])
    server.shutdown()
    server.server_close()
    assert set(asked) == {f"127.0.0.1:{api.port}"}
    assert "web-1" in str(model.bodies[-1]["messages"])


@pytest.mark.parametrize("proxy", ["https://proxy:3128", "socks5://proxy:1080", "http://me:pass@proxy:3128"])
def test_a_proxy_that_cannot_be_used_is_said(tmp_path: Path, proxy: str) -> None:
    cluster = Cluster("c", "shop", "https://api.example.com", proxy=proxy)
    with pytest.raises(UsageError, match="--tool direct"), sockets.to_api_server(cluster, tmp_path):
        pass


SECTION: dict[str, Any] = {"aiops": {"endpoint": "https://api.example.com/v1", "model": "m"}}


@pytest.mark.parametrize(
    ("tool", "endpoint", "cluster", "installed", "wanted"),
    [
        ("auto", True, True, True, "kubectl-ai"),
        ("auto", True, True, False, "direct"),
        ("auto", True, False, True, "direct"),
        ("auto", False, True, True, "rules"),
        ("direct", True, True, True, "direct"),
        ("rules", True, True, True, "rules"),
        ("kubectl-ai", True, True, True, "kubectl-ai"),
    ],
)
def test_which_way_a_question_takes(tool: str, endpoint: bool, cluster: bool, installed: bool, wanted: str) -> None:
    runner = RecordingRunner(programs=frozenset({"kubectl-ai"} if installed else ()))
    settings = load(SECTION if endpoint else {}, environ={})
    assert choose.way(settings, Cluster("c", "n") if cluster else None, runner, tool) == wanted


def test_kubectl_ai_needs_a_cluster() -> None:
    with pytest.raises(UsageError, match="local target"):
        choose.way(load(SECTION, environ={}), None, RecordingRunner(), "kubectl-ai")


def test_the_stand_in_is_a_program() -> None:
    assert os.access(Path(__file__).resolve().parents[2] / "kubectl_ai.py", os.X_OK)
