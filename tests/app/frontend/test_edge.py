"""What every answer has, and every request leaves in the log; static files; the end of the process."""

import http.client
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from app.frontend import edge, logs, static
from app.frontend.application import create_app
from app.frontend.settings import Settings
from app.frontend.upstream import CONNECTIONS, KEEP_ALIVE_SECONDS, Upstream
from tests.app.frontend.fake import PATIENCE, Backend, cookies
from tests.app.servers import listening, running

ROOT = Path(__file__).parents[3]


@pytest.fixture
def plain() -> TestClient:
    """The frontend in this process, before a backend that is not there."""
    return TestClient(create_app(Settings(backend_url="http://127.0.0.1:9")), raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/login", "/health", "/nothing", "/api/x/y", "/static/css/base.css"])
def test_every_answer_keeps_browsers_safe(plain: TestClient, path: str) -> None:
    answer = plain.get(path)
    assert {name: answer.headers[name] for name in edge.SECURITY} == edge.SECURITY
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert answer.headers["x-request-id"]


def test_an_error_of_ones_own_is_told_to_nobody(plain: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("app.frontend.pages.Pages.home", broken)
    answer = plain.get("/")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_request_is_one_line(plain: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "frontend.access")
    plain.get("/")
    plain.get("/health")
    plain.get("/static/css/base.css")
    plain.get("/login?password=secret", headers={"X-Request-ID": "abc"})
    plain.get("/x%0Ay", headers={"Cookie": "a=b"})
    plain.get("/static/no")
    lines = [record.getMessage() for record in caplog.records if record.name == "frontend.access"]
    assert [re.sub(r"\d+ ms \w+$", "", line) for line in lines] == [
        "GET /login 200 ",
        "GET /x%0Ay 404 ",
        "GET /static/no 404 ",
    ]
    assert lines[0].endswith(" ms abc")


@pytest.mark.usefixtures("logging_as_before")
def test_requests_are_not_logged_twice() -> None:
    logs.set_up("INFO")
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert logging.getLogger("frontend.access").isEnabledFor(logging.INFO)


def test_static_files_are_kept_for_good_under_their_digest(plain: TestClient, tmp_path: Path) -> None:
    path = static.Static().path("css/base.css")
    kept = plain.get(path)
    assert (kept.status_code, kept.headers["cache-control"]) == (200, static.FOREVER)
    asked = plain.get("/static/css/base.css")
    assert (asked.content, asked.headers["cache-control"]) == (kept.content, "no-cache")
    again = plain.get("/static/css/base.css", headers={"If-None-Match": asked.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for wrong in ("/static/0123456789abcdef/css/base.css", path + "x", "/static/", "/static/css", "/static"):
        answer = plain.get(wrong)
        assert (answer.status_code, "immutable" in answer.headers.get("cache-control", "")) == (404, False), wrong
    assert plain.post("/static/css/base.css").status_code == 405
    assert plain.head(path).headers["content-length"] == kept.headers["content-length"]


def test_the_digest_is_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    seen = set()
    for name, content in (("a/x", "1"), ("a/x", "2"), ("a/y", "2"), ("b", "")):
        (tmp_path / name).write_text(content)
        seen.add(static.digest(tmp_path))
    assert len(seen) == 4


@pytest.mark.anyio
async def test_idle_connections_are_dropped_before_the_server_drops_them() -> None:
    upstream = Upstream("http://backend:8000")
    transport = upstream._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    assert transport._pool._keepalive_expiry == KEEP_ALIVE_SECONDS < 5 - 1
    assert transport._pool._max_connections == CONNECTIONS > 100
    await upstream.aclose()


def served(backend: str) -> tuple[subprocess.Popen[str], int]:
    """Start a frontend of its own process; return it and its port."""
    made = listening()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.frontend", "--fd", str(made.fileno())],
        cwd=ROOT,
        env={"BACKEND_URL": backend, "SHUTDOWN_SECONDS": "3"},
        pass_fds=[made.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    port: int = made.getsockname()[1]
    made.close()
    return process, port


@pytest.mark.parametrize(("path", "told"), [("/api/me/chat/stream", True), ("/api/ann/tasks/6", False)])
def test_streams_are_told_and_closed_when_the_process_is_to_end(path: str, *, told: bool) -> None:
    with running(Backend()) as backend:
        process, port = served(backend)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("POST", path, b"{}", cookies())
            answer = connection.getresponse()
            first = answer.read1()
            os.kill(process.pid, signal.SIGTERM)
            begun = time.monotonic()
            rest = answer.read()
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
            connection.close()
    assert first.startswith(b"event: token")
    assert time.monotonic() - begun > 2  # 0.7 of the time there is, not at once: it might have come to its own end
    if told:
        name, data = rest.decode().strip().split("\n")
        assert name == "event: error"
        assert json.loads(data.removeprefix("data: "))["status"] == 503
    else:
        assert rest == b""  # in the middle of an event nothing can be said
    assert process.returncode in {0, -signal.SIGTERM}
    assert output.splitlines()[-1].endswith("frontend: stopped") or "frontend: stopped" in output
    assert "Traceback" not in output
