"""What both databases offer."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol

Row = Mapping[str, Any]
Value = str | int | float | bool | datetime | None


class UnavailableError(Exception):
    """The database cannot be reached, or does not answer in time; the message is one line and holds no secret."""


class ConflictError(Exception):
    """A unique key is taken, or what a row refers to no longer exists: the statement's transaction has done nothing.

    The message is the constraint's name on Postgres, the columns on SQLite.
    """


class Transaction(Protocol):
    """One transaction. Statements name their values `:name`; rows are mappings from column names.

    Once a statement has failed, no other one is run and nothing is committed: where its error is caught inside the
    block, it is raised again at the end of it.

    Statements use what Postgres and SQLite (3.40) share: `RETURNING`, `ON CONFLICT`, `COALESCE`, `LIMIT`/`OFFSET`.
    Date-times go in aware; SQLite gives them back as text, and booleans as 0 and 1, which `Record.of` turns into what
    they are.
    """

    async def one(self, sql: str, /, **values: Value) -> Row | None:
        """Run a statement and return its first row, None if it has none."""
        ...

    async def all(self, sql: str, /, **values: Value) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    async def run(self, sql: str, /, **values: Value) -> int:
        """Run a statement and return how many rows it touched."""
        ...


class Database(Protocol):
    """A database.

    Raises (everything but `close`):
        UnavailableError: It cannot be reached.
        ConflictError: A unique key is taken.
    """

    kind: Literal["postgres", "sqlite"]
    watch: Callable[[bool], None]
    """Called after every transaction with whether the database answered; `Readiness` registers itself here."""

    async def open(self) -> None:
        """Make ready to connect. Returns immediately, whether the database is available or not."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    def begin(self, *, write: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction, committed when the block ends, rolled back when it raises.

        `write` takes SQLite's one write lock at once, so that reading and then writing needs no second try; without
        it nothing can be written. On Postgres every transaction is READ COMMITTED. A block that is cancelled is
        rolled back; cancelled while it is being committed, it may be either.
        """
        ...

    async def ping(self) -> None:
        """Ask for an answer."""
        ...
