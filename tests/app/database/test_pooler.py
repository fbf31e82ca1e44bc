"""Prepared statements, and PgBouncer in transaction mode, which knows none."""

import asyncio

import pytest

from app.backend import migrate
from app.backend.database.base import UnavailableError
from app.backend.database.postgres import PostgresDatabase
from tests.app import postgres
from tests.app.database.conftest import is_found, opened_postgres, started

pytestmark = pytest.mark.postgres

PREPARED = "SELECT count(*) AS number FROM pg_prepared_statements"


async def recur(database: PostgresDatabase) -> int:
    """Execute a statement again and again on one connection; return how many statements that has prepared."""
    row = None
    for number in range(20):
        async with database.begin() as transaction:
            assert await transaction.one("SELECT CAST(:n AS int) AS n", n=number) == {"n": number}
            row = await transaction.one(PREPARED)
    assert row is not None
    return int(row["number"])


def test_statements_are_prepared_on_a_direct_connection_alone(postgres_url: str) -> None:
    async def story() -> None:
        async with opened_postgres(postgres_url, pool_size=1) as direct:
            assert await recur(direct) == 2
        async with opened_postgres(postgres_url, pool_size=1, pooled=True) as pooled:
            assert await recur(pooled) == 0

    asyncio.run(story())


def test_through_pgbouncer(postgres_server: str) -> None:
    """In transaction mode: transactions of twenty requests share two connections, and their settings stay their own."""
    url = postgres.create_database(postgres_server, "pooled")
    migrate.upgrade(url, 10)

    async def story(through: str) -> None:
        async with opened_postgres(through, pool_size=20, pooled=True, statement_seconds=3) as database:
            backends: set[int] = set()

            async def one(number: int) -> None:
                user = f"user-{number}"
                for _ in range(10):
                    async with database.begin() as transaction:
                        await transaction.run(
                            "INSERT INTO users (id, created_at) VALUES (:id, CURRENT_TIMESTAMP) "
                            "ON CONFLICT (id) DO UPDATE SET last_task = users.last_task + 1",
                            id=user,
                        )
                        row = await transaction.one(
                            "SELECT pg_backend_pid() AS pid, current_setting('statement_timeout') AS timeout, "
                            f"current_setting('TimeZone') AS zone, ({PREPARED.replace(' AS number', '')}) AS prepared"
                        )
                        assert row is not None
                        backends.add(row["pid"])
                        assert (row["timeout"], row["zone"], row["prepared"]) == ("3s", "UTC", 0)

            await asyncio.gather(*(one(number) for number in range(20)))
            assert len(backends) == 2
            async with database.begin(write=False) as transaction:
                assert await transaction.one("SELECT sum(last_task) AS sum FROM users") == {"sum": 180}

    with postgres.pgbouncer(url) as through:
        asyncio.run(story(through))
        # What waits for migrations goes through it too, and migrating might.
        migrate.wait(through, 5)
        migrate.downgrade(through, "base")
        migrate.upgrade(through, 5)


@pytest.mark.usefixtures("impatient")
def test_a_pooler_whose_server_is_away_is_told(own: postgres.Server) -> None:
    url = started(own)

    async def story(through: str) -> None:
        async with opened_postgres(through, pooled=True) as database:
            await database.ping()
            await asyncio.to_thread(own.stop)
            with pytest.raises(UnavailableError):
                await database.ping()
            await asyncio.to_thread(own.start)
            await is_found(database)

    with postgres.pgbouncer(url) as through:
        asyncio.run(story(through))
