"""The frontend's proxy, with real servers on both sides."""

import asyncio
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from app.frontend import proxy, session, upstream
from app.frontend.application import create_app
from app.frontend.settings import Settings
from tests.app.servers import nobody_at, running

TOKEN = "aaa.bbb.ccc"
PATIENCE = 30


async def send_start(send: Any, status: int = 200, headers: Any = ()) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def send_body(send: Any, body: bytes = b"", *, more: bool = False) -> None:
    """Send a part of an answer."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


class Backend:
    """A backend that echoes, streams, and breaks off, as its path says."""

    def __init__(self) -> None:
        self.first_part = threading.Event()
        self.go_on = threading.Event()
        self.gone = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await getattr(self, scope["path"].rpartition("/")[2], self.echo)(scope, receive, send)

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        parts = []
        while True:
            message = await receive()
            parts.append(message["body"])
            if not message.get("more_body"):
                break
        answer = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "body": b"".join(parts).decode(),
        }
        headers = [
            (b"content-type", b"application/json"),
            (b"connection", b"x-once"),
            (b"x-once", b"1"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"server", b"echo"),
        ]
        await send_start(send, 418, headers)
        await send_body(send, b"" if scope["method"] == "HEAD" else json.dumps(answer).encode())

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send)
        await send_body(send, b"one", more=True)
        await asyncio.to_thread(self.go_on.wait, PATIENCE)
        await send_body(send, b"two")

    async def upload(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if body:
                self.first_part.set()
            if not message.get("more_body"):
                break
        await send_start(send)
        await send_body(send, body)

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send)
        await send_body(send, b"one", more=True)
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def compressed(self, scope: Any, receive: Any, send: Any) -> None:
        body = gzip.compress(b"hello")
        headers = [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
        await send_start(send, headers=headers)
        await send_body(send, body)

    async def nothing(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send, 204)
        await send_body(send)


@contextmanager
def frontend(backend_url: str) -> Iterator[httpx.Client]:
    """Run the frontend before a backend; give a client of it."""
    with (
        running(create_app(Settings(backend_url=backend_url))) as url,
        httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Backend, httpx.Client]]:
    """The echoing backend, and a client of the frontend before it."""
    backend = Backend()
    with running(backend) as url, frontend(url) as client:
        yield backend, client


@pytest.fixture
def backend(pair: tuple[Backend, httpx.Client]) -> Backend:
    """The echoing backend, with its events cleared."""
    for event in (pair[0].first_part, pair[0].go_on, pair[0].gone):
        event.clear()
    return pair[0]


@pytest.fixture
def client(pair: tuple[Backend, httpx.Client]) -> httpx.Client:
    """A client of the frontend, without cookies."""
    pair[1].cookies.clear()
    return pair[1]


def echoed(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the backend saw, and its headers by name."""
    assert answer.status_code == 418
    seen: dict[str, Any] = answer.json()
    return seen, dict(seen["headers"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_arrives_as_it_was_sent(client: httpx.Client, method: str) -> None:
    body = "" if method == "GET" else "h\N{LATIN SMALL LETTER E WITH ACUTE}"
    answer = client.request(
        method, "/api/a%2Fb/%C3%A9?x=1&x=%20&y", content=body.encode() or None, headers={"X-My": "1"}
    )
    seen, headers = echoed(answer)
    assert (seen["method"], seen["path"], seen["query"]) == (method, "/api/a%2Fb/%C3%A9", "x=1&x=%20&y")
    assert seen["body"] == body
    assert headers["x-my"] == "1"
    assert "transfer-encoding" not in headers
    assert headers.get("content-length", "0") == str(len(body.encode()))


def test_an_answer_arrives_as_it_was_given(client: httpx.Client) -> None:
    answer = client.get("/api/x")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-once" not in answer.headers
    assert answer.headers.get_list("server") == ["uvicorn"]
    assert len(answer.headers.get_list("date")) == 1


def test_head_and_no_content(client: httpx.Client) -> None:
    assert (client.head("/api/x").status_code, client.head("/api/x").content) == (418, b"")
    assert (client.get("/api/nothing").status_code, client.get("/api/nothing").content) == (204, b"")


def test_compressed_bytes_are_left_alone(client: httpx.Client) -> None:
    with client.stream("GET", "/api/compressed") as answer:
        raw = b"".join(answer.iter_raw())
    assert gzip.decompress(raw) == b"hello"
    assert answer.headers["content-length"] == str(len(raw))


def test_headers_of_one_connection_go_no_further(client: httpx.Client) -> None:
    sent = {"Connection": "X-Hop, close", "X-Hop": "1", "TE": "trailers", "Proxy-Authorization": "x", "Keep-Alive": "x"}
    _, headers = echoed(client.get("/api/x", headers=sent))
    assert not {"x-hop", "te", "proxy-authorization", "keep-alive"} & headers.keys()
    assert "connection" not in headers


def test_what_is_kept_of_headers() -> None:
    given = [(b"Connection", b"close, X-A"), (b"x-a", b"1"), (b"X-B", b"2"), (b"Transfer-Encoding", b"chunked")]
    assert proxy.end_to_end(given) == [(b"x-b", b"2")]


def test_nothing_is_added_and_no_cookie_is_kept_for_the_next_visitor(client: httpx.Client) -> None:
    for _ in range(2):  # the backend's answer sets cookies
        parts = urlsplit(str(client.base_url))
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        connection.putrequest("GET", "/api/x", skip_accept_encoding=True)
        connection.endheaders()
        seen = json.loads(connection.getresponse().read())
        connection.close()
        assert [name for name, _ in seen["headers"]] == ["host"]


def test_the_cookie_becomes_a_token(client: httpx.Client) -> None:
    cookie = f"{session.COOKIE}=ann.{TOKEN}; other=1"
    _, headers = echoed(client.get("/api/x", headers={"Cookie": cookie}))
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in headers
    _, headers = echoed(client.get("/api/x", headers={"Cookie": cookie, "Authorization": "Bearer mine"}))
    assert headers["authorization"] == "Bearer mine"


@pytest.mark.parametrize("value", ["", "ann", f"ann.{TOKEN}.ddd", f"a/b.{TOKEN}", "ann.a.b"])
def test_a_cookie_of_another_form_is_none(client: httpx.Client, value: str) -> None:
    _, headers = echoed(client.get("/api/x", headers={"Cookie": f"{session.COOKIE}={value}"}))
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("site", "lent"), [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False)]
)
def test_another_sites_page_does_not_borrow_the_session(client: httpx.Client, site: str, *, lent: bool) -> None:
    sent = {"Cookie": f"{session.COOKIE}=ann.{TOKEN}", "Sec-Fetch-Site": site}
    _, headers = echoed(client.post("/api/x", headers=sent))
    assert ("authorization" in headers) is lent


def test_an_answer_is_passed_on_while_it_comes(backend: Backend, client: httpx.Client) -> None:
    with client.stream("GET", "/api/stream") as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"one"
        backend.go_on.set()  # only now: the first part has come through before there was a second
        assert b"".join(parts) == b"two"


def test_a_request_is_passed_on_while_it_comes(backend: Backend, client: httpx.Client) -> None:
    def body() -> Iterator[bytes]:
        yield b"one"
        assert backend.first_part.wait(PATIENCE)  # it has gone through before there is a second
        yield b"two"

    assert client.post("/api/upload", content=body()).content == b"onetwo"


def test_a_browser_that_goes_away_ends_the_backends_answer(backend: Backend, client: httpx.Client) -> None:
    with client.stream("GET", "/api/endless") as answer:
        assert next(answer.iter_raw()) == b"one"
    assert backend.gone.wait(PATIENCE)


def test_only_api_is_passed_on(client: httpx.Client) -> None:
    assert client.get("/ready").status_code == 404
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/static/../main.py").status_code == 404
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404


def test_a_path_cannot_climb_out(client: httpx.Client) -> None:
    parts = urlsplit(str(client.base_url))
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    connection.request("GET", "/api/..%2f../ready")
    seen = json.loads(connection.getresponse().read())
    connection.close()
    assert seen["path"] == "/api/..%2f../ready"  # as it came: nothing has made /ready of it


def test_a_backend_that_is_away_is_said_so() -> None:
    with nobody_at() as url, frontend(url) as client:
        answer = client.post("/api/session")
        assert answer.status_code == 502
        assert answer.json()["detail"].startswith(f"the backend at {url.removeprefix('http://')} cannot be reached")
        assert client.get("/health").status_code == 200


def test_a_path_in_the_backends_address_goes_first() -> None:
    with running(Backend()) as url, frontend(f"{url}/below") as client:
        assert echoed(client.get("/api/x?a=b"))[0]["path"] == "/below/api/x"


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (httpx.ConnectError(""), 502, "cannot be reached: connection refused"),
        (httpx.ConnectTimeout(""), 502, "cannot be reached: no answer in time"),
        (httpx.ReadTimeout(""), 504, "has not answered in time"),
        (httpx.RemoteProtocolError("gone"), 502, "broke off: gone"),
        (httpx.ReadError(""), 502, "broke off: ReadError"),
    ],
)
def test_failures_have_names(error: Exception, status: int, why: str) -> None:
    assert upstream.reason("http://backend:8000", error) == (status, f"the backend at backend:8000 {why}")


def test_idle_connections_are_dropped_before_the_server_drops_them() -> None:
    default = uvicorn.Config(Backend()).timeout_keep_alive
    assert default > upstream.KEEP_ALIVE_SECONDS
    client = upstream.make_client("http://backend:8000")
    transport = client._transport
    assert isinstance(transport, httpx.AsyncHTTPTransport)
    assert transport._pool._keepalive_expiry == upstream.KEEP_ALIVE_SECONDS
    asyncio.run(client.aclose())


def test_the_frontend_starts_without_a_backend() -> None:
    with nobody_at() as url, TestClient(create_app(Settings(backend_url=url))) as client:
        assert client.get("/health").status_code == 200
