"""Logs: one line an event, without secrets; and that a server ends as it should."""

import http.client
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app.backend import logs as backend
from app.backend import migrate
from app.frontend import logs as frontend
from tests.app.conftest import SECRET
from tests.app.servers import listening

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) [\w.]+: \S.*")


def access(path: str, status: int) -> logging.LogRecord:
    """Return a record as uvicorn makes it."""
    arguments = ("127.0.0.1:1", "GET", path, "1.1", status)
    return logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', arguments, None)


@pytest.mark.parametrize("logs", [backend, frontend])
def test_a_traceback_is_one_line(logs: ModuleType) -> None:
    try:
        raise ValueError("first\nsecond")  # noqa: TRY301
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "a\nb", None, sys.exc_info())
    line = logs.OneLine().format(record)
    assert LINE.fullmatch(line)
    assert line.endswith("| ValueError: first | second")


@pytest.mark.parametrize("logs", [backend])
@pytest.mark.usefixtures("logging_as_before")
def test_the_servers_own_lines_go_the_same_way(logs: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    server = logging.getLogger("uvicorn.access")
    server.addHandler(logging.NullHandler())
    logs.set_up("INFO")
    for path in (*logs.PROBES, "/api"):
        server.handle(access(path, 200))
        server.handle(access(path, 503))
    logging.getLogger("httpx").info("no")
    logging.getLogger("x").debug("no")
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert all(LINE.fullmatch(line) for line in lines)
    assert [line.split()[-3:] for line in lines] == [
        *([path, 'HTTP/1.1"', "503"] for path in logs.PROBES),
        ["/api", 'HTTP/1.1"', "200"],
        ["/api", 'HTTP/1.1"', "503"],
    ]
    assert said.err == ""


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_server_starts_answers_and_ends_when_told_to(service: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/todo.db"
    migrate.upgrade(url, 10)
    made = listening()
    server = subprocess.Popen(
        [sys.executable, "-m", f"app.{service}", "--fd", str(made.fileno())],
        cwd=ROOT,
        env={"DATABASE_URL": url, "JWT_SECRET": SECRET},
        pass_fds=[made.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        connection = http.client.HTTPConnection("127.0.0.1", made.getsockname()[1], timeout=60)
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
        connection.request("GET", "/api/nobody/tasks")  # a request without an end to its connection
        assert connection.getresponse().status in {401, 502}
        os.kill(server.pid, signal.SIGTERM)
        output, _ = server.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
        connection.close()
        made.close()
    lines = output.splitlines()
    assert server.returncode in {0, -signal.SIGTERM}  # uvicorn ends, then hands the signal on to itself
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert sum(line.endswith(f"{service}: stopped") for line in lines) == 1
    assert SECRET not in output
    assert not any("/health" in line for line in lines)
