"""Whether to send requests here: whether the database answers, and whether the process means to continue.

The database is asked seldom, by one caller at a time, and never waited for for long. It may be one that sleeps when it
is idle, and probes must not keep it awake: "ready" holds for long, and every transaction says again that the database
answers, or that it has to be asked. "Not ready" holds for a second: in the background the database is asked until it
answers, so that the next probe finds it back.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from app.backend.database.base import Database, UnavailableError

log = logging.getLogger("backend.readiness")

AGAIN_SECONDS = 1.0
"""How long to wait before asking a database again that has not answered."""


class Readiness:
    """What /ready says."""

    def __init__(
        self,
        database: Database,
        *,
        keep: float,
        patience: float,
        again: float = AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            database: what to ask; it tells of its transactions from now on.
            keep: how many seconds an answer holds, a transaction's too.
            patience: how many seconds a caller waits for an answer.
            again: how many seconds after none it is asked again.
            clock: seconds.
        """
        self._database = database
        self._keep = keep
        self._patience = patience
        self._again = again
        self._clock = clock
        self._problem: str | None = None
        self._holds_until = float("-inf")  # of "ready"
        self._asking: asyncio.Task[None] | None = None
        self._known = asyncio.Event()  # whether who asks has had an answer, or none
        self.draining = False
        """Whether the process is about to end: not ready, whatever the database says. Set on SIGTERM."""
        database.watch = self.heard

    async def problem(self) -> str | None:
        """Return why no requests should be sent here, None when they should."""
        if self.draining:
            return "shutting down"
        if self._clock() < self._holds_until:
            return None
        if self._asking is None or self._asking.done():
            self._known.clear()
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(self._patience):
                await self._known.wait()
        except TimeoutError:  # asking continues; the next probe finds its answer
            return f"the database has not answered within {self._patience:g} s"
        if self._asking.done():
            self._asking.result()  # raises what is not to be expected
        return self._problem

    def heard(self, answered: bool) -> None:
        """Take a transaction's word: that the database answers, or that it is to be asked before the next "ready"."""
        self._holds_until = self._clock() + self._keep if answered else float("-inf")

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self) -> None:
        """Ask until there is an answer."""
        try:
            while (problem := await self._ping()) is not None:
                if problem != self._problem:
                    log.warning("not ready: %s", problem)
                self._problem = problem
                self._known.set()
                await asyncio.sleep(self._again)
            if self._problem is not None:
                log.info("ready again")
            self._problem = None
            self.heard(True)
        finally:
            self._known.set()

    async def _ping(self) -> str | None:
        try:
            await self._database.ping()
        except UnavailableError as error:
            return f"the database does not answer: {error}"
        return None
