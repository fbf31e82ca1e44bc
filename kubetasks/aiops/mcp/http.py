"""The MCP server over HTTP, on loopback alone: every request has the token, a local Host, and no foreign Origin."""

import contextlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from kubetasks.aiops.mcp.server import Server
from kubetasks.errors import PortInUse
from kubetasks.redact import Sensitive

HOST: Final = "127.0.0.1"
PATH: Final = "/mcp"
LARGEST_BODY: Final = 256 * 1024  # bytes of one request
MOST_SESSIONS: Final = 32

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Guarded:
    """An ASGI application that answers 401 without the token, before anything of the request is read.

    Args:
        app: the application behind it.
        token: the bearer token.
    """

    def __init__(self, app: App, token: Sensitive) -> None:
        self.app = app
        self._wanted = f"bearer {token.reveal()}".encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not self._allowed(scope):
            body = json.dumps({"error": "give the token: Authorization: Bearer TOKEN"}).encode()
            headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        if len(given) != 1:
            return False
        scheme, _, token = given[0].partition(b" ")
        # Constant time, whatever was sent.
        return hmac.compare_digest(scheme.lower() + b" " + token.strip(), self._wanted)


def application(server: Server, token: Sensitive, port: int) -> Guarded:
    """The ASGI application.

    Args:
        server: the tools.
        token: the bearer token.
        port: the port that it is reached at; a request's Host has to name it.
    """
    hosts = [f"{HOST}:{port}", f"localhost:{port}"]
    app = server.mcp.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=LARGEST_BODY,
        max_sessions=MOST_SESSIONS,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=hosts,
            allowed_origins=[f"http://{host}" for host in hosts],
        ),
    )
    return Guarded(app, token)


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket that listens on loopback.

    Args:
        port: 0 selects a free one.

    Raises:
        PortInUse: another program listens there.
    """
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise PortInUse(
                f"port {port} of {HOST} cannot be used", why=error.strerror or "", fix="choose another: --port PORT"
            ) from None
        listener.listen(64)
        yield listener


async def serve(server: Server, token: Sensitive, listener: socket.socket) -> None:
    """Answer until cancelled or interrupted."""
    app = application(server, token, listener.getsockname()[1])
    configuration = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=5, server_header=False
    )
    await uvicorn.Server(configuration).serve(sockets=[listener])
