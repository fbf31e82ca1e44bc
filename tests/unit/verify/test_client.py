"""The HTTP client, against real sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kubetasks.verify import client as module
from kubetasks.verify.client import Client, NoAnswer, Request, plain, segment
from tests.unit.verify.server import TOKEN, App, serving


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.001)


@contextmanager
def socket_server(*answers: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accepts one connection for each answer, and leaves it to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        thread.join(5)


def hang_up(connection: socket.socket) -> None:
    connection.recv(65536)


def good(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def test_one_connection_serves_many_requests() -> None:
    app = App()
    with serving(app) as base, Client(base, 5) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert client.send(Request("GET", "/")).type == "text/html"
        answer = client.send(Request("GET", "/api/me/notes", {"limit": "5", "q": "a b"}, headers))
    assert answer.status == 200
    assert answer.json() == []
    assert app.asked == [("GET /", 200), ("GET /api/me/notes?limit=5&q=a+b", 200)]
    assert app.connections == 1


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Client(base, 5) as client, pytest.raises(NoAnswer, match="connection refused"):
        client.send(Request("GET", "/"))


def test_a_forwarded_port_may_hang_up_at_first() -> None:
    with socket_server(hang_up, good) as base, Client(base, 5) as client:
        assert client.send(Request("GET", "/")).text == "ok"


def test_what_changes_something_is_not_sent_twice() -> None:
    with (
        socket_server(hang_up) as base,
        Client(base, 5) as client,
        pytest.raises(NoAnswer, match="closed before an answer"),
    ):
        client.send(Request("POST", "/", body=b"{}"))


def test_an_answer_that_does_not_come() -> None:
    done = threading.Event()

    def wait(connection: socket.socket) -> None:
        connection.recv(65536)
        done.wait(5)

    with socket_server(wait) as base, Client(base, 0.05) as client:
        with pytest.raises(NoAnswer, match=r"no answer in 0\.05 s"):
            client.send(Request("GET", "/"))
        done.set()


def test_a_body_that_trickles_in_does_not_outlast_the_limit() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while True:
                connection.sendall(b"x")
        except OSError:
            return

    with (
        socket_server(trickle) as base,
        Client(base, 0.05) as client,
        pytest.raises(NoAnswer, match=r"no answer in|no HTTP answer"),
    ):
        client.send(Request("GET", "/"))


def test_what_answers_is_not_http() -> None:
    def mumble(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"220 mail.example ESMTP\r\n")

    with socket_server(mumble) as base, Client(base, 5) as client, pytest.raises(NoAnswer, match="no HTTP answer"):
        client.send(Request("GET", "/"))


def test_values_in_urls() -> None:
    assert segment("a/b c?") == "a%2Fb%20c%3F"
    assert [plain(value) for value in (True, None, 3, "x")] == ["true", "null", "3", "x"]
    assert Request("GET", "/a?b=1", {"c": "2"}).url == "/a?b=1&c=2"
