"""A connection with limits on what a client may send and hold.

uvicorn with httptools reads a request's head, its trailers and its pipelined successors without any limit, and waits
for them without any time limit. Here the answer is 431, 414 or 408, and the end of the connection.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

if sys.platform != "win32":
    import resource

HEAD_BYTES = 16 * 1024
"""The largest request line with all header fields. Node.js has the same limit."""
HEAD_FIELDS = 100
URL_BYTES = 8 * 1024
FRAMING_BYTES = 8
"""How much chunk framing a byte of a body may bring along: one-byte chunks have 5 bytes of it."""
PIPELINED = 16
"""How many requests of one connection may wait for their turn."""
UNREAD_BYTES = 128 * 1024
"""How much of a body may still come after its request has been answered. The application's own limit is 64 KiB."""
SLICE = 16 * 1024
"""How many bytes are parsed at a time: uvloop reads 256 KiB at once, and the parser keeps what has no end yet."""
CONNECTIONS = 1000
"""Open connections of one process. When there are more, the one that has been idle longest is closed."""
HEAD_SECONDS = 10.0
"""From a request's first byte to the end of its head."""
REQUEST_SECONDS = 30.0
"""From the end of a request's head to the end of its body. The application's own limit may be shorter."""
IDLE_SECONDS = 30
"""How long a connection may wait for a request. The frontend's own connections to the backend wait 2.5 s at most."""
WRITE_SECONDS = 60.0
"""How long a client may leave an answer unread."""
LINGER_SECONDS = 1.0
"""After draining, how long a connection stays open whose last answer did not say that it would close."""


class State(ServerState):
    """What the connections of a server share."""

    draining = False


class Limited(HttpToolsProtocol):
    """A connection with limits on bytes, fields, requests and time."""

    server_state: "State"

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """See `HttpToolsProtocol`."""
        super().__init__(*args, **keywords)
        self._status = HTTPStatus.BAD_REQUEST  # to refuse with, once the parser has failed
        self._in_head = self._in_message = False
        self._head = self._fields = 0  # bytes and fields that the parser has found, of the message being parsed
        self._fed = self._body = 0  # bytes given to the parser since the last message ended, and those of the body
        self._running: RequestResponseCycle | None = None
        self._since = 0.0  # when the client had to send something last
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    # What a connection goes through

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Start with a time limit, and make room for this connection if there are too many."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._limit_time(IDLE_SECONDS)
        if len(self.connections) > most_connections():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every timer."""
        self._limit_time(None)
        self._written()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse what is over a limit."""
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing():
                return
            self._parse(data[start : start + SLICE])

    def _parse(self, data: bytes) -> None:
        if not self._fed:
            self._since = self.loop.time()
            self._limit_time(HEAD_SECONDS)
        self._fed += len(data)
        super().data_received(data)
        if self.transport.is_closing() or not self._fed:
            return
        if self._fed > HEAD_BYTES + SLICE and (self._in_head or not self._in_message):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._fed > 2 * HEAD_BYTES + (1 + FRAMING_BYTES) * (self._body + 1):
            self._refuse(HTTPStatus.BAD_REQUEST)  # trailers or chunk extensions without end
        elif self._body > UNREAD_BYTES and not self._answering:
            self.transport.close()

    # What the parser finds

    def on_message_begin(self) -> None:
        """Begin to count."""
        if not self._fed:  # it follows another one within the bytes being parsed: they count for that one
            self._fed = 1
            self._limit_time(HEAD_SECONDS)
        self._in_head = self._in_message = True
        self._head = self._fields = self._body = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._count(len(url))
        if len(self.url) + len(url) > URL_BYTES:
            self._fail(HTTPStatus.REQUEST_URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or a trailer field."""
        self._count(len(name) + len(value) + 4)  # ": " and CR LF
        self._fields += 1
        if self._fields > HEAD_FIELDS:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, for the last time on this connection if the server is stopping."""
        if len(self.pipeline) >= PIPELINED:
            self._fail(HTTPStatus.TOO_MANY_REQUESTS)
        self._in_head = False
        self._limit_time(REQUEST_SECONDS)
        super().on_headers_complete()
        if self.server_state.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here; how long its answer takes is the application's affair."""
        self._in_message = False
        self._fed = 0
        self._limit_time(None)
        super().on_message_complete()

    # Refusing

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser has stopped at, as the limit says that it ran into."""
        self._refuse(self._status)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > HEAD_BYTES:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _fail(self, status: HTTPStatus) -> None:
        """Stop the parser within one of its callbacks."""
        self._status = status
        raise httptools.HttpParserError(status.phrase)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer the request that is being parsed with a refusal, and close the connection."""
        self._limit_time(None)
        if self.pipeline or (self._answering and (self._in_head or self.cycle.response_started)):
            self.abort()  # an earlier request has no whole answer yet: the refusal would be taken for its own
            return
        if not self._in_head and not self._answering and self._in_message:  # it has its answer
            self.transport.close()
            return
        self._disconnect()
        body = b'{"detail":"%s"}' % status.phrase.encode()
        head = b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, status.phrase.encode(), len(body)) + body)
        self.transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._disconnect()
        self.transport.abort()

    def _disconnect(self) -> None:
        """Let the application write nothing more: uvloop raises an error where a connection is closed already."""
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # Time

    def _limit_time(self, seconds: float | None) -> None:
        """Give the client this long for what it is about to send."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._in_message:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        """The client does not read: wait for a while."""
        super().pause_writing()
        self._written()
        self._unread = self.loop.call_later(WRITE_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._written()
        super().resume_writing()

    def _written(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # Room, and the end

    @property
    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete  # None before the first request

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def _make_room(self) -> None:
        """Close the connection that has been waiting longest for a request, or for the rest of one."""
        others = [each for each in self.connections if isinstance(each, Limited) and each is not self]
        waiting = [each for each in others if each.waits]
        min(waiting, key=lambda each: each.since, default=self).abort()

    @property
    def waits(self) -> bool:
        """Whether the client has to send something."""
        return not self._answering or self._in_message

    @property
    def since(self) -> float:
        """Since when, by the event loop's clock."""
        return self._since

    def drain(self) -> None:
        """Answer what is under way, and say that the connection closes then; an answer that has begun cannot say it."""
        if self._answering and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close at the next opportunity: at once where no request is under way."""
        if self._answering and self.cycle.response_started and self.cycle.keep_alive:
            self.timeout_keep_alive = LINGER_SECONDS  # type: ignore[assignment]  # a float will do
        else:
            super().shutdown()


def most_connections() -> int:
    """Return how many connections to hold: each is an open file, and may need another one to the next server."""
    if sys.platform == "win32":
        return CONNECTIONS
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft // 2))
