"""Postgres, through psycopg's pool.

The pool is empty until someone asks, and empties again: an idle server does not keep a sleeping database awake.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from app.backend.database.base import Transaction, UnavailableError
from app.backend.database.postgres_connection import OPTIONS, PostgresConnection, PostgresTransaction
from app.backend.database.postgres_errors import UNAVAILABLE, translated
from app.backend.urls import UrlError, libpq_url, without_password

ACQUIRE_SECONDS = 2.5
"""How long a transaction waits for a connection."""
ACQUIRE_SECONDS_AWAY = 1.0
"""The same while the last attempt to connect has failed: attempts continue, and callers get an answer sooner."""
RECONNECT_SECONDS = 3.0
"""After this, attempts to connect start again with the next request: psycopg doubles the pause between them."""
STATEMENT_SECONDS = 5.0
"""What the server may take for a statement."""
STALE_SECONDS = 5.0
"""A connection idle for longer may have died without a word: it gets `STALE_PATIENCE` to begin a transaction."""
STALE_PATIENCE = 1.2
IDLE_SECONDS = 30.0
"""After so long without need for it the pool closes one connection more."""

log = logging.getLogger("backend.database")
# It warns of every attempt that fails; callers see the reason in their UnavailableError.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class PostgresDatabase:
    """A Postgres database; see `Database`."""

    kind: Literal["postgres", "sqlite"] = "postgres"

    def __init__(
        self, url: str, *, pool_size: int = 10, pooled: bool = False, statement_seconds: float = STATEMENT_SECONDS
    ) -> None:
        """Nothing is connected yet.

        Args:
            url: a Postgres URL; what it says of timeouts and keepalives wins over this module.
            pool_size: connections at most.
            pooled: whether a pooler that gives each transaction another connection is in between: nothing is
                prepared then.
            statement_seconds: what the server may take for a statement.

        Raises:
            UrlError: The URL has a parameter that libpq does not know.
        """
        try:
            given = conninfo_to_dict(libpq_url(url))
        except psycopg.ProgrammingError as error:
            raise UrlError(without_password(str(error), url)) from None
        self.watch: Callable[[bool], None] = lambda _answered: None
        self._url = url
        self._statement_seconds = statement_seconds
        self._problem: str | None = None  # why the last attempt to connect failed
        self._found_dead = 0.0  # when a connection was; whatever was idle then is not used any more
        self._endings: set[asyncio.Task[None]] = set()
        self._pool: AsyncConnectionPool[PostgresConnection] = AsyncConnectionPool(
            libpq_url(url),
            connection_class=PostgresConnection,
            kwargs={
                **{name: value for name, value in OPTIONS.items() if name not in given},
                "report": self._connected,
                "patience": statement_seconds + 1,
                "autocommit": True,  # transactions are begun here, with their settings in the same message
                "row_factory": dict_row,
                "prepare_threshold": None if pooled else 5,
            },
            min_size=0,
            max_size=pool_size,
            max_idle=IDLE_SECONDS,
            timeout=ACQUIRE_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            open=False,
        )

    async def open(self) -> None:
        """Make ready to connect."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection, once transactions that are being ended have ended."""
        if self._endings:
            await asyncio.wait(self._endings, timeout=2)
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def begin(self, *, write: bool = True) -> AsyncIterator[Transaction]:
        """Begin a transaction; see `Database`."""
        try:
            connection = await self._acquire(self._beginning(write=write))
        except UnavailableError:
            self.watch(False)
            raise
        self.watch(True)
        transaction = PostgresTransaction(connection, self.translated)
        try:
            yield transaction
            transaction.check()
        except BaseException as error:
            if isinstance(error, UnavailableError):
                self.watch(False)
            await self._to_the_end(self._roll_back(connection))
            raise
        await self._to_the_end(self._commit(connection))

    async def ping(self) -> None:
        """Ask for an answer; the beginning of a transaction is one."""
        async with self.begin(write=False):
            pass

    def translated(self, error: BaseException) -> BaseException:
        """Return what stands for an error."""
        if isinstance(error, PoolTimeout) and self._problem:
            return UnavailableError(self._problem)
        return translated(error, self._url) or error

    def _beginning(self, *, write: bool) -> bytes:
        """Return what begins a transaction: one message. The settings are the transaction's, as a pooler needs it."""
        return (
            b"BEGIN ISOLATION LEVEL READ COMMITTED %s; SET LOCAL statement_timeout = %d; "
            # A client that disappeared without notice must not hold locks.
            b"SET LOCAL idle_in_transaction_session_timeout = 15000; SET LOCAL TIME ZONE 'UTC'"
        ) % (b"READ WRITE" if write else b"READ ONLY", self._statement_seconds * 1000)

    async def _acquire(self, begin: bytes) -> PostgresConnection:
        """Return a connection in a transaction; one that has died meanwhile is replaced without a word."""
        deadline = time.monotonic() + (ACQUIRE_SECONDS if self._problem is None else ACQUIRE_SECONDS_AWAY)
        while True:
            try:
                connection = await self._pool.getconn(max(deadline - time.monotonic(), 0.01))
            except UNAVAILABLE as error:
                raise self.translated(error) from None
            if connection.used_at <= self._found_dead:
                await self._to_the_end(self._discard(connection))
                continue
            stale = time.monotonic() - connection.used_at > STALE_SECONDS
            try:
                await connection.limited(begin, prepare=False, patience=STALE_PATIENCE if stale else None)
            except BaseException as error:
                await self._to_the_end(self._discard(connection))
                if not isinstance(error, UNAVAILABLE):
                    raise
                self._found_dead = time.monotonic()
                if self._found_dead >= deadline:
                    raise self.translated(error) from None
            else:
                return connection

    async def _commit(self, connection: PostgresConnection) -> None:
        """Commit, and give the connection back; away when it is of no use any more."""
        try:
            await connection.limited(b"COMMIT", prepare=False)
        except UNAVAILABLE as error:
            await connection.close()
            raise self.translated(error) from None
        finally:
            await self._give_back(connection)

    async def _roll_back(self, connection: PostgresConnection) -> None:
        """Roll back, and give the connection back; away when it is of no use any more."""
        try:
            if connection.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                await connection.limited(b"ROLLBACK", prepare=False)
        except UNAVAILABLE:
            await connection.close()
        finally:
            await self._give_back(connection)

    async def _give_back(self, connection: PostgresConnection) -> None:
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:  # in the midst of a statement, or lost
            await connection.close()
        connection.used_at = time.monotonic()
        await self._pool.putconn(connection)

    async def _discard(self, connection: PostgresConnection) -> None:
        await connection.close()
        await self._pool.putconn(connection)

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to its end, in its own task, even if the caller is cancelled, again and again."""
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._ended)
        await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._endings.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.debug("ending a transaction: %s", error)

    def _connected(self, error: psycopg.Error | None) -> None:
        self._problem = (without_password(str(error), self._url) or type(error).__name__) if error else None
