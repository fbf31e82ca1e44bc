"""A small endpoint for chat completions that streams what it is told to, and misbehaves when it is told to."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.app.servers import running

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Step = Callable[[Receive, Send], Awaitable[None]]
KEY = "sk-0123456789-very-secret"


def piece(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """A chunk of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


def calling(tool: str, arguments: Any, number: int = 0) -> bytes:
    """The chunks of one tool call, its arguments cut in two."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    half = len(text) // 2
    first = {"index": number, "id": f"call-{number}", "type": "function"}
    return piece({"tool_calls": [{**first, "function": {"name": tool, "arguments": text[:half]}}]}) + piece(
        {"tool_calls": [{"index": number, "function": {"arguments": text[half:]}}]}
    )


async def start(send: Send, status: int = 200, kind: str = "text/event-stream") -> None:
    """Begin an answer."""
    headers = [(b"content-type", kind.encode()), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send: Send, content: bytes, *, more: bool = True) -> None:
    """Send a part of an answer."""
    await send({"type": "http.response.body", "body": content, "more_body": more})


def say(text: str) -> Step:
    """Answer with a text, word by word."""

    async def step(receive: Receive, send: Send) -> None:
        await start(send)
        for word in text.split(" "):
            await body(send, piece({"content": word if text.startswith(word) else f" {word}"}))
        await body(send, piece({}, "stop") + b"data: [DONE]\n\n", more=False)

    return step


def call(*calls: tuple[str, Any]) -> Step:
    """Ask for tools."""

    async def step(receive: Receive, send: Send) -> None:
        await start(send)
        await body(send, b"".join(calling(*one, number) for number, one in enumerate(calls)))
        await body(send, piece({}, "tool_calls") + b"data: [DONE]\n\n", more=False)

    return step


def status(code: int) -> Step:
    """Answer with an error that repeats the secret, as some do."""

    async def step(receive: Receive, send: Send) -> None:
        await start(send, code, "application/json")
        await body(send, json.dumps({"error": {"message": f"bad key {KEY}"}}).encode(), more=False)

    return step


def send_all(content: bytes, kind: str = "text/event-stream") -> Step:
    """Answer with these bytes, and end properly."""

    async def step(receive: Receive, send: Send) -> None:
        await start(send, kind=kind)
        await body(send, content, more=False)

    return step


def cut_off(content: bytes) -> Step:
    """Answer with these bytes, and drop the connection."""

    async def step(receive: Receive, send: Send) -> None:
        await start(send)
        await body(send, content)
        raise ConnectionAbortedError

    return step


def hang(content: bytes = b"") -> Step:
    """Begin an answer, and keep silent until the client leaves."""

    async def step(receive: Receive, send: Send) -> None:
        if content:
            await start(send)
            await body(send, content)
        while (await receive())["type"] != "http.disconnect":
            pass

    return step


@dataclass
class Endpoint:
    """Plays its script, one step for each request; the last one for all that follow."""

    script: list[Step]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies it was sent."""
    keys: list[str] = field(default_factory=list)
    """The Authorization headers it was sent."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, as an ASGI application."""
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        sent = b""
        while True:
            message = await receive()
            sent += message.get("body", b"")
            if not message.get("more_body"):
                break
        assert scope["path"] == "/v1/chat/completions"
        self.requests.append(json.loads(sent))
        self.keys.append(dict(scope["headers"])[b"authorization"].decode())
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        await step(receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    for done in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{done}.complete"})


@contextmanager
def serving(*script: Step) -> Iterator[Endpoint]:
    """Serve an endpoint with a script."""
    made = Endpoint([*script])
    with running(made) as url:
        made.url = f"{url}/v1"
        yield made
