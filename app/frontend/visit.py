"""One request of a browser's: its session, and what it asks of the backend in the session's name."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.requests import HTTPConnection

from app.frontend import csrf, session
from app.frontend.renewal import Renewals, SessionEndedError
from app.frontend.session import Session
from app.frontend.upstream import Headers, Unreachable, Upstream

_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{1,45}")


class Refused(Exception):
    """The backend answered, and not with what was asked for."""

    def __init__(
        self, status: int, detail: Any = "", retry_after: int | None = None, task: dict[str, Any] | None = None
    ) -> None:
        """Keep what it said; with a conflict, the task as it is."""
        super().__init__(f"status {status}")
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.task = task


class Visit:
    """A request's session. It is renewed when need be; `cookies` then tells the browser."""

    def __init__(self, connection: HTTPConnection, upstream: Upstream, renewals: Renewals) -> None:
        """Read the request's cookies."""
        self.connection = connection
        self.session = session.read(connection.cookies)
        self.secure = secure(connection)
        self._upstream = upstream
        self._renewals = renewals
        self._cookies: dict[str, str] = {}

    @property
    def cookies(self) -> list[str]:
        """The Set-Cookie headers for the answer."""
        return list(self._cookies.values())

    @property
    def csrf(self) -> str:
        """What forms of this session carry; empty without a session."""
        return csrf.token(self.session.refresh) if self.session else ""

    def set_cookie(self, name: str, value: str, seconds: float, *, script: bool = False) -> None:
        """Give the browser a cookie with the answer."""
        self._cookies[name] = session.cookie(name, value, seconds, secure=self.secure, script=script)

    def begin(self, made: Session) -> None:
        """Give the browser a session."""
        self._keep(session.given(made, secure=self.secure))
        self.session = made

    def end(self) -> None:
        """Take the browser's session away."""
        self._keep(session.ended(secure=self.secure))
        self.session = None

    def _keep(self, cookies: list[str]) -> None:
        self._cookies.update({each.partition("=")[0]: each for each in cookies})

    async def renew(self) -> Session:
        """Get a new access token.

        Raises:
            SessionEndedError: There is no session, or it is over; the browser's cookies are removed.
            Unreachable: The backend gave no answer.
        """
        before = self.session
        if before is None:
            raise SessionEndedError
        try:
            renewed = await self._renewals.renew(before)
        except SessionEndedError:
            self.end()
            raise
        self._keep(session.given(renewed, secure=self.secure, refresh=renewed.refresh != before.refresh))
        self.session = renewed
        return renewed

    async def send(self, method: str, target: bytes, headers: Headers, body: bytes = b"") -> httpx.Response:
        """Send a request as the session's user; see `Upstream.send`. An expired session is renewed once.

        Raises:
            SessionEndedError: The session is over.
            Unreachable: The backend gave no answer.
        """
        current = self.session
        if current is None:
            raise SessionEndedError
        if current.access is not None:
            answer = await self._upstream.send(method, target, [*headers, _bearer(current)], body)
            if answer.status_code != 401:
                return answer
            await answer.aclose()  # revoked, or signed with a key that has been replaced
        renewed = await self.renew()
        answer = await self._upstream.send(method, target, [*headers, _bearer(renewed)], body)
        if answer.status_code == 401:
            await answer.aclose()
            self.end()
            raise SessionEndedError
        return answer

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, Any] | None = None,
        headers: Headers | None = None,
        own: bool = True,
        bearer: bool | None = None,
    ) -> Any:
        """Ask the backend's API; return its JSON, None for an empty answer.

        Args:
            method: the HTTP method.
            path: below /api; with `own`, below the user's own /api/{user_id}.
            body: sent as JSON.
            query: parameters; None is left out.
            headers: more headers.
            own: whether it is about the session's user.
            bearer: whether the session's user asks; the same as `own` unless given.

        Raises:
            Refused: The answer is an error.
            SessionEndedError: The session is over.
            Unreachable: There is no answer.
        """
        pairs = {name: value for name, value in (query or {}).items() if value is not None}
        all_headers = [*forwarded(self.connection), (b"accept", b"application/json"), *(headers or [])]
        content = b""
        if body is not None:
            all_headers.append((b"content-type", b"application/json"))
            content = json.dumps(body).encode()
        base = f"/api/{self.session.user_id}" if own and self.session else "/api"
        target = (base + path + ("?" + urlencode(pairs) if pairs else "")).encode()
        send = self.send if (own if bearer is None else bearer) else self._upstream.send
        return await read(await send(method, target, all_headers, content))


def _bearer(session: Session) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + (session.access or "").encode()


async def read(answer: httpx.Response) -> Any:
    """Return an answer's JSON.

    Raises:
        Refused: It is an error.
        Unreachable: It was interrupted, or is not valid JSON.
    """
    try:
        text = await answer.aread()
        found = json.loads(text) if text else None
    except (httpx.TransportError, ValueError) as error:
        raise Unreachable(502, "The server broke off its answer.", f"unreadable answer: {error!r}") from error
    finally:
        await answer.aclose()
    if answer.is_success:
        return found
    said = found if isinstance(found, dict) else {}
    wait = answer.headers.get("retry-after", "")
    after = int(wait) if wait.isascii() and wait.isdigit() else None
    raise Refused(answer.status_code, said.get("detail", ""), after, said.get("task"))


def secure(connection: HTTPConnection) -> bool:
    """Tell whether the browser came by https. Who claims so falsely only keeps cookies from themselves."""
    return "https" in {connection.url.scheme, connection.headers.get("x-forwarded-proto", "").partition(",")[0].strip()}


def forwarded(connection: HTTPConnection) -> Headers:
    """Return the headers that tell the backend who asks.

    The address is the one that the server (uvicorn) made out, which believes X-Forwarded-For only from the addresses in
    FORWARDED_ALLOW_IPS; what a visitor sent under that name is not passed on.
    """
    made = [(b"x-forwarded-proto", b"https" if secure(connection) else b"http")]
    if connection.client and _ADDRESS.fullmatch(connection.client.host):
        made.append((b"x-forwarded-for", connection.client.host.encode()))
    if "request_id" in connection.scope:
        made.append((b"x-request-id", connection.scope["request_id"].encode()))
    return made
