"""An OpenAI-compatible endpoint that answers from a script and keeps every byte that it was sent."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-live-0123456789abcdefghijklmnop"


@dataclass(frozen=True)
class Raw:
    """An answer as it is: status, type, body; ``hang``: seconds before it."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"


@dataclass(frozen=True)
class Say:
    """Words, and calls of functions: name and arguments."""

    text: str = ""
    calls: Sequence[tuple[str, dict[str, Any]]] = ()


Turn = Raw | Say | Callable[[dict[str, Any]], "Raw | Say"]


@dataclass
class Model:
    """What the endpoint answers next, and what it was sent.

    Args:
        script: one answer after the other; the last one again and again.
        received: the requests: method, path, headers, body.
        hanging: set it to let an answer of ``HANG`` go on.
    """

    script: list[Turn] = field(default_factory=lambda: [Say("All is well.")])
    received: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for method, _, _, body in self.received if method == "POST"]

    @property
    def everything(self) -> bytes:
        """Every byte that was sent but the key where it belongs."""
        return b"\n".join(
            b"%s %s\n%s\n%s"
            % (
                method.encode(),
                path.encode(),
                "\n".join(f"{name}: {value}" for name, value in headers.items() if name != "Authorization").encode(),
                body,
            )
            for method, path, headers, body in self.received
        )

    def next(self, body: dict[str, Any]) -> Raw | Say:
        turn = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return turn(body) if callable(turn) else turn


HANG = Raw(status=-1)
CUT = Raw(status=-2)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model: Model

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.model.received.append(("GET", self.path, dict(self.headers.items()), b""))
        self._send(200, "application/json", json.dumps({"object": "list", "data": [{"id": "m"}]}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.model.received.append(("POST", self.path, dict(self.headers.items()), body))
        document = json.loads(body)
        turn = self.model.next(document)
        if isinstance(turn, Raw):
            if turn is HANG:
                self.model.hanging.wait(60)
                self.close_connection = True
            elif turn is CUT:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {")
                self.close_connection = True
            else:
                self._send(turn.status, turn.kind, turn.body)
        elif document.get("stream"):
            self._send(200, "text/event-stream", streamed(turn))
        else:
            self._send(200, "application/json", json.dumps({"choices": [{"message": message(turn)}]}).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def message(turn: Say) -> dict[str, Any]:
    calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(turn.calls)
    ]
    return {"role": "assistant", "content": turn.text} | ({"tool_calls": calls} if calls else {})


def streamed(turn: Say) -> bytes:
    """Server-sent events: one chunk for each word, one for each call."""
    deltas: list[dict[str, Any]] = [{"content": word + " "} for word in turn.text.split(" ") if word]
    for index, call in enumerate(message(turn).get("tool_calls", [])):
        deltas.append({"tool_calls": [{"index": index, **call}]})
    chunks = [json.dumps({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    return "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"]).encode()


@contextlib.contextmanager
def serving(model: Model) -> Iterator[Model]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"model": model}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield model
    finally:
        model.hanging.set()
        server.shutdown()
        server.server_close()


def kubectl(command: str) -> tuple[str, dict[str, Any]]:
    """A call of kubectl-ai's tool."""
    return "kubectl", {"command": command, "modifies_resource": "no"}


def bash(command: str) -> tuple[str, dict[str, Any]]:
    """A call of kubectl-ai's other tool."""
    return "bash", {"command": command, "modifies_resource": "no"}
