"""One connection to Postgres, and a transaction on it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

import psycopg
from psycopg.rows import DictRow

from app.backend.database.base import Row, Value
from app.backend.database.sql import for_psycopg

CONNECT_SECONDS = 4
"""One attempt to connect. Where packets get lost, the second repetition of the first one is within it."""
OPTIONS = {
    "application_name": "todo",
    "connect_timeout": CONNECT_SECONDS,
    # A server, or a proxy on the way, that disappeared without notice.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,  # milliseconds
}


class PostgresConnection(psycopg.AsyncConnection[DictRow]):
    """A connection that knows when it was used last, says how connecting went, and waits for so long only."""

    used_at = 0.0
    patience = 0.0

    @classmethod
    async def connect(  # type: ignore[override]
        cls, conninfo: str = "", *, report: Callable[[psycopg.Error | None], None], patience: float, **options: Any
    ) -> Self:
        """Connect, and report the error or None.

        Args:
            conninfo: libpq's.
            report: called with it.
            patience: how many seconds a statement may take.
            options: libpq's and psycopg's.
        """
        try:
            made = await super().connect(conninfo, **options)
        except psycopg.Error as error:
            report(error)
            raise
        made.used_at = time.monotonic()
        made.patience = patience
        report(None)
        return made

    async def limited(
        self,
        statement: bytes,
        values: dict[str, Value] | None = None,
        *,
        prepare: bool | None = None,
        patience: float | None = None,
    ) -> psycopg.AsyncCursor[DictRow]:
        """Execute a statement within a time limit of our own: a server that is frozen does not keep its own.

        Cancelled, psycopg asks the server to cancel the statement and waits for that; cancelled again, it closes the
        connection and returns. Therefore, there are two limits.

        Raises:
            TimeoutError: There was no answer in time.
            psycopg.Error: The server's.
        """
        seconds = self.patience if patience is None else patience
        async with asyncio.timeout(seconds + 0.5), asyncio.timeout(seconds):
            return await self.execute(statement, values, prepare=prepare)


class PostgresTransaction:
    """A transaction; see `Transaction`."""

    def __init__(self, connection: PostgresConnection, translate: Callable[[BaseException], BaseException]) -> None:
        """`translate` returns what stands for an error."""
        self._connection = connection
        self._translate = translate
        self._failed: BaseException | None = None

    async def one(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, None if it has none."""
        cursor = await self._execute(sql, values)
        return await cursor.fetchone() if cursor.description else None

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        cursor = await self._execute(sql, values)
        return list(await cursor.fetchall()) if cursor.description else []

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return how many rows it touched."""
        return (await self._execute(sql, values)).rowcount

    def check(self) -> None:
        """Raise a statement's error again: a caller that caught it must not believe that the rest was committed."""
        if self._failed:
            raise self._failed

    async def _execute(self, sql: str, values: dict[str, Value]) -> psycopg.AsyncCursor[DictRow]:
        self.check()
        try:
            return await self._connection.limited(for_psycopg(sql), values)
        except Exception as error:
            self._failed = self._translate(error)
            if self._failed is error:
                raise
            raise self._failed from None
