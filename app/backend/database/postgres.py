"""Postgres, through psycopg's pool.

The pool is empty until somebody asks, and empties again: an idle server does not keep a sleeping database awake.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from app.backend.database.base import ConflictError, Row, Transaction, UnavailableError, Value
from app.backend.database.sql import for_psycopg
from app.backend.urls import UrlError, libpq_url, without_password

ACQUIRE_SECONDS = 2.5
"""How long a transaction waits for a connection."""
ACQUIRE_SECONDS_AWAY = 1.0
"""The same while the last attempt to connect has failed: attempts go on, and whoever asks gets an answer sooner."""
CONNECT_SECONDS = 4
"""One attempt to connect. Where packets get lost, the second repetition of the first one is within it."""
RECONNECT_SECONDS = 3.0
"""After this, attempts to connect start anew with the next request: psycopg doubles the pause between them."""
STATEMENT_SECONDS = 5.0
"""What the server may take for a statement."""
STALE_SECONDS = 5.0
"""A connection idle for longer is not believed to be alive for `ACQUIRE_SECONDS`, but for `STALE_PATIENCE`."""
STALE_PATIENCE = 1.2
IDLE_SECONDS = 30.0
"""After so long without need for it the pool closes one connection more."""

# Closed, or so soon: a proxy on the way may forget what is idle without a word.
_CONNECTION = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
    "application_name": "todo",
}
_UNAVAILABLE = (
    psycopg.OperationalError,  # also statement timeouts, shutdowns, too many connections, deadlocks
    psycopg.InterfaceError,  # the connection is closed
    psycopg.errors.ReadOnlySqlTransaction,  # a primary that has become a standby
    psycopg.errors.IdleInTransactionSessionTimeout,
    TimeoutError,
)

log = logging.getLogger("backend.database")
# It warns of every attempt that fails; what matters of it is in the UnavailableError of whoever waited.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class _Connection(psycopg.AsyncConnection[DictRow]):
    """A connection that knows when it was used last, and says how connecting went."""

    used_at = 0.0

    @classmethod
    async def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, report: Callable[[psycopg.Error | None], None], **options: Any
    ) -> Self:
        """Connect, and report the error or None."""
        try:
            made = await super().connect(conninfo, **options)
        except psycopg.Error as error:
            report(error)
            raise
        made.used_at = time.monotonic()
        report(None)
        return made


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
        self._url = url
        try:
            given = conninfo_to_dict(libpq_url(url))
        except psycopg.ProgrammingError as error:
            raise UrlError(without_password(str(error), url)) from None
        self._statement_seconds = statement_seconds
        self.watch: Callable[[bool], None] = lambda _answered: None
        self._problem: str | None = None
        self._suspect_before = 0.0
        self._endings: set[asyncio.Task[None]] = set()
        self._begin = b"; ".join(
            (
                b"BEGIN ISOLATION LEVEL READ COMMITTED %s",
                b"SET LOCAL statement_timeout = %d" % (statement_seconds * 1000),
                # A server that is gone without a word must not hold locks.
                b"SET LOCAL idle_in_transaction_session_timeout = 15000",
                b"SET LOCAL TIME ZONE 'UTC'",
            )
        )
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            libpq_url(url),
            connection_class=_Connection,
            kwargs={
                **{name: value for name, value in _CONNECTION.items() if name not in given},
                "report": self._connected,
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
            connection = await self._acquire(write=write)
        except UnavailableError:
            self.watch(False)  # noqa: FBT003 - it is the one thing to say
            raise
        self.watch(True)  # noqa: FBT003
        transaction = _PostgresTransaction(connection, self)
        try:
            yield transaction
            if transaction.failed:  # whoever caught the error must not believe the rest to be committed
                raise transaction.failed
        except BaseException as error:
            if isinstance(error, UnavailableError):
                self.watch(False)  # noqa: FBT003
            await self._to_the_end(self._release(connection, b"ROLLBACK"))
            raise
        await self._to_the_end(self._release(connection, b"COMMIT"))

    async def ping(self) -> None:
        """Ask for an answer; the beginning of a transaction is one."""
        async with self.begin(write=False):
            pass

    def error(self, error: BaseException) -> Exception | None:
        """Return what stands for an error of the driver's, None where that is the error itself."""
        if isinstance(error, (psycopg.errors.UniqueViolation, psycopg.errors.ForeignKeyViolation)):
            return ConflictError(error.diag.constraint_name or "a key")
        if not isinstance(error, _UNAVAILABLE):
            return None
        if isinstance(error, psycopg.errors.DeadlockDetected):
            return UnavailableError("the database gave up one of two transactions that waited for each other: deadlock")
        if isinstance(error, psycopg.errors.SerializationFailure):
            return UnavailableError("the database gave up a transaction: serialization failure")
        if isinstance(error, psycopg.errors.QueryCanceled):
            return UnavailableError(f"a statement took longer than {self._statement_seconds:g} s")
        if isinstance(error, TimeoutError):
            return UnavailableError("the database does not answer in time")
        if isinstance(error, PoolTimeout):
            return UnavailableError(self._problem or "no connection to the database was free in time")
        if isinstance(error, PoolClosed):
            return UnavailableError("the connections to the database are closed: shutting down")
        return UnavailableError(without_password(str(error), self._url) or type(error).__name__)

    def limit(self, seconds: float | None = None) -> "_Limit":
        """Limit what is awaited inside, where the server does not keep its own limit."""
        return _Limit(self._statement_seconds + 1 if seconds is None else seconds)

    async def _acquire(self, *, write: bool) -> _Connection:
        """Return a connection in a transaction; one that has died meanwhile is replaced without a word."""
        begin = self._begin % (b"READ WRITE" if write else b"READ ONLY")
        deadline = time.monotonic() + (ACQUIRE_SECONDS if self._problem is None else ACQUIRE_SECONDS_AWAY)
        while True:
            try:
                connection = await self._pool.getconn(max(deadline - time.monotonic(), 0.01))
            except _UNAVAILABLE as error:
                raise self.error(error) or error from None
            now = time.monotonic()
            stale = now - connection.used_at > STALE_SECONDS
            try:
                if connection.used_at < self._suspect_before:
                    raise psycopg.OperationalError("idle since before another one was found dead")  # noqa: TRY301
                async with self.limit(STALE_PATIENCE if stale else None):
                    await connection.execute(begin)
            except _UNAVAILABLE as error:
                dead = connection.closed or isinstance(error, TimeoutError) or connection.used_at < self._suspect_before
                if dead:
                    self._suspect_before = max(self._suspect_before, connection.used_at + 1e-6)
                    await connection.close()
                await self._to_the_end(self._release(connection, b"ROLLBACK"))
                if not dead or time.monotonic() >= deadline:
                    raise self.error(error) or error from None
            except BaseException:
                await self._to_the_end(self._release(connection, b"ROLLBACK"))
                raise
            else:
                return connection

    async def _release(self, connection: _Connection, ending: bytes) -> None:
        """End a transaction and give the connection back, or away when it is of no use any more."""
        try:
            status = connection.pgconn.transaction_status
            if status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                async with self.limit():
                    await connection.execute(ending)
            elif ending == b"COMMIT":
                raise UnavailableError("the connection was lost before the transaction was committed")
        except _UNAVAILABLE as error:
            if ending == b"COMMIT":
                raise self.error(error) or error from None
        finally:
            connection.used_at = time.monotonic()
            # In the midst of a statement, or where the ending has failed: nothing to give back.
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                await connection.close()
            await self._pool.putconn(connection)

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to its end, in a task of its own, even if the caller is cancelled, again and again."""
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


class _Limit:
    """A time limit that holds although psycopg, when cancelled, first asks the server to cancel its statement."""

    def __init__(self, seconds: float) -> None:
        self._first = asyncio.timeout(seconds)
        self._second = asyncio.timeout(seconds + 0.5)  # cancelled again, psycopg closes the connection

    async def __aenter__(self) -> None:
        await self._second.__aenter__()
        await self._first.__aenter__()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        try:
            await self._first.__aexit__(kind, error, trace)
        except BaseException as raised:
            await self._second.__aexit__(type(raised), raised, raised.__traceback__)
            raise
        return await self._second.__aexit__(kind, error, trace)


class _PostgresTransaction:
    """A transaction; see `Transaction`."""

    def __init__(self, connection: _Connection, database: PostgresDatabase) -> None:
        self._connection = connection
        self._database = database
        self.failed: Exception | None = None

    async def one(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, None where it has none."""
        cursor = await self._execute(sql, values)
        return await cursor.fetchone() if cursor.description else None

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        cursor = await self._execute(sql, values)
        return list(await cursor.fetchall()) if cursor.description else []

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return how many rows it touched."""
        return (await self._execute(sql, values)).rowcount

    async def _execute(self, sql: str, values: dict[str, Value]) -> psycopg.AsyncCursor[DictRow]:
        try:
            async with self._database.limit():
                return await self._connection.execute(for_psycopg(sql), values)
        except Exception as error:
            told = self._database.error(error)
            self.failed = self.failed or told or error
            if told is None:
                raise
            raise told from None
