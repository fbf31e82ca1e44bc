"""SIGTERM: readiness goes down; after draining, streams are notified, work in flight finishes, and the process ends.

While the server drains, it answers everything as before, including streams. `/ready` fails immediately, which tells a
load balancer that uses it. `/health`, which the pods' probes use, still succeeds: if every pod of a Service is
terminating, kube-proxy still sends requests to those that are healthy.

uvicorn ends an application's lifespan after all connections are closed, and an open stream would keep its one open: so
the signal itself is listened to, on top of uvicorn's own handler.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType

from app.backend.readiness import Readiness
from app.backend.turns.live import Turns

SIGNALS = (signal.SIGTERM, signal.SIGINT)
MARGIN_SECONDS = 1.0
"""What of the limit is left for closing connections and the database."""


@asynccontextmanager
async def graceful(readiness: Readiness, turns: Turns, seconds: float, drain: float = 0.0) -> AsyncIterator[None]:
    """Run an application; at a signal, or at the end of the block, let its work finish.

    Args:
        readiness: changes at once.
        turns: begin to end after draining.
        seconds: how long work in flight may take then.
        drain: how long the server continues as before after SIGTERM; a second signal ends that.
    """
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def begin() -> None:
        if ending:
            return
        readiness.draining = True
        turns.drain()
        ending.append(loop.create_task(turns.finish(max(seconds - MARGIN_SECONDS, seconds / 2))))

    def notify(number: int) -> None:
        if number == signal.SIGTERM and drain and not readiness.draining:
            readiness.draining = True
            loop.call_later(drain, begin)
        else:
            begin()

    with_handlers = _chained(lambda number: loop.call_soon_threadsafe(notify, number))
    try:
        yield
    finally:
        for number, handler in with_handlers.items():
            signal.signal(number, handler)
        begin()
        await ending[0]


def _chained(notify: Callable[[int], object]) -> dict[int, "_Handler"]:
    """Install a function that runs on the signals before the current handlers; return those handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # signals are none of this thread's business
    before: dict[int, _Handler] = {}

    def heard(number: int, frame: FrameType | None) -> None:
        notify(number)
        handler = before[number]
        if callable(handler):
            handler(number, frame)

    for number in SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):  # otherwise the signal is ignored, or ends the process at once, as someone wants it
            before[number] = handler
            signal.signal(number, heard)
    return before


_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
