"""Turns under way in this process: each in its own task, with or without a listener, for any length of time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from app.backend.assistants.protocol import Event
from app.backend.database.base import UnavailableError
from app.backend.tasks import UserGoneError
from app.backend.turns.engine import Begun, Engine
from app.backend.turns.values import Answer, Question, TurnError

RETRY_AFTER = 2
"""Seconds after which a request that the server ended is worth another try."""

log = logging.getLogger("backend.turns")


def stopping() -> TurnError:
    """Return what a turn is ended with when the process ends."""
    return TurnError(503, "the server is about to stop; send this again with the same key", RETRY_AFTER)


class Live:
    """One turn under way."""

    def __init__(self, begun: Begun, engine: Engine) -> None:
        """Start it."""
        self._begun = begun
        self._told: asyncio.Queue[Event | TurnError | None] = asyncio.Queue()
        self.task = asyncio.create_task(engine.carry_out(begun, self._told.put_nowait))
        self.task.add_done_callback(self._ended)

    async def events(self, *, every: float) -> AsyncIterator[Event | Answer | TurnError | None]:
        """Tell what happens, and None whenever nothing did for so many seconds; at last the answer, or an error."""
        while True:
            try:
                async with asyncio.timeout(every):
                    event = await self._told.get()
            except TimeoutError:
                yield None
                continue
            if event is None:
                yield await self.answer_or_error()
                return
            yield event
            if isinstance(event, TurnError):
                return

    async def answer(self, gone: Callable[[], Awaitable[None]]) -> Answer:
        """Return the answer; `gone` returns when no one waits for it any more.

        Raises:
            TurnError: The turn was not answered.
            UnavailableError: The database cannot be reached.
        """
        if self._begun.cancellable:
            left = asyncio.ensure_future(gone())
            try:
                await asyncio.wait({self.task, left}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                left.cancel()
                self.leave()
        try:
            return await asyncio.shield(self.task)
        except asyncio.CancelledError:
            if self.task.cancelled():
                raise stopping() from None
            raise

    def leave(self) -> None:
        """Stop listening. A turn with a plan is run; one without a plan ends, and resumes when asked again."""
        if self._begun.cancellable:
            self.task.cancel()

    def tell_stopping(self) -> None:
        """Tell who listens to a stream that the process ends."""
        self._told.put_nowait(stopping())

    async def answer_or_error(self) -> Answer | TurnError:
        """Return how it ended."""
        try:
            return await self.task
        except TurnError as error:
            return error
        except UserGoneError:
            return TurnError(401, "the session has ended")
        except UnavailableError:
            return TurnError(503, "the database cannot be reached", RETRY_AFTER)
        except asyncio.CancelledError:
            return stopping()
        except Exception:  # noqa: BLE001 - logged in _ended
            return TurnError(500, "something went wrong")

    def _ended(self, task: asyncio.Task[Answer]) -> None:
        self._told.put_nowait(None)
        if task.cancelled():
            return
        match task.exception():
            case None | TurnError() | UserGoneError():
                pass
            case UnavailableError() as error:
                log.error("a turn was interrupted, the database cannot be reached: %s", error)
            case error:
                log.error("a turn failed", exc_info=error)


class Turns:
    """The turns of this process."""

    def __init__(self, engine: Engine) -> None:
        """Carry turns out with an engine."""
        self._engine = engine
        self._live: set[Live] = set()
        self._listened: set[Live] = set()
        self.draining = False
        """Whether the process is about to end: no stream begins any more."""

    async def begin(self, question: Question, *, stream: bool = False) -> Live | Answer:
        """Begin a turn, or find its answer.

        Raises:
            TurnError: It cannot be; see there.
            UnavailableError: The database cannot be reached.
        """
        if self.draining and stream:
            raise stopping()
        begun = await self._engine.begin(question)
        if isinstance(begun, Answer):
            return begun
        live = Live(begun, self._engine)
        self._live.add(live)
        live.task.add_done_callback(lambda _task: self._live.discard(live))
        if stream:
            self._listened.add(live)
            live.task.add_done_callback(lambda _task: self._listened.discard(live))
            if self.draining:  # since a moment ago
                live.tell_stopping()
        return live

    def drain(self) -> None:
        """Begin no stream any more, and tell those that are open to come back later."""
        self.draining = True
        for live in self._listened:
            live.tell_stopping()

    async def finish(self, seconds: float) -> None:
        """Wait for turns under way, for so many seconds; then end them. They can be resumed elsewhere."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._live and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait({live.task for live in self._live}, timeout=left)
        if self._live:
            log.warning("%d turns were interrupted; they resume when asked again", len(self._live))
            for live in self._live:
                live.task.cancel()
            await asyncio.wait({live.task for live in self._live}, timeout=1)
