"""The model gateway: an OpenAI-compatible server on a Unix socket, and on loopback, for the length of one command.

It serves ``POST /v1/chat/completions`` and ``GET /v1/models`` and nothing else. A tool talks to it with the word
``placeholder`` as its key; the real one is added behind it (``kubetasks.aiops.upstream``). Every process of this
machine can reach a port on loopback, so the path there begins with a word that only the tool is given.
"""

import contextlib
import hmac
import json
import secrets
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

from kubetasks.aiops.outbound import CHAT, MODELS, Outbound, Refused
from kubetasks.aiops.upstream import Wire
from kubetasks.errors import KeyRefused, KubetasksError, ModelTimeout, ModelUnreachable, QuotaExceeded, SendLimit

PLACEHOLDER: Final = "placeholder"
LARGEST_REQUEST: Final = 8 * 2**20
IDLE: Final = 60.0  # seconds that a tool may keep a connection open without a request
# What a tool sees of a failure: a status that it does not retry, except where a retry can help.
STATUS: Final = {KeyRefused: 401, QuotaExceeded: 429, ModelTimeout: 504, ModelUnreachable: 502, SendLimit: 403}


@dataclass(frozen=True)
class Doors:
    """The ways to a gateway.

    Args:
        socket: the Unix socket; the API's base path there is ``/v1``.
        url: the API's base URL on loopback; empty if none was asked for.
    """

    socket: Path
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "kubetasks", ""
    timeout = IDLE
    wbufsize = -1  # head and body in one packet
    outbound: Outbound
    base: str
    _wire: Wire | None = None

    def do_GET(self) -> None:
        """``/v1/models``."""
        if self._permitted(MODELS):
            self._forward("GET", MODELS, None)

    def do_POST(self) -> None:
        """``/v1/chat/completions``."""
        if not self._permitted(CHAT):
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            self._fail(411, "a request needs a Content-Length")
        elif int(length) > LARGEST_REQUEST:
            self._fail(413, "the request is too large")
        else:
            try:
                body = self.outbound.cleaned(self.rfile.read(int(length)))
            except Refused as refused:
                self._fail(refused.status, str(refused))
                return
            self._forward("POST", CHAT, body)

    def _permitted(self, path: str) -> bool:
        asked = self.path.partition("?")[0]
        if hmac.compare_digest(asked.encode(), f"{self.base}{path}".encode()):
            return True
        self._fail(404, "the gateway serves POST /v1/chat/completions and GET /v1/models")
        return False

    def _forward(self, method: str, path: str, body: bytes | None) -> None:
        if self._wire is None:
            self._wire = self.outbound.wire()
        begun = False
        try:
            answer = self.outbound.send(self._wire, method, path, body)
            stream = answer.headers.get_content_type() == "text/event-stream"
            for piece in self.outbound.pieces(self._wire, answer):
                if stream and not begun:
                    self._begin("text/event-stream")
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    begun = True
                if stream:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                else:
                    self._whole(200, piece)
            if begun:
                self.wfile.write(b"0\r\n\r\n")
        except KubetasksError as error:
            if begun:
                self.close_connection = True  # the end of the stream is missing, so the tool sees that it was cut
            else:
                status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 502)
                self._fail(status, error.what)

    def _begin(self, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)

    def _whole(self, status: int, body: bytes) -> None:
        self._begin("application/json", status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, status: int, why: str) -> None:
        """An error in the protocol's form. The endpoint's own words stay out of it: they may repeat the key."""
        self.close_connection = True
        self._whole(status, json.dumps({"error": {"message": why, "type": "kubetasks_gateway"}}).encode())

    def finish(self) -> None:
        """Close the connection to the endpoint, too."""
        if self._wire is not None:
            self._wire.close()
        super().finish()

    def address_string(self) -> str:
        """A Unix socket's peer has no address."""
        return ""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are recorded before they are sent, and nowhere else."""


class _Quiet(socketserver.ThreadingMixIn):
    """Threads that end with the command; a tool that hangs up is no error."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The tool hung up, or sent something that is not HTTP."""


class _UnixServer(_Quiet, socketserver.UnixStreamServer):
    """On a Unix socket."""


class _LoopbackServer(_Quiet, socketserver.TCPServer):
    """On a free port of 127.0.0.1."""


@contextlib.contextmanager
def opened(outbound: Outbound, folder: Path, *, loopback: bool = False) -> Iterator[Doors]:
    """Serve until the block ends.

    Args:
        outbound: sends what comes in.
        folder: a private folder for the socket; its path has at most 90 characters.
        loopback: also listen on 127.0.0.1, for a tool that runs outside the sandbox.
    """
    path = folder / "model.sock"
    with contextlib.ExitStack() as stack:
        unix = stack.enter_context(_UnixServer(str(path), _handler(outbound, "/v1")))
        path.chmod(0o600)
        stack.callback(path.unlink, missing_ok=True)
        _serve(stack, unix)
        url = ""
        if loopback:
            base = f"/{secrets.token_urlsafe(24)}/v1"
            tcp = stack.enter_context(_LoopbackServer(("127.0.0.1", 0), _handler(outbound, base, tcp=True)))
            _serve(stack, tcp)
            url = f"http://127.0.0.1:{tcp.server_address[1]}{base}"
        yield Doors(path, url)


def _handler(outbound: Outbound, base: str, *, tcp: bool = False) -> type[_Handler]:
    # The end of a stream is its own packet; it must not wait until the tool has acknowledged the one before.
    return type("Handler", (_Handler,), {"outbound": outbound, "base": base, "disable_nagle_algorithm": tcp})


def _serve(stack: contextlib.ExitStack, server: socketserver.BaseServer) -> None:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stack.callback(server.shutdown)
