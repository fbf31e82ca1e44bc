"""The end of the process: streams that are still open are notified and closed before the server's timeout."""

import asyncio
import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import anyio


class Drain:
    """Open event streams, and when to end them.

    After SIGTERM the server drains, then takes no more requests and waits for those it has. A stream has that time and
    a while longer to come to its own end. Then the browser is asked to retry, with the same key, and gets another
    process.
    """

    LAST_WORDS = (
        b"event: error\ndata: %s\n\n"
        % json.dumps({"status": 503, "detail": "The server is being replaced. Try again.", "retry_after": 1}).encode()
    )

    def __init__(self, seconds: float) -> None:
        """Give streams this long after SIGTERM."""
        self._seconds = seconds
        self._open: set[anyio.CancelScope] = set()
        self._ended = False

    @contextlib.contextmanager
    def ending(self, events: bool) -> Iterator[anyio.CancelScope]:
        """Be ended in here, if these are events, when the time has come."""
        with anyio.CancelScope() as scope:
            if events:
                self._open.add(scope)
                if self._ended:
                    scope.cancel()
            try:
                yield scope
            finally:
                self._open.discard(scope)

    def begin(self) -> None:
        """Start the time running."""
        asyncio.get_running_loop().call_later(self._seconds, self._end)

    def _end(self) -> None:
        self._ended = True
        for scope in list(self._open):
            scope.cancel()

    @contextlib.contextmanager
    def on_sigterm(self) -> Iterator[None]:
        """Begin at SIGTERM, before the server's own handler, as long as this lasts."""
        before = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(before):
            yield  # only a main thread has signals, and only a server handles them
            return
        loop = asyncio.get_running_loop()

        def on_signal(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin)
            before(number, frame)

        signal.signal(signal.SIGTERM, on_signal)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
