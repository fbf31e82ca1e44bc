"""Passes the browser's requests on to the backend's API, and the answers back as they come, nothing kept in memory."""

import logging
import re

import anyio
import httpx
from starlette.datastructures import Headers as Names
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.frontend import body, csrf, visit
from app.frontend.drain import Drain
from app.frontend.renewal import Renewals, SessionEndedError
from app.frontend.upstream import SAFE, Headers, Unreachable, Upstream
from app.frontend.visit import Visit

log = logging.getLogger("frontend")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

# What the API consists of. Nothing in it needs quoting, so nothing quoted is passed on: two servers cannot read a path
# differently that has only these characters. A segment is not the name of a folder (`.`, `..`): it begins with \w or -.
_WHOLE = re.compile(rb"/api/(session|accounts|login|renew|logout)")
_OWN = re.compile(
    rb"/api/([A-Za-z0-9_-]{1,64})"
    rb"(/tasks(?:/[0-9]{1,10})?|/undo|/chat(?:/stream)?|/conversations(?:/[0-9]{1,10}(?:/messages)?)?)?"
)
_MCP = re.compile(rb"/mcp/?")

# RFC 9110, section 7.6.1: these speak of one connection and go no further.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
# What this server says itself, or no one is to say through it.
_NOT_UPSTREAM = HOP_BY_HOP | frozenset(
    b"host content-length cookie forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port "
    b"x-forwarded-prefix x-real-ip x-request-id x-csrf-token expect origin referer".split()
)
_NOT_BACK = HOP_BY_HOP | frozenset(
    b"server date set-cookie cache-control x-request-id strict-transport-security".split()
)


def end_to_end(headers: Headers, without: frozenset[bytes] = HOP_BY_HOP) -> Headers:
    """Return the headers without some, and without those that `Connection` names."""
    found = [(name.lower(), value) for name, value in headers]
    named = {each.strip().lower() for name, value in found if name == b"connection" for each in value.split(b",")}
    return [(name, value) for name, value in found if name not in without and name not in named]


class Denied(Exception):
    """A request that is not passed on."""

    def __init__(self, status: int, detail: str) -> None:
        """Say why."""
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Proxy:
    """The way from `/api/…` and `/mcp` of this origin to the backend's."""

    def __init__(self, upstream: Upstream, renewals: Renewals, drain: Drain) -> None:
        """Pass on to this backend."""
        self._upstream = upstream
        self._renewals = renewals
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; the browser's going away ends it."""
        connection = HTTPConnection(scope)
        guest = Visit(connection, self._upstream, self._renewals)
        try:
            return await self._relay(guest, scope, receive, send)
        except (Denied, body.BodyError) as error:
            # What is still to come of a body is not read: the connection is of no use any more.
            close = {"Connection": "close"} if isinstance(error, body.BodyError) else None
            answer = JSONResponse({"detail": error.detail}, error.status, close)
        except SessionEndedError:
            answer = JSONResponse({"detail": "The session has ended."}, 401, {"WWW-Authenticate": "Bearer"})
        except Unreachable as error:
            log.warning("%s %s: %s", scope["method"], scope["path"], error.why)
            answer = JSONResponse({"detail": error.detail}, error.status, {"Retry-After": str(error.retry_after)})
        except body.GoneError:
            return None
        for value in guest.cookies:
            answer.headers.append("set-cookie", value)
        return await answer(scope, receive, send)

    async def _relay(self, guest: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        method, headers = scope["method"], Names(scope=scope)
        target, by_cookie = route(guest, scope, headers)
        query: bytes = scope["query_string"]
        content = await body.read(headers, receive)
        outgoing = end_to_end(scope["headers"], _NOT_UPSTREAM) + visit.forwarded(guest.connection)
        sender = guest.send if by_cookie else self._upstream.send

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        failed: Exception | None = None  # raised at the end: a group would wrap it
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                answer = await sender(method, target + (b"?" + query if query else b""), outgoing, content)
            except (Unreachable, SessionEndedError) as error:
                failed = error
            else:
                if by_cookie and method == "DELETE" and target.count(b"/") == 2 and answer.is_success:
                    guest.end()
                try:
                    await self._pass_back(guest, answer, send)
                finally:
                    with anyio.CancelScope(shield=True):
                        await answer.aclose()
            group.cancel_scope.cancel()
        if failed:
            raise failed

    async def _pass_back(self, guest: Visit, answer: httpx.Response, send: Send) -> None:
        headers = end_to_end(answer.headers.raw, _NOT_BACK)
        headers.append((b"cache-control", b"no-store"))
        headers += [(b"set-cookie", value.encode()) for value in guest.cookies]
        if any(value.startswith("todo_refresh=") for value in guest.cookies) and guest.csrf:
            headers.append((b"x-csrf-token", guest.csrf.encode()))
        events = answer.headers.get("content-type", "").startswith("text/event-stream")
        if events:
            headers.append((b"x-accel-buffering", b"no"))  # nginx, where it is in front
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        last = b""
        with self._drain.ending(events) as ending:
            try:
                async for last in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": last, "more_body": True})
            except httpx.TransportError as error:
                # Without its end the server closes the connection, and the browser knows that something is missing.
                log.warning("%s: the backend broke off: %r", guest.connection.scope["path"], error)
                return
        if ending.cancelled_caught and last.endswith(b"\n\n"):
            await send({"type": "http.response.body", "body": self._drain.LAST_WORDS, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def route(guest: Visit, scope: Scope, headers: Names) -> tuple[bytes, bool]:
    """Return the path to ask for, and whether to ask in the name of the cookies' session.

    Raises:
        Denied: The request is not to be passed on.
    """
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    method, bearer = scope["method"], "authorization" in headers
    own = _OWN.fullmatch(path)
    if method not in METHODS:
        raise Denied(405, "Method Not Allowed")
    if _WHOLE.fullmatch(path) or (_MCP.fullmatch(path) and bearer):
        return path, False
    if _MCP.fullmatch(path):
        raise Denied(401, "A token is needed.")
    if own is None:
        raise Denied(404, "Not Found")
    if bearer:
        return path, False
    if guest.session is None:
        if own[1] == b"me":
            raise SessionEndedError
        return path, False
    if not csrf.own_site(headers):
        raise Denied(403, "The request comes from another site.")
    if method not in SAFE and not csrf.valid(guest.session.refresh, headers.get(csrf.HEADER, "")):
        raise Denied(403, "The page is too old. Load it again.")
    if own[1] == b"me":
        path = b"/api/" + guest.session.user_id.encode() + (own[2] or b"")
    return path, True
