"""Whether the database answers: asked seldom, by one caller at a time, and never waited for for long."""

import asyncio
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from app.backend.db import Database


class Readiness:
    """Keeps the last answer for a while, so that probes do not keep a database awake that sleeps when it is idle."""

    def __init__(
        self, database: Database, *, keep: float, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask `database` at most every `keep` seconds, and wait `patience` seconds for its answer."""
        self._database = database
        self._keep = keep
        self._patience = patience
        self._clock = clock
        self._asked: asyncio.Task[str | None] | None = None
        self._answered_at = 0.0

    async def problem(self) -> str | None:
        """Return why the database does not answer, None when it does."""
        if self._asked is None or (self._asked.done() and self._clock() - self._answered_at >= self._keep):
            self._asked = asyncio.create_task(self._ask())
        await asyncio.wait({self._asked}, timeout=self._patience)
        if not self._asked.done():  # it goes on; the next probe finds its answer
            return f"the database has not answered within {self._patience:g} s"
        return self._asked.result()

    async def _ask(self) -> str | None:
        try:
            await asyncio.to_thread(self._database.ping)
        except SQLAlchemyError as error:
            return f"the database does not answer: {self._database.reason(error)}"
        finally:
            self._answered_at = self._clock()
        return None
