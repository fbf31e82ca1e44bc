"""SQLite: files that are missing, locked or something else, and how they are opened."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.backend import migrate
from app.backend.database import make_database
from app.backend.database.base import Database, UnavailableError
from app.backend.database.sqlite import SqliteDatabase
from tests.app.database.conftest import opened, opened_sqlite

ADD = "INSERT INTO users (id, created_at) VALUES (:id, '2026-11-21T00:00:00.000000+00:00')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is up to date, at a path that has to be quoted in a URI."""
    path = tmp_path / "to do?#%41.db"
    migrate.upgrade(f"sqlite:///{tmp_path}/made.db", 10)
    (tmp_path / "made.db").rename(path)
    return path


@pytest.fixture
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection, holding the write lock."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def fails(database: Database, *, write: bool) -> str:
    """Return why a transaction is not to be had."""
    with pytest.raises(UnavailableError) as raised:
        async with database.begin(write=write) as transaction:
            await transaction.one("SELECT count(*) AS n FROM users")
    return str(raised.value)


def test_how_it_is_opened(file: Path) -> None:
    async def story() -> None:
        async with opened_sqlite(file) as database:
            for write in (True, False):
                async with database.begin(write=write) as transaction:
                    assert await transaction.one("PRAGMA journal_mode") == {"journal_mode": "wal"}
                    assert await transaction.one("PRAGMA foreign_keys") == {"foreign_keys": 1}
                    assert await transaction.one("PRAGMA busy_timeout") == {"timeout": 5000}

    asyncio.run(story())


def test_closing_ends_every_thread(file: Path) -> None:
    before = set(threading.enumerate())
    made: set[threading.Thread] = set()

    async def story() -> None:
        async with opened_sqlite(file) as database, database.begin(), database.begin(write=False):
            made.update(set(threading.enumerate()) - before)

    asyncio.run(story())
    assert len(made) == 2
    for thread in made:
        thread.join(20)
        assert not thread.is_alive()


def test_a_file_that_is_missing_is_not_made_and_is_found_when_it_comes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/folder/todo.db"

    async def story() -> None:
        async with opened(url) as database:
            for write in (True, False) * 5:  # more often than there are connections
                assert await fails(database, write=write) == "unable to open database file"
            assert not (tmp_path / "folder").exists()
            await asyncio.to_thread(migrate.upgrade, url, 10)
            async with database.begin() as transaction:
                assert await transaction.run(ADD, id="a") == 1

    asyncio.run(story())


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "todo.db").write_text("no database at all, but some text, which is long enough to be looked at" * 20)

    async def story() -> None:
        async with opened(f"sqlite:///{tmp_path}/todo.db") as database:
            for write in (True, False) * 5:
                assert await fails(database, write=write) == "file is not a database"
            with pytest.raises(UnavailableError):
                await database.ping()

    asyncio.run(story())


def test_a_lock_of_another_process_is_waited_for_and_then_told(file: Path, locked: sqlite3.Connection) -> None:
    async def story() -> None:
        async with opened_sqlite(file, busy_seconds=0.1) as database:
            for _ in range(3):
                assert await fails(database, write=True) == "database is locked"
            async with database.begin(write=False) as transaction:  # reading needs no lock
                assert await transaction.one("SELECT count(*) AS n FROM users") == {"n": 0}
            locked.execute("ROLLBACK")
            async with database.begin() as transaction:
                assert await transaction.run(ADD, id="a") == 1

    asyncio.run(story())


def test_who_waits_for_the_lock_of_another_process_can_be_cancelled(file: Path, locked: sqlite3.Connection) -> None:
    async def story() -> None:
        async with opened_sqlite(file, busy_seconds=20) as database:

            async def write() -> None:
                async with database.begin() as transaction:
                    await transaction.run(ADD, id="never")

            task = asyncio.create_task(write())
            await asyncio.sleep(0.1)
            task.cancel()
            # Its connection still waits, in a thread; it gets the lock, and gives it back.
            asyncio.get_running_loop().call_later(0.1, locked.execute, "ROLLBACK")
            with pytest.raises(asyncio.CancelledError):
                await task
            async with database.begin() as transaction:
                assert await transaction.one("SELECT count(*) AS n FROM users") == {"n": 0}

    asyncio.run(story())


def test_a_writer_of_our_own_is_waited_for_and_reading_goes_on(file: Path) -> None:
    async def story() -> None:
        async with opened_sqlite(file, busy_seconds=0.1) as database:
            async with database.begin() as writing:
                await writing.run(ADD, id="a")
                assert "database is locked" in await fails(database, write=True)
                async with database.begin(write=False) as reading:
                    assert await reading.one("SELECT count(*) AS n FROM users") == {"n": 0}
            async with database.begin(write=False) as reading:
                assert await reading.one("SELECT count(*) AS n FROM users") == {"n": 1}

    asyncio.run(story())


def test_only_the_driver_that_is_needed_is_imported() -> None:
    assert isinstance(make_database("sqlite:////data/todo.db"), SqliteDatabase)
    assert make_database("postgresql://h/d").kind == "postgres"
