"""SQLite: a file for one process, or a few on one machine. One connection writes, a few read."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import aiosqlite

from app.backend.database.base import ConflictError, Row, Transaction, UnavailableError, Value

READERS = 4
BUSY_SECONDS = 5.0
"""How long to wait for the one write lock: another process's, and other requests'."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNAVAILABLE = _BUSY | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
}
_CONFLICTS = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}


class SqliteDatabase:
    """A SQLite database; see `Database`."""

    kind: Literal["postgres", "sqlite"] = "sqlite"

    def __init__(self, path: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Nothing is opened yet. The file must be there when it is: `app.backend.migrate` makes it."""
        self.watch: Callable[[bool], None] = lambda _answered: None
        self._path = path
        self._busy_seconds = busy_seconds
        self._writers = _Connections(self, 1)
        self._readers = _Connections(self, READERS)
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> None:
        """Make ready to open the file."""
        self._closed = False

    async def close(self) -> None:
        """Close every connection, once transactions that are being ended have ended."""
        self._closed = True
        if self._endings:
            await asyncio.wait(self._endings, timeout=2)
        await self._readers.close()
        await self._writers.close()

    @asynccontextmanager
    async def begin(self, *, write: bool = True) -> AsyncIterator[Transaction]:
        """Begin a transaction; see `Database`."""
        pool = self._writers if write else self._readers
        try:
            if self._closed:
                raise UnavailableError("the database is closed: shutting down")  # noqa: TRY301
            connection = await pool.acquire(self._busy_seconds)
        except UnavailableError:
            self.watch(False)
            raise
        transaction = _SqliteTransaction(connection)
        try:
            # A transaction that reads first and writes later would fail at once where another one wrote in between.
            await transaction.run("BEGIN IMMEDIATE" if write else "BEGIN")
            self.watch(True)
            yield transaction
            transaction.check()
        except BaseException as error:
            if isinstance(error, UnavailableError):
                self.watch(False)
            await self._to_the_end(self._release(pool, connection, commit=False, broken=_broken(error)))
            raise
        await self._to_the_end(self._release(pool, connection, commit=True, broken=False))

    async def ping(self) -> None:
        """Ask for an answer, out of the file."""
        async with self.begin(write=False) as transaction:
            await transaction.one("SELECT count(*) AS tables FROM sqlite_master")

    async def connect(self, *, write: bool) -> aiosqlite.Connection:
        """Open a connection."""
        opening = aiosqlite.connect(
            f"file:{quote(self._path)}?mode=rw", uri=True, timeout=self._busy_seconds, isolation_level=None
        )
        opening._thread.daemon = True  # a process that must end immediately must not wait for it
        try:
            made = await opening
            try:
                if write:
                    await made.execute("PRAGMA journal_mode=WAL")
                await made.execute("PRAGMA foreign_keys=ON")
                await made.execute(f"PRAGMA query_only={'OFF' if write else 'ON'}")
            except BaseException:
                await self._to_the_end(made.close())
                raise
        except sqlite3.Error as error:
            raise translated(error) or error from None
        return made

    async def _release(
        self, pool: "_Connections", connection: aiosqlite.Connection, *, commit: bool, broken: bool
    ) -> None:
        """End a transaction and give the connection back. Statements still running are waited for."""
        try:
            await (connection.commit() if commit else connection.rollback())
        except sqlite3.Error as error:
            broken = True
            if commit:
                raise translated(error) or error from None
        finally:
            if broken or self._closed:
                await connection.close()
                pool.forget()
            else:
                pool.give_back(connection)

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to its end, in its own task, even if the caller is cancelled, again and again."""
        task = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._ended)
        await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._endings.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, where the waiting caller was cancelled


class _Connections:
    """So many connections at most, opened when they are needed."""

    def __init__(self, database: SqliteDatabase, size: int) -> None:
        self._database = database
        self._write = size == 1
        self._places = asyncio.Semaphore(size)
        self._idle: list[aiosqlite.Connection] = []

    async def acquire(self, seconds: float) -> aiosqlite.Connection:
        """Return a connection that is no one else's; one of `give_back` and `forget` must follow."""
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            raise UnavailableError("database is locked: too many others are at it") from None
        try:
            return self._idle.pop() if self._idle else await self._database.connect(write=self._write)
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: aiosqlite.Connection) -> None:
        """Take a connection back."""
        self._idle.append(connection)
        self._places.release()

    def forget(self) -> None:
        """Make place for another one."""
        self._places.release()

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            await self._idle.pop().close()


class _SqliteTransaction:
    """A transaction; see `Transaction`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._failed: Exception | None = None

    async def one(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, None if it has none."""
        rows, _ = await self._execute(sql, values)
        return rows[0] if rows else None

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        rows, _ = await self._execute(sql, values)
        return rows

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return how many rows it touched."""
        _, touched = await self._execute(sql, values)
        return touched

    def check(self) -> None:
        """Raise a statement's error again: a caller that caught it must not believe that the rest was committed."""
        if self._failed:
            raise self._failed

    async def _execute(self, sql: str, values: dict[str, Value]) -> tuple[list[Row], int]:
        self.check()
        try:
            cursor = await self._connection.execute(sql, {name: _value(value) for name, value in values.items()})
            found = await cursor.fetchall()
        except Exception as error:
            self._failed = translated(error) or error
            if self._failed is error:
                raise
            raise self._failed from error
        names = [column[0] for column in cursor.description or ()]
        rows: list[Row] = [dict(zip(names, row, strict=True)) for row in found]
        return rows, len(rows) if cursor.rowcount < 0 else cursor.rowcount


def translated(error: BaseException) -> Exception | None:
    """Return what stands for an error of the driver's, None if that is the error itself."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or code is None:
        return None
    if code in _CONFLICTS:
        return ConflictError(str(error).rpartition(": ")[2])
    return UnavailableError(str(error)) if code & 0xFF in _UNAVAILABLE else None


def _broken(error: BaseException) -> bool:
    """Tell whether a connection should be reopened: the file was deleted or damaged, rather than busy."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return isinstance(error, UnavailableError) and (code is None or code & 0xFF not in _BUSY)


def _value(value: Value) -> Value:
    """Return a value as it is kept: a time as a text that sorts like the times, in UTC."""
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
