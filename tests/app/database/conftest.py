"""Open databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.backend.database import make_database
from app.backend.database.base import Database
from app.backend.database.postgres import PostgresDatabase
from app.backend.database.sqlite import SqliteDatabase


async def eventually(check: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until a check holds; it must within so many seconds."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - what is waited for is not in this process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Database]:
    """An open database."""
    database = make_database(url, **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def opened_postgres(url: str, **options: Any) -> AsyncIterator[PostgresDatabase]:
    """An open Postgres database."""
    database = PostgresDatabase(url, **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def opened_sqlite(path: object, **options: Any) -> AsyncIterator[SqliteDatabase]:
    """An open SQLite database."""
    database = SqliteDatabase(str(path), **options)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
