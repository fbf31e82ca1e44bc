"""Postgres: away, asleep, too busy, frozen, behind a pooler; and back again."""

import asyncio
import itertools
import logging
import time

import psycopg
import pytest
from psycopg_pool.base import AttemptWithBackoff

from app.backend.database import postgres as module
from app.backend.database.base import UnavailableError
from app.backend.database.postgres import PostgresDatabase
from app.backend.database.postgres_connection import CONNECT_SECONDS
from app.backend.urls import UrlError
from tests.app import postgres
from tests.app.database.conftest import answers, eventually, is_found, opened_postgres, started
from tests.app.servers import nobody_at

pytestmark = pytest.mark.postgres

CONNECTIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

_names = itertools.count()


def terminate(url: str) -> int:
    """Cut every connection to a database; return how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(CONNECTIONS).fetchall()
        for row in found:
            connection.execute("SELECT pg_terminate_backend(%s)", row)
        while connection.execute(CONNECTIONS).fetchall():
            time.sleep(0.01)
    return len(found)


async def hold(database: PostgresDatabase, number: int) -> None:
    """Use so many connections at the same time."""
    together = asyncio.Barrier(number)

    async def one() -> None:
        async with database.begin() as transaction:
            await transaction.one("SELECT 1 AS one")
            await together.wait()

    await asyncio.gather(*(one() for _ in range(number)))


def test_a_parameter_that_libpq_does_not_know_is_refused_at_once() -> None:
    with pytest.raises(UrlError, match="nonsense") as raised:
        PostgresDatabase("postgresql://u:p4ss@h/d?nonsense=p4ss")
    assert "p4ss" not in str(raised.value)


def test_what_the_url_says_of_connections_wins() -> None:
    asked: list[dict[str, object]] = []

    async def story(url: str) -> None:
        database = PostgresDatabase(url)
        kwargs = database._pool.kwargs
        assert isinstance(kwargs, dict)
        asked.append(kwargs)

    asyncio.run(story("postgresql://h/d?connect_timeout=9"))
    asyncio.run(story("postgresql://h/d"))
    assert ("connect_timeout" in asked[0], asked[1]["connect_timeout"]) == (False, CONNECT_SECONDS)


@pytest.mark.usefixtures("impatient")
def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    async def story(address: str) -> None:
        async with opened_postgres(f"postgresql://todo:s3cret@{address}/todo") as database:
            for _ in range(2):
                with pytest.raises(UnavailableError, match=r"(?i)refused") as raised:
                    await database.ping()
                assert "s3cret" not in str(raised.value)
                assert len(str(raised.value).splitlines()) == 1

    caplog.set_level(logging.DEBUG, "backend")
    with nobody_at() as address:
        asyncio.run(story(address.removeprefix("http://")))
    assert "s3cret" not in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_server_that_comes_and_goes(own: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process starts without it; it comes, goes, and comes again; each time it is found within 5 s."""
    # The pool doubles its pauses: as they are when the server has been away for a while.
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 16.0)
    url = f"{own.url}/postgres"

    async def story() -> None:
        async with opened_postgres(url) as database:
            for _ in range(2):
                assert not await answers(database)
            for _ in range(2):
                await asyncio.to_thread(own.start)
                await is_found(database)
                await hold(database, 10)
                await asyncio.to_thread(own.stop)
                # Ten connections are dead; nobody gets a wrong answer, or another error.
                assert not any(await asyncio.gather(*(answers(database) for _ in range(20))))
                assert not any([await answers(database) for _ in range(2)])

    asyncio.run(story())


def test_connections_that_died_while_idle_show_to_nobody(postgres_server: str) -> None:
    url = postgres.create_database(postgres_server, f"asleep_{next(_names)}")

    async def story() -> None:
        async with opened_postgres(url) as database:
            for _ in range(3):
                await hold(database, 10)
                assert await asyncio.to_thread(terminate, url) == 10
                await hold(database, 10)

    asyncio.run(story())


def test_a_connection_that_is_cut_during_a_transaction_is_told(postgres_server: str) -> None:
    url = postgres.create_database(postgres_server, f"cut_{next(_names)}")

    async def story() -> None:
        async with opened_postgres(url, pool_size=1) as database:

            async def work(*, more: bool) -> None:
                async with database.begin() as transaction:
                    await transaction.one("SELECT 1")
                    await asyncio.to_thread(terminate, url)
                    if more:
                        await transaction.one("SELECT 1")

            for more in (True, False):  # at its end: what it did is not known to be committed
                with pytest.raises(UnavailableError, match="terminating connection"):
                    await work(more=more)
            await database.ping()

    asyncio.run(story())


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_is_not_waited_for(own: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen, with connections that seem alive."""
    url = started(own)
    monkeypatch.setattr(module, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(module, "STALE_PATIENCE", 0.2)

    async def story() -> None:
        async with opened_postgres(url, statement_seconds=0.2) as database:
            await hold(database, 3)
            async with database.begin() as transaction:
                await transaction.one("SELECT 1")
                own.freeze()
                with pytest.raises(UnavailableError, match="does not answer in time"):
                    await transaction.one("SELECT 1")
                with pytest.raises(UnavailableError):
                    await database.ping()
                own.thaw()
                await is_found(database)
                raise ZeroDivisionError  # the first transaction is lost; its connection is not given to anybody else

    with pytest.raises(ZeroDivisionError):
        asyncio.run(story())


def test_a_statement_may_not_take_for_ever(postgres_url: str) -> None:
    async def story() -> None:
        async with opened_postgres(postgres_url, pool_size=1, statement_seconds=0.1) as database:
            for pause in ("SELECT pg_sleep(30)", "SELECT pg_sleep(30), :one AS one"):
                with pytest.raises(UnavailableError, match="gave up a statement that took too long"):
                    async with database.begin() as transaction:
                        await transaction.one(pause, one="1")
            await database.ping()

    asyncio.run(story())


def test_a_statement_whose_request_is_cancelled_ends_on_the_server_too(postgres_server: str) -> None:
    url = postgres.create_database(postgres_server, f"cancelled_{next(_names)}")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"

    def sleeping() -> int:
        with psycopg.connect(url, autocommit=True) as connection:
            return int(connection.execute(asleep).fetchall()[0][0])

    async def is_asleep() -> bool:
        return await asyncio.to_thread(sleeping) == 1

    async def story() -> None:
        async with opened_postgres(url, pool_size=1, statement_seconds=60) as database:

            async def work() -> None:
                async with database.begin() as transaction:
                    await transaction.one("SELECT pg_sleep(50)")

            task = asyncio.create_task(work())
            await eventually(is_asleep)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not await is_asleep()
            await database.ping()

    asyncio.run(story())


def test_deadlocks_are_told(postgres_url: str) -> None:
    insert = "INSERT INTO users (id, created_at) VALUES (:id, CURRENT_TIMESTAMP)"
    update = "UPDATE users SET last_task = 1 WHERE id = :id"

    async def story() -> None:
        async with opened_postgres(postgres_url) as database:
            async with database.begin() as transaction:
                for user in ("dead", "lock"):
                    await transaction.run(insert, id=user)
            both = asyncio.Barrier(2)

            async def work(first: str, second: str) -> None:
                async with database.begin() as transaction:
                    await transaction.run(update, id=first)
                    await both.wait()
                    await transaction.run(update, id=second)

            told = await asyncio.gather(work("dead", "lock"), work("lock", "dead"), return_exceptions=True)
            assert [type(error) for error in told if error] == [UnavailableError]
            assert "deadlock" in str(next(error for error in told if error))

    asyncio.run(story())


def test_more_at_a_time_than_connections_wait_and_then_are_refused(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ACQUIRE_SECONDS", 0.2)

    async def story() -> None:
        async with opened_postgres(postgres_url, pool_size=1) as database:
            async with database.begin():
                with pytest.raises(UnavailableError, match="no connection to the database was free in time"):
                    await database.ping()
            await database.ping()

    asyncio.run(story())


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_full_is_told(own: postgres.Server) -> None:
    url = started(own)
    own.execute("CREATE ROLE guest LOGIN CONNECTION LIMIT 1")
    guest = url.replace("todo:s3cret@", "guest:s3cret@")

    async def story() -> None:
        async with opened_postgres(guest) as database, opened_postgres(guest) as other, database.begin():
            with pytest.raises(UnavailableError, match="too many connections"):
                await other.ping()

    asyncio.run(story())


def test_an_idle_pool_lets_the_database_sleep(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
    url = postgres.create_database(postgres_server, f"idle_{next(_names)}")

    def count() -> int:
        with psycopg.connect(url, autocommit=True) as connection:
            return len(connection.execute(CONNECTIONS).fetchall())

    async def are_connected(number: int) -> bool:
        return await asyncio.to_thread(count) == number

    async def story() -> None:
        async with opened_postgres(url) as database:
            assert await are_connected(0)
            await hold(database, 3)
            await eventually(lambda: are_connected(0))
            await database.ping()

    asyncio.run(story())


def test_the_process_ends_where_the_database_never_answered() -> None:
    """Nothing is left to wait for: no warning of a task that goes on, and no thread."""

    async def story(address: str) -> None:
        database = PostgresDatabase(f"postgresql://todo@{address}/todo")
        await database.open()
        asking = asyncio.create_task(database.ping())
        await asyncio.sleep(0)
        await database.close()
        with pytest.raises(UnavailableError):
            await asking

    with nobody_at() as address:
        asyncio.run(story(address.removeprefix("http://")))
