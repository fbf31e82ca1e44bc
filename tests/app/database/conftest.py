"""Open databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import pytest

from app.backend.database import make_database
from app.backend.database import postgres as module
from app.backend.database.base import Database, UnavailableError
from app.backend.database.postgres import PostgresDatabase
from app.backend.database.sqlite import SqliteDatabase
from tests.app import postgres

D = TypeVar("D", bound=Database)
RETURN_SECONDS = 5.0  # what a database's return may take to show


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until a check holds; it must within so many seconds."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - what is waited for is not in this process
            await asyncio.sleep(0.02)


async def answers(database: Database) -> bool:
    """Tell whether the database does a transaction, rather than being unavailable."""
    try:
        async with database.begin() as transaction:
            return await transaction.one("SELECT 1 AS one") == {"one": 1}
    except UnavailableError:
        return False


async def is_found(database: Database) -> None:
    """Wait until the database answers, for as long as that may take."""
    await eventually(lambda: answers(database), RETURN_SECONDS)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse sooner than the application does, where a test has much refused."""
    monkeypatch.setattr(module, "ACQUIRE_SECONDS", 0.8)
    monkeypatch.setattr(module, "ACQUIRE_SECONDS_AWAY", 0.3)


@pytest.fixture
def own() -> Iterator[postgres.Server]:
    """A server of the test's own, not started yet."""
    with postgres.own_server() as server:
        yield server


def started(server: postgres.Server) -> str:
    """Start a server; return the URL of a database of it."""
    server.start()
    return postgres.create_database(server.url, "own")


@asynccontextmanager
async def _open(database: D) -> AsyncIterator[D]:
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def opened(url: str, **options: Any) -> AbstractAsyncContextManager[Database]:
    """An open database."""
    return _open(make_database(url, **options))


def opened_postgres(url: str, **options: Any) -> AbstractAsyncContextManager[PostgresDatabase]:
    """An open Postgres database."""
    return _open(PostgresDatabase(url, **options))


def opened_sqlite(path: object, **options: Any) -> AbstractAsyncContextManager[SqliteDatabase]:
    """An open SQLite database."""
    return _open(SqliteDatabase(str(path), **options))
