"""Passes requests on to the backend and its answers back, both as they come, nothing kept in memory."""

import logging
from collections.abc import Iterable
from typing import Any

import anyio
import httpx
from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.frontend import session, upstream

log = logging.getLogger("frontend")

# RFC 9110, section 7.6.1: these speak of one connection and go no further.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
Headers = list[tuple[bytes, bytes]]


class Relay(StreamingResponse):
    """An answer of the backend on its way to the browser; whatever happens, its connection is given back."""

    def __init__(self, answer: httpx.Response) -> None:
        """Pass on the status, the headers and the bytes as they are, compressed or not."""
        super().__init__(answer.aiter_raw(), answer.status_code)
        # This server names itself and says the time.
        self.raw_headers = [each for each in end_to_end(answer.headers.raw) if each[0] not in {b"server", b"date"}]
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; end as soon as the browser goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._answer.aclose()


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers without those that speak of the connection, the ones that `Connection` names included."""
    found = [(name.lower(), value) for name, value in headers]
    named = {each.strip().lower() for name, value in found if name == b"connection" for each in value.split(b",")}
    return [(name, value) for name, value in found if name not in HOP_BY_HOP and name not in named]


def outgoing_headers(request: Request) -> Headers:
    """Return what the backend is told: no cookies, and the session's token where the browser sent its cookie."""
    headers = end_to_end(request.headers.raw)
    known = {name for name, _ in headers}
    if b"authorization" not in known:
        token = session.token(request)
        if token:
            headers.append((b"authorization", b"Bearer " + token.encode("latin-1")))
    return [(name, value) for name, value in headers if name not in {b"cookie", b"host"}]


async def relay(request: Request) -> Response:
    """Pass one request on."""
    client: httpx.AsyncClient = request.app.state.client
    # The path as it was sent, still quoted: another service is to decode it.
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    base = client.base_url
    url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + path + (b"?" + query if query else b""))
    body: dict[str, Any] = {}
    if "content-length" in request.headers or "transfer-encoding" in request.headers:
        body["content"] = request.stream()
    outgoing = client.build_request(request.method, url, headers=outgoing_headers(request), **body)
    try:
        answer = await client.send(outgoing, stream=True)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        status, why = upstream.reason(str(base), error)
        log.warning("%s %s: %s", request.method, request.url.path, why)
        return JSONResponse({"detail": why}, status)
    return Relay(answer)
