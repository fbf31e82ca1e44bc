"""What every request and every answer passes: a number, the headers that keep browsers safe, one line in the log."""

import logging
import re
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.frontend.visit import secure

log = logging.getLogger("frontend.access")

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers send forms with "Origin: null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
}
PROBES = ("/", "/health")
HSTS = "max-age=31536000"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Edge:
    """The outermost layer: pure ASGI, so that streams and disconnects pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        """Put it around an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and mark and log its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        given = connection.headers.get("x-request-id", "")
        number = scope["request_id"] = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        started, status = time.perf_counter(), 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Request-ID"] = number
                if secure(connection):
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        try:
            await self._app(scope, receive, marked)
        finally:
            if status >= 400 or not status or not _quiet(scope):
                path = scope.get("raw_path", b"").decode("latin-1")[:200]
                spent = (time.perf_counter() - started) * 1000
                # 499: the browser disconnected before there was an answer.
                log.info("%s %s %s %.0f ms %s", scope["method"], path, status or 499, spent, number)


def _quiet(scope: Scope) -> bool:
    """Tell whether a request is of a kind that comes often and says little: probes and files."""
    path: str = scope["path"]
    if path.startswith("/static/"):
        return True
    return path in PROBES and not any(name == b"cookie" for name, _ in scope["headers"])
