"""A stopping service drops no request: neither on a kept connection, nor on one that still comes in."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.backend import migrate
from bench import steady
from tests.app.balancer import Balancer
from tests.app.conftest import SECRET
from tests.app.servers import listening

ROOT = Path(__file__).parents[2]
DRAIN = 1.5  # seconds
LAG = 0.7  # seconds after which the balancer knows that an endpoint is going away


@dataclass
class Pod:
    """A service in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def gone(self) -> int:
        return self.process.wait(20)


@contextmanager
def pod(service: str, **variables: str) -> Iterator[Pod]:
    """Run a service as in a pod: it listens at every address, so it drains."""
    made = listening()
    process = subprocess.Popen(
        [sys.executable, "-m", f"app.{service}", "--fd", str(made.fileno())],
        cwd=ROOT,
        env={
            "JWT_SECRET": SECRET,
            "HOST": "0.0.0.0",
            "DRAIN_SECONDS": str(DRAIN),
            "SHUTDOWN_SECONDS": "3",
            "LOG_LEVEL": "warning",
            **dict.fromkeys(("RATE_LIMIT", "CHAT_RATE_LIMIT", "LOGIN_RATE_LIMIT"), "off"),
            **variables,
        },
        pass_fds=[made.fileno()],
    )
    port = int(made.getsockname()[1])
    try:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            made.close()  # the process alone holds it now: its end refuses connections
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        yield Pod(process, port)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/todo.db"
    migrate.upgrade(url, 10)
    return url


@dataclass
class Deployment:
    """Two pods of a service behind a balancer."""

    stack: ExitStack
    service: str
    balancer: Balancer
    variables: dict[str, str]

    def __post_init__(self) -> None:
        self.pods = [self._start() for _ in range(2)]
        self.balancer.endpoints = [each.port for each in self.pods]

    def _start(self) -> Pod:
        return self.stack.enter_context(pod(self.service, **self.variables))

    def roll(self) -> None:
        """Replace each pod: the new one first, then the old one gets SIGTERM, then the balancer learns of it."""
        for place, old in enumerate(self.pods):
            new = self._start()
            self.pods[place] = new
            self.balancer.endpoints = [*self.balancer.endpoints, new.port]
            old.stop()
            time.sleep(LAG)
            self.balancer.endpoints = [port for port in self.balancer.endpoints if port != old.port]
            old.gone()


def test_rolling_updates_drop_nothing(database: str) -> None:
    """Six clients with kept connections, streams among their requests; both services are replaced twice."""
    with ExitStack() as stack:
        services = [stack.enter_context(Balancer().running()) for _ in range(2)]
        backend = Deployment(stack, "backend", services[0], {"DATABASE_URL": database})
        url = f"http://127.0.0.1:{services[0].port}"
        frontend = Deployment(stack, "frontend", services[1], {"BACKEND_URL": url})
        found: dict[str, Any] = {}
        stop = threading.Event()

        def clients() -> None:
            found.update(steady.run(f"http://127.0.0.1:{services[1].port}", 6, 10**6, 120, stop))

        thread = threading.Thread(target=clients)
        thread.start()
        try:
            time.sleep(1)
            for each in (frontend, backend, frontend, backend):
                each.roll()
        finally:
            stop.set()
            thread.join(60)
    assert found["failures"] == []
    assert found["requests"] > 500
    assert found["closed"] >= 8  # the clients had to connect again


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_while_stopping_every_answer_closes_its_connection(database: str, service: str) -> None:
    with pod(service, DATABASE_URL=database, BACKEND_URL="http://127.0.0.1:1") as made:
        kept, idle = (http.client.HTTPConnection("127.0.0.1", made.port, timeout=20) for _ in range(2))
        for each in (kept, idle):
            each.request("GET", "/health")
            answer = each.getresponse()
            assert (answer.read(), answer.getheader("Connection")) == (b'{"status":"ok"}', None)
        made.stop()
        began = time.monotonic()
        time.sleep(0.3)
        kept.request("GET", "/health")
        answer = kept.getresponse()
        assert (answer.status, answer.read(), answer.getheader("Connection")) == (200, b'{"status":"ok"}', "close")
        assert kept.sock is None
        # New connections are still accepted, and answered in the same way; so are errors.
        for path, status in (("/health", 200), ("/api/nobody/tasks", None)):
            kept.request("GET", path)
            answer = kept.getresponse()
            answer.read()
            assert answer.getheader("Connection") == "close"
            assert status in {None, answer.status}
        # A connection that stays idle is closed at the end.
        assert idle.sock is not None
        idle.sock.settimeout(10)
        assert idle.sock.recv(1) == b""
        idle.close()
        assert DRAIN - 0.2 < time.monotonic() - began < DRAIN + 1.5
        assert made.gone() in {0, -signal.SIGTERM}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", made.port), 5)


def test_readiness_ends_at_once_and_health_does_not(database: str) -> None:
    """A load balancer that asks /ready hears of it; kube-proxy still needs the pod to be healthy."""
    with pod("backend", DATABASE_URL=database) as made:
        assert get(made.port, "/ready") == 200
        made.stop()
        time.sleep(0.3)
        assert (get(made.port, "/ready"), get(made.port, "/health")) == (503, 200)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_draining(database: str, second: int) -> None:
    with pod("backend", DATABASE_URL=database, DRAIN_SECONDS="60") as made:
        made.stop()
        time.sleep(0.3)
        os.kill(made.process.pid, second)
        began = time.monotonic()
        made.gone()
        assert time.monotonic() - began < 5


def test_an_interrupted_server_does_not_drain(database: str) -> None:
    with pod("backend", DATABASE_URL=database, DRAIN_SECONDS="60") as made:
        os.kill(made.process.pid, signal.SIGINT)
        began = time.monotonic()
        made.gone()
        assert time.monotonic() - began < 5


def get(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
