"""An OpenAI-compatible endpoint that follows a script, and keeps every request."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Tool = tuple[str, dict[str, Any]]
# What the model does next: call a tool or several, say something, or wait for so many seconds.
Step = Tool | list[Tool] | str | float


@dataclass
class Endpoint:
    """What was asked, and what is answered."""

    steps: list[Step]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def results(self) -> list[str]:
        """The results of tools that the model was given, in their order."""
        messages = self.requests[-1]["messages"] if self.requests else []
        return [str(message["content"]) for message in messages if message["role"] == "tool"]

    def next(self) -> dict[str, Any]:
        step = self.steps.pop(0) if self.steps else "there is nothing more to say"
        if isinstance(step, float):
            time.sleep(step)
            step = "too late"
        if isinstance(step, str):
            return {"role": "assistant", "content": step}
        calls = []
        for number, (name, arguments) in enumerate(step if isinstance(step, list) else [step]):
            function = {"name": name, "arguments": json.dumps(arguments)}
            calls.append({"id": f"call_{len(self.requests)}_{number}", "type": "function", "function": function})
        return {"role": "assistant", "content": None, "tool_calls": calls}


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice], "usage": usage,
    }  # fmt: skip


def _chunks(message: dict[str, Any]) -> Iterator[bytes]:
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    for part, reason in ((delta, None), ({}, "tool_calls" if calls else "stop")):
        choice = {"index": 0, "delta": part, "finish_reason": reason}
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"


@contextlib.contextmanager
def scripted(steps: Sequence[Step]) -> Iterator[Endpoint]:
    """The endpoint, while the block lasts."""
    endpoint = Endpoint(list(steps))

    def chat(handler: "Handler", body: dict[str, Any]) -> None:
        endpoint.requests.append(body)
        endpoint.headers.append({name.lower(): value for name, value in handler.headers.items()})
        message = endpoint.next()
        if body.get("stream"):
            handler.answer(b"".join(_chunks(message)), "text/event-stream")
        else:
            handler.answer(json.dumps(_completion(message)).encode(), "application/json")

    with served({"/v1/chat/completions": chat}) as url:
        endpoint.url = f"{url}/v1"
        yield endpoint


Route = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """Hands a request to its route: the longest path that it begins with."""

    protocol_version = "HTTP/1.1"
    routes: dict[str, Route]

    def answer(self, data: bytes, kind: str = "application/json", status: int = 200) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def handle_any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        for path in sorted(self.routes, key=len, reverse=True):
            if self.path.startswith(path):
                self.routes[path](self, body)
                return
        self.answer(b'{"error": true, "message": "not found"}', status=404)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextlib.contextmanager
def served(routes: dict[str, Route]) -> Iterator[str]:
    """An HTTP server on loopback, while the block lasts; yields its URL."""
    handler = type("Routes", (Handler,), {"routes": routes})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
