"""SIGTERM: readiness goes down; after draining, streams are told, work in flight finishes, and the process ends.

While the server drains, everything is answered as before, streams too. `/ready` says no from the beginning: that is
how a load balancer finds out that asks it. `/health` goes on saying yes, and is what the pods' probes ask: where every
pod of a Service is ending, kube-proxy still sends requests to those that are healthy.

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
        drain: how long the server goes on as before after SIGTERM; a second signal ends that.
    """
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def begin() -> None:
        if ending:
            return
        readiness.draining = True
        turns.drain()
        ending.append(loop.create_task(turns.finish(max(seconds - MARGIN_SECONDS, seconds / 2))))

    def told(number: int) -> None:
        if number == signal.SIGTERM and drain and not readiness.draining:
            readiness.draining = True
            loop.call_later(drain, begin)
        else:
            begin()

    with_handlers = _chained(lambda number: loop.call_soon_threadsafe(told, number))
    try:
        yield
    finally:
        for number, handler in with_handlers.items():
            signal.signal(number, handler)
        begin()
        await ending[0]


def _chained(told: Callable[[int], object]) -> dict[int, "_Handler"]:
    """Have a function told of the signals before whoever hears them now; return those handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # signals are none of this thread's business
    before: dict[int, _Handler] = {}

    def heard(number: int, frame: FrameType | None) -> None:
        told(number)
        handler = before[number]
        if callable(handler):
            handler(number, frame)

    for number in SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):  # otherwise the signal is ignored, or ends the process at once, as somebody wants it
            before[number] = handler
            signal.signal(number, heard)
    return before


_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None
