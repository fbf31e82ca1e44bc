"""The model's endpoint: one connection to it, and the error for each way in which it can fail."""

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from kubetasks.errors import KeyRefused, ModelError, ModelFailed, ModelTimeout, ModelUnreachable, QuotaExceeded
from kubetasks.redact import Sensitive

CONNECT: Final = 15.0  # seconds
# A server may close a connection that is idle; one that was idle for longer is not used again.
IDLE: Final = 2.0
LARGEST_ERROR: Final = 65_536
ENDPOINT_FIX: Final = "see setting aiops.endpoint: the base URL of an OpenAI-compatible API, most often ending in /v1"


@dataclass(frozen=True)
class Endpoint:
    """Where the model is.

    Args:
        url: the base URL of an OpenAI-compatible API.
        model: the model's name; it replaces whatever a tool asks for.
        key: the key; None if the endpoint needs none.
        key_secret: the name of the secret that holds it, for messages.
        proxy: the URL of the HTTP proxy to reach it through; empty for none.
    """

    url: str
    model: str
    key: Sensitive | None = None
    key_secret: str = ""
    proxy: str = ""

    def at(self, path: str) -> str:
        """The URL of a call: ``/chat/completions`` or ``/models``."""
        return self.url.rstrip("/") + path

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc


@dataclass
class Clock:
    """The time that is left for a question, in seconds."""

    limit: float
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Never below zero."""
        return max(self.limit - (time.monotonic() - self.began), 0.0)


@dataclass
class Wire:
    """A connection to the endpoint, used again for the next request while it is fresh. For one thread."""

    endpoint: Endpoint
    clock: Clock
    _connection: http.client.HTTPConnection | None = None
    _idle_since: float = 0.0

    def ask(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        """Send a request and return the answer, whose status is 200 and whose body has not been read.

        Raises:
            ModelError: the endpoint did not answer, or answered with an error.
        """
        try:
            answer = self._send(method, path, body)
            if answer.status == 200:
                return answer
            text = answer.read(LARGEST_ERROR).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self.failure(error) from None
        self.close()
        raise refusal(answer.status, text, self.endpoint)

    def done(self) -> None:
        """The answer was read to its end; the connection may be used again."""
        self._idle_since = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def wait(self) -> None:
        """Give the next read what is left of the time.

        Raises:
            ModelTimeout: nothing is left.
        """
        if not self.clock.left:
            raise self.late()
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            sock.settimeout(self.clock.left)

    def _send(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        if not self.clock.left:
            raise self.late()
        if self._connection is not None and time.monotonic() - self._idle_since < IDLE:
            try:
                return self._exchange(self._connection, method, path, body)
            except (ConnectionError, http.client.RemoteDisconnected):
                pass  # it was closed in the meantime
        self.close()
        self._connection = self._connect()
        return self._exchange(self._connection, method, path, body)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json, text/event-stream", "Accept-Encoding": "identity"}
        headers["User-Agent"] = "kubetasks"
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self.endpoint.key.reveal()}"
        self.wait()
        connection.request(method, urlsplit(self.endpoint.at(path)).path, body, headers)
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint.url)
        secure, limit = parts.scheme == "https", min(CONNECT, self.clock.left)
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        way = urlsplit(self.endpoint.proxy)
        first = (way.hostname or "", way.port or 80) if self.endpoint.proxy else (host, port)
        connection: http.client.HTTPConnection
        if secure:
            connection = http.client.HTTPSConnection(*first, timeout=limit, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(*first, timeout=limit)
        if self.endpoint.proxy:
            connection.set_tunnel(host, port, headers=_proxy_login(self.endpoint.proxy))
        try:
            connection.connect()
        except TimeoutError:
            why = f"it did not accept a connection within {limit:g} s"
            raise ModelUnreachable(f"no connection to {self.endpoint.host}", why=why, fix=ENDPOINT_FIX) from None
        if connection.sock is not None:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def failure(self, error: Exception) -> ModelError:
        """The error for a request that got no complete answer."""
        if isinstance(error, TimeoutError):
            return self.late()
        what = f"no connection to {self.endpoint.host}"
        if isinstance(error, ssl.SSLCertVerificationError):
            return ModelUnreachable(what, why=f"its certificate is rejected: {error.verify_message}", fix=ENDPOINT_FIX)
        if isinstance(error, http.client.IncompleteRead):
            return ModelUnreachable(what, why="it was lost during the answer", fix="ask again")
        if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
            return ModelFailed(f"{self.endpoint.host} does not speak HTTP", fix=ENDPOINT_FIX)
        return ModelUnreachable(what, why=getattr(error, "strerror", None) or str(error), fix=ENDPOINT_FIX)

    def late(self) -> ModelTimeout:
        """The error when the time is up."""
        return ModelTimeout(
            f"the model did not answer within {self.clock.limit:g} s", fix="ask again, or raise setting aiops.timeout"
        )


def _proxy_login(url: str) -> dict[str, str]:
    """The header with the user and password that a proxy's URL has."""
    import base64  # noqa: PLC0415
    from urllib.parse import unquote  # noqa: PLC0415

    parts = urlsplit(url)
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(login.encode()).decode()}


def refusal(status: int, body: str, endpoint: Endpoint) -> ModelError:
    """The error for an error response. Its body is quoted in one line; the console hides secrets."""
    said = message(body)
    what = f"{endpoint.host} answered with status {status}"
    if status in {401, 403}:
        fix = f"set the secret {endpoint.key_secret} to a key that is valid there"
        return KeyRefused(f"{endpoint.host} does not accept the key (status {status})", why=said, fix=fix)
    if status in {402, 429}:
        fix = "wait and ask again, or look at the account's limits and credit"
        return QuotaExceeded(f"{endpoint.host} rejects more requests (status {status})", why=said, fix=fix)
    if status in {404, 405} or 300 <= status < 400:
        return ModelFailed(what, why=said, fix=ENDPOINT_FIX)
    if status >= 500:
        return ModelFailed(what, why=said, fix="ask again later")
    return ModelFailed(what, why=said, fix="see settings aiops.model and aiops.endpoint")


def message(body: str) -> str:
    """What an error's body says, in one line of at most 200 characters."""
    from kubetasks.diagnose.words import one_line  # noqa: PLC0415

    try:
        held = json.loads(body)
    except ValueError:
        return "" if "<" in body else one_line(body, 200)
    error = held.get("error", held) if isinstance(held, dict) else held
    said = error.get("message", "") if isinstance(error, dict) else error
    return one_line(said if isinstance(said, str) else "", 200)
