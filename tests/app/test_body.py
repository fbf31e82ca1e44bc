"""How much a request may bring along."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from app.backend.application import create_app
from app.backend.body import LARGEST, BodyLimit
from tests.app.conftest import User, unlimited
from tests.app.servers import running

TOO_LARGE = {"detail": "the body is too large: 64 KiB at most"}


def padded(size: int) -> bytes:
    """Return a task of so many bytes."""
    body = b'{"title": "a"'
    return body + b" " * (size - len(body) - 1) + b"}"


def chunks(body: bytes) -> Iterator[bytes]:
    """Give a body in pieces: its length is not told."""
    for place in range(0, len(body), 10_000):
        yield body[place : place + 10_000]


@pytest.mark.parametrize("chunked", [False, True])
def test_the_limit(user: User, chunked: bool) -> None:
    headers = {**user.headers, "Content-Type": "application/json"}
    codes = []
    for size in (LARGEST, LARGEST + 1, 10 * LARGEST):
        body = padded(size)
        answer = user.client.post(f"/api/{user.id}/tasks", content=chunks(body) if chunked else body, headers=headers)
        codes.append(answer.status_code)
        if answer.status_code == 413:
            assert answer.json() == TOO_LARGE
    assert codes == [201, 413, 413]


def test_it_is_for_everything(client: TestClient) -> None:
    for path in ("/mcp", "/health", "/nowhere", "/api/login"):
        assert client.post(path, content=padded(LARGEST + 1)).status_code == 413


def test_the_rest_is_not_waited_for(url: str) -> None:
    """A length that is told is enough to refuse; a chunked body is refused as soon as it is too long."""
    with running(create_app(unlimited(url))) as server:
        host, _, port = server.removeprefix("http://").partition(":")
        for head, body in (
            (b"Content-Length: 70000", b""),
            (b"Transfer-Encoding: chunked", b"11000\r\n" + b"a" * 0x11000),
        ):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + head)
                connection.sendall(b"\r\n\r\n" + body)
                answer = b""
                while received := connection.recv(4096):
                    answer += received
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.endswith(b'64 KiB at most"}')


def spoken(largest: int, *pieces: bytes, answer_first: bool = False) -> list[Message]:
    """Return what is sent by an application that reads everything."""
    sent: list[Message] = []
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]

    async def receive() -> Message:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
        if answer_first:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})

    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": [(b"content-length", b"nonsense")]}
    asyncio.run(BodyLimit(reading, largest)(scope, receive, send))
    return sent


def test_an_application_that_reads_by_itself_is_limited_too() -> None:
    assert [message.get("status") for message in spoken(10, b"12345", b"67890")] == [204]
    assert [message.get("status") for message in spoken(10, b"12345", b"678901")] == [413, None]


def test_an_answer_that_has_begun_is_broken_off() -> None:
    with pytest.raises(Exception, match="413"):
        spoken(3, b"1234", answer_first=True)


def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def noting(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    asyncio.run(BodyLimit(noting)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
