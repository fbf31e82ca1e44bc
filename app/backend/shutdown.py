"""SIGTERM: readiness goes down, streams are told, work in flight finishes, and the process ends within its limit.

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
async def graceful(readiness: Readiness, turns: Turns, seconds: float) -> AsyncIterator[None]:
    """Run an application; when told to end, or at the end of the block, let its work finish within so many seconds."""
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def begin() -> None:
        if ending:
            return
        readiness.draining = True
        turns.drain()
        ending.append(loop.create_task(turns.finish(max(seconds - MARGIN_SECONDS, seconds / 2))))

    with_handlers = _chained(lambda: loop.call_soon_threadsafe(begin))
    try:
        yield
    finally:
        for number, handler in with_handlers.items():
            signal.signal(number, handler)
        begin()
        await ending[0]


def _chained(told: Callable[[], object]) -> dict[int, "_Handler"]:
    """Have a function told of the signals before whoever hears them now; return those handlers."""
    if threading.current_thread() is not threading.main_thread():
        return {}  # signals are none of this thread's business
    before: dict[int, _Handler] = {}

    def heard(number: int, frame: FrameType | None) -> None:
        told()
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
