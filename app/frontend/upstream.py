"""The one way to the backend: a pool of connections, and what its failures are called."""

from dataclasses import dataclass

import httpx

# Well below the 30 s after which the backend closes an idle connection, the 5 s of uvicorn by itself, and the 5 s for
# which a stopping backend drains: otherwise, now and then, a request goes out on a connection that is being closed.
KEEP_ALIVE_SECONDS = 2.5
# A stream has a comment every 10 s at least; an answer that does not stream may take a model's whole time limit.
TIMEOUTS = {"connect": 3.0, "read": 60.0, "write": 20.0, "pool": 5.0}
CONNECTIONS = 500  # each open stream is one
IDLE_CONNECTIONS = 100

SAFE = frozenset({"GET", "HEAD"})
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

Headers = list[tuple[bytes, bytes]]


@dataclass
class Unreachable(Exception):
    """The backend gave no answer. `why` is for the log; a visitor never sees an address."""

    status: int
    detail: str
    why: str
    retry_after: int = 2

    def __str__(self) -> str:
        """Say why."""
        return self.why


class Upstream:
    """The backend, as this process reaches it."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make it; nothing is connected yet. A path in `url` goes before every path asked for."""
        self._base = httpx.URL(url)
        self._path = self._base.raw_path.rstrip(b"/")
        limits = httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_SECONDS
        )
        # The transport alone, without httpx's client: no cookies that one visitor's answer would leave for another's
        # request, no headers of its own, no redirects, no proxy of the environment. One retry, of connecting only.
        self._transport = transport or httpx.AsyncHTTPTransport(limits=limits, retries=1, trust_env=False)

    async def send(self, method: str, target: bytes, headers: Headers, body: bytes = b"") -> httpx.Response:
        """Send a request; return the answer once its headers have arrived. Who calls it closes it.

        Args:
            method: the HTTP method.
            target: path and query, quoted.
            headers: without those that speak of the connection or the length.
            body: the whole body.

        A kept connection may be closing as the request goes out on it (a backend that ends, or answers 500): what does
        no harm when it is done twice is then sent once more.

        Raises:
            Unreachable: There is no answer.
        """
        repeatable = method in SAFE or any(name.lower() == b"idempotency-key" for name, _ in headers)
        try:
            url = self._base.copy_with(raw_path=self._path + target)
            request = httpx.Request(
                method, url, headers=headers, content=body or None, extensions={"timeout": TIMEOUTS}
            )
            try:
                return await self._transport.handle_async_request(request)
            except BROKEN_OFF:
                if not repeatable:
                    raise
                return await self._transport.handle_async_request(request)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise failure(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()


def failure(error: Exception) -> Unreachable:
    """Give a failure to get an answer its status and its sentence."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return Unreachable(502, "The server cannot be reached just now.", f"no connection: {error!r}")
        case httpx.PoolTimeout():
            return Unreachable(503, "There are too many requests just now.", "no connection was free in time")
        case httpx.TimeoutException():
            return Unreachable(504, "The server has not answered in time.", f"no answer in time: {error!r}")
        case _:
            return Unreachable(502, "The server broke off its answer.", f"broken off: {error!r}")
