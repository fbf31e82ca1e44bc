"""The server's limits on what a client may send and hold. Stopping is in `test_stopping`."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.backend import migrate
from app.backend.serving import connection as limits
from app.backend.serving.connection import CONNECTIONS, Limited
from app.backend.serving.server import Server, drains
from tests.app.conftest import SECRET
from tests.app.servers import listening

ROOT = Path(__file__).parents[2]
SERVICES = ("backend", "frontend")
MIB = 1024 * 1024
HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def test_both_services_have_the_same_server() -> None:
    found = [
        {
            path.name: path.read_text().replace(f"app.{service}.", "app.")
            for path in (ROOT / "app" / service / "serving").glob("*.py")
        }
        for service in SERVICES
    ]
    assert found[0] == found[1]
    assert set(found[0]) == {"__init__.py", "connection.py", "server.py"}


class Served:
    """A service in a process of its own."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid

    @property
    def memory(self) -> int:
        """Its resident memory, in bytes; what it once had and gave back does not count."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[0]) * 1024

    def peak(self) -> int:
        """The most that it had since the last time that this was asked for, in bytes."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # resets VmHWM
        return int(re.findall(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)[0]) * 1024

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def health(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/health")
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.fixture(scope="module", params=SERVICES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path_factory.mktemp('serving')}/todo.db"
    migrate.upgrade(url, 10)
    made = listening()
    process = subprocess.Popen(
        [sys.executable, "-m", f"app.{request.param}", "--fd", str(made.fileno())],
        cwd=ROOT,
        env={"DATABASE_URL": url, "JWT_SECRET": SECRET, "BACKEND_URL": "http://127.0.0.1:1", "LOG_LEVEL": "error"},
        pass_fds=[made.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = Served(made.getsockname()[1], process.pid)
    try:
        assert found.health() == 200
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        made.close()
    assert "Traceback" not in output, output


def flooded(server: Served, begin: bytes, piece: bytes, total: int) -> bytes:
    """Send `begin`, then `piece` until so many bytes are sent or the server has enough; return what it answered."""
    with server.connect() as connection:
        try:
            connection.sendall(begin)
            for _ in range(max(1, total // len(piece))):
                connection.sendall(piece)
        except OSError:
            pass  # it has closed the connection
        try:
            return connection.recv(65536)
        except OSError:
            return b""


FLOODS = {
    "fields": (HEAD, b"a: b\r\n" * 10_000),
    "different fields": (HEAD, b"".join(b"a%d: b\r\n" % number for number in range(10_000))),
    "one value": (HEAD + b"a: ", b"b" * 65536),
    "one name": (HEAD, b"a" * 65536),
    "a folded value": (HEAD + b"a: b\r\n", b" b\r\n" * 16384),
    "the URL": (b"GET /", b"a" * 65536),
    "the query": (b"GET /?", b"a=b&" * 16384),
    "the method": (b"", b"G" * 65536),
    "the version": (b"GET / HTTP/", b"1" * 65536),
    "empty lines": (b"", b"\r\n" * 32768),
    "nothing that is HTTP": (b"", b"\x16\x03\x01" * 20000),
    "trailers": (CHUNKED + b"1\r\n{\r\n0\r\n", b"a: b\r\n" * 10_000),
    "one trailer": (CHUNKED + b"0\r\na: ", b"b" * 65536),
    "a chunk's extension": (CHUNKED + b"1;a=", b"b" * 65536),
    "a chunk's size": (CHUNKED, b"0" * 65536),
    "many extensions": (CHUNKED, b"1;a=bcdefghijklmnopqrstuvwxyz\r\n{\r\n" * 2000),
    "chunks of one byte": (CHUNKED, b"1\r\n{\r\n" * 10_000),
    "a body that was announced": (POST + b"Content-Length: 99999999\r\n\r\n", b"{" * 65536),
    "a body without a length": (CHUNKED, b"10000\r\n" + b"{" * 65536 + b"\r\n"),
    "requests without reading": (b"", (HEAD + b"\r\n") * 2000),
    "requests after a body": (POST + b"Content-Length: 2\r\n\r\n{}", (HEAD + b"\r\n") * 2000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_no_flood_on_one_connection_takes_memory(server: Served, name: str) -> None:
    begin, piece = FLOODS[name]
    before = server.memory
    server.peak()
    answer = flooded(server, begin, piece, 24 * MIB)
    assert server.peak() - before < 8 * MIB
    if answer:
        assert re.match(rb"HTTP/1\.1 (200|201|400|401|403|408|413|414|422|429|431|502) ", answer)
    assert server.health() == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"".join(b"a%d: b\r\n" % number for number in range(99)) + b"\r\n", 200),
        (HEAD + b"".join(b"a%d: b\r\n" % number for number in range(100)) + b"\r\n", 431),
        (HEAD + b"a: " + b"b" * 15_000 + b"\r\n\r\n", 200),
        (HEAD + b"a: " + b"b" * 17_000 + b"\r\n\r\n", 431),
        (HEAD + b"cookie: " + b"b" * 200_000 + b"\r\n\r\n", 431),
        (b"GET /health?" + b"a" * 8000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /health?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: x\r\na b\r\n\r\n", 400),
        (b"\r\n" + HEAD + b"\r\n", 200),
    ],
    ids=["99 fields", "100 fields", "15 kB", "17 kB", "200 kB", "a long URL", "too long", "not HTTP", "a line before"],
)
def test_what_is_over_a_limit_is_refused_with_its_status(server: Served, request_: bytes, status: int) -> None:
    with server.connect() as connection:
        connection.sendall(request_)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
    assert answer.status == status
    if status != 200:
        assert answer.getheader("Connection") == "close"
        assert body.startswith(b'{"detail":"')


def test_a_kept_connection_counts_anew_for_every_request(server: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for _ in range(20):
        connection.request("GET", "/health", headers={f"a{number}": "b" * 150 for number in range(80)})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
    connection.close()


def test_many_connections_are_held_within_the_memory_limit(server: Served) -> None:
    """As much as each may send, in more connections than the server holds; another client is still answered."""
    before = server.memory
    with ExitStack() as stack:
        for _ in range(CONNECTIONS + 200):
            connection = stack.enter_context(server.connect())
            connection.sendall(HEAD + b"a: " + b"b" * 15_000)
        assert server.health() == 200
        grown = server.memory - before
    assert grown < 64 * MIB  # the smaller pod has 192 MiB, and 65 at work
    assert server.health() == 200


def test_a_connection_that_has_been_idle_longest_makes_room(server: Served) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(server.connect())
        time.sleep(0.1)
        for _ in range(CONNECTIONS + 5):
            last = stack.enter_context(server.connect())
        assert server.health() == 200
        assert first.recv(100) == b""
        last.sendall(HEAD + b"\r\n")
        assert last.recv(100).startswith(b"HTTP/1.1 200")


# Time: in this process, with shorter limits.


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Read a body, answer with its length; a page of 32 MiB for `/large`."""
    if scope["type"] != "http":
        return
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"x" * (32 * MIB) if scope["path"] == "/large" else b"%d" % size
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for start in range(0, len(body), 65536):
        await send({"type": "http.response.body", "body": body[start : start + 65536], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def serving_echo() -> Iterator[tuple[int, Server]]:
    made = listening()
    config = uvicorn.Config(echo, http=Limited, ws="none", log_config=None, lifespan="off")
    server = Server(config, 0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]})
    thread.start()
    try:
        yield made.getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join(20)
        made.close()


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"\r\n", b""),
        (b"GET / HTTP/1.1\r\n", b"408"),
        (HEAD + b"\r\n" + b"GET /", b"200"),
        (POST + b"Content-Length: 500\r\n\r\n12", b"408"),
        (CHUNKED + b"1f4\r\n12", b"408"),
    ],
    ids=["nothing", "an empty line", "half a head", "half of a second one", "half a body", "half a chunk"],
)
@pytest.mark.parametrize("drip", [False, True], ids=["silent", "byte by byte"])
def test_what_does_not_come_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answer: bytes, *, drip: bool
) -> None:
    for name, seconds in (("HEAD_SECONDS", 0.5), ("REQUEST_SECONDS", 0.6), ("IDLE_SECONDS", 0.7)):
        monkeypatch.setattr(limits, name, seconds)
    with serving_echo() as (port, server), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        got = b""
        connection.settimeout(0.1)
        while time.monotonic() - began < 4:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                if drip and sent.strip():
                    connection.sendall(b"a")
                continue
            except ConnectionResetError:
                break
            if not piece:
                break
            got += piece
        assert time.monotonic() - began < 2
        assert not server.server_state.connections
    assert got.partition(b" ")[2][:3] == answer
    if answer == b"200":
        assert b" 408 " in got


def test_an_answer_that_is_not_read_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WRITE_SECONDS", 0.3)
    with serving_echo() as (port, server), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait(lambda: bool(server.server_state.connections))
        wait(lambda: not server.server_state.connections)


def test_a_slow_reader_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WRITE_SECONDS", 0.5)
    with serving_echo() as (port, _), socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        size = 0
        while piece := answer.read(1 * MIB):
            size += len(piece)
            time.sleep(0.02)
    assert size == 32 * MIB


def wait(until: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_fewer_connections_where_fewer_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource  # noqa: PLC0415 - not everywhere

    for soft, most in ((200, 100), (100_000, CONNECTIONS), (resource.RLIM_INFINITY, CONNECTIONS)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert limits.most_connections() == most


@pytest.mark.parametrize(
    ("host", "seconds"),
    [("127.0.0.1", 0), ("127.1.2.3", 0), ("::1", 0), ("localhost", 0), ("0.0.0.0", 5), ("::", 5), ("10.0.0.1", 5)],
)
def test_a_loopback_address_needs_no_draining(host: str, seconds: float) -> None:
    assert drains(host, 5) == seconds
