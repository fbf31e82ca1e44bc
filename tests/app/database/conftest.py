"""Open databases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.backend.database import make_database
from app.backend.database.base import Database
from app.backend.database.postgres import PostgresDatabase


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
