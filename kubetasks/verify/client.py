"""A small HTTP client over the standard library: one kept connection, a limit on each request, no redirects."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

# A port that has just been forwarded may refuse the first connections.
ATTEMPTS: Final = 6
PAUSE: Final = 0.1
# uvicorn closes an idle connection after 5 s; a request sent at that moment would be lost.
IDLE: Final = 2.0
BIGGEST: Final = 8 * 1024 * 1024
REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


class NoAnswer(Exception):
    """The request got no answer; the message says why."""


class Stopped(BaseException):
    """The check that sends requests has to end. Raised once: what it sends to clean up goes through."""


@dataclass(frozen=True)
class Request:
    """A request below the client's base URL.

    Args:
        method: in capitals.
        path: with a leading slash, quoted.
        query: names and values to append.
        headers: as they are sent.
        body: the bytes of the body; None for no body.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def url(self) -> str:
        """Path and query."""
        if not self.query:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{urlencode(self.query)}"


@dataclass(frozen=True)
class Response:
    """An answer: status, headers with names in small letters, the bytes of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The media type without its parameters, in small letters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)


def segment(value: Any) -> str:
    """A value as one segment of a path."""
    return quote(plain(value), safe="")


def plain(value: Any) -> str:
    """A value as it is written in a URL: ``true`` and not ``True``."""
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)


class Client:
    """Sends requests to one base URL.

    Args:
        base: ``http://HOST:PORT`` or ``https://HOST:PORT``, with a path or without.
        timeout: the limit of one request, in seconds.
        stop: is set when the next request is not to be sent.
    """

    def __init__(self, base: str, timeout: float, stop: threading.Event | None = None) -> None:
        parts = urlsplit(base)
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or (443 if self.secure else 80)
        self.prefix = parts.path.rstrip("/")
        self.timeout = timeout
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0
        self._settled = False
        self._stop = stop
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(self, request: Request) -> Response:
        """Send a request and read the whole answer.

        Raises:
            NoAnswer: no connection, no answer within the limit, or one that is not HTTP.
            Stopped: the check has to end.
        """
        if self._stop is not None and self._stop.is_set() and not self._stopped:
            self._stopped = True
            raise Stopped
        deadline = time.monotonic() + self.timeout
        # Patience is for the first request alone: a server that disappears later has failed.
        attempts, self._settled = (2 if self._settled else ATTEMPTS), True
        for attempt in range(1, attempts + 1):
            last = attempt == attempts
            try:
                return self._try(request, deadline)
            except TimeoutError:
                self.close()
                raise NoAnswer(f"no answer in {self.timeout:g} s") from None
            except ConnectionRefusedError:
                self.close()
                if last:
                    raise NoAnswer("connection refused") from None
            except (http.client.RemoteDisconnected, ConnectionError) as error:
                self.close()
                # What changes something is not sent twice: the first may have arrived.
                if last or request.method not in REPEATABLE:
                    raise NoAnswer(
                        f"the connection was closed before an answer came ({type(error).__name__})"
                    ) from None
            except (http.client.HTTPException, OSError) as error:
                self.close()
                raise NoAnswer(f"no HTTP answer ({type(error).__name__}: {error})") from None
            time.sleep(PAUSE)
        raise AssertionError  # pragma: no cover  (the last attempt returns or raises)

    def _try(self, request: Request, deadline: float) -> Response:
        if self._connection is None or time.monotonic() - self._used > IDLE:
            self.close()
            made = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
            self._connection = made(self.host, self.port, timeout=self.timeout)
        connection = self._connection
        headers = {"Accept": "application/json, */*;q=0.5", "User-Agent": "kubetasks-verify", **request.headers}
        connection.request(request.method, self.prefix + request.url, body=request.body, headers=headers)
        answer = connection.getresponse()
        chunks: list[bytes] = []
        size = 0
        # A body that trickles in must not outlast the limit either.
        while chunk := answer.read1(65536):
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError
            if size > BIGGEST:
                raise http.client.HTTPException(f"the body is larger than {BIGGEST} bytes")
        # Only read() sees the end of the body: it frees the connection, and raises where the body was cut off.
        chunks.append(answer.read())
        self._used = time.monotonic()
        found = {name.lower(): value for name, value in answer.getheaders()}
        response = Response(answer.status, found, b"".join(chunks))
        if answer.will_close:
            self.close()
        return response
