"""What both databases promise, on both of them."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta, timezone

import anyio
import pytest

from app.backend.database.base import ConflictError, Database, UnavailableError
from tests.app.database.conftest import opened

NOW = datetime(2026, 11, 21, 5, 6, 7, 89, tzinfo=UTC)
ADD = "INSERT INTO users (id, name, created_at) VALUES (:id, :name, :at)"
COUNT = "UPDATE users SET last_task = last_task + 1 WHERE id = :id RETURNING last_task"
COUNTED = "SELECT last_task FROM users WHERE id = :id"

_names = (f"somebody-{number}" for number in itertools.count())


async def add_user(database: Database) -> str:
    """Add a user; return the id."""
    name = next(_names)
    async with database.begin() as transaction:
        assert await transaction.run(ADD, id=name, name=None, at=NOW) == 1
    return name


async def counted(database: Database, user: str) -> int:
    """Return how often a user was counted up."""
    async with database.begin(write=False) as transaction:
        row = await transaction.one(COUNTED, id=user)
    assert row is not None
    return int(row["last_task"])


def test_rows_and_numbers(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            one, two = await add_user(database), await add_user(database)
            async with database.begin() as transaction:
                assert await transaction.one(COUNT, id=one) == {"last_task": 1}
                assert await transaction.one(COUNT, id="nobody") is None
                assert await transaction.one("UPDATE users SET name = name WHERE id = :id", id=one) is None
                assert await transaction.all("SELECT id FROM users WHERE id = :id", id="nobody") == []
                assert await transaction.all("DELETE FROM users WHERE id = :id", id="nobody") == []
                both = "SELECT id, last_task FROM users WHERE id IN (:a, :b) ORDER BY last_task DESC"
                rows = [{"id": one, "last_task": 1}, {"id": two, "last_task": 0}]
                assert await transaction.all(both, a=one, b=two) == rows
                assert await transaction.one(both, a=one, b=two) == rows[0]
                assert await transaction.run("UPDATE users SET last_task = 9 WHERE id IN (:a, :b)", a=one, b=two) == 2
                assert await transaction.run("DELETE FROM users WHERE id = :id", id="nobody") == 0
                percent = "SELECT 7 % 4 AS rest, '10:30 %' AS text WHERE :id LIKE 'somebody%'"
                assert await transaction.one(percent, id=one) == {"rest": 3, "text": "10:30 %"}
            await database.ping()

    asyncio.run(story())


def test_values_come_back_as_they_went_in(url: str) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    insert = (
        "INSERT INTO tasks (user_id, id, title, description, completed, created_at, updated_at, deleted_at) "
        "VALUES (:user, 1, :title, '', :yes, :at, :at, :never)"
    )
    found = "SELECT title, completed, created_at, deleted_at FROM tasks WHERE user_id = :user AND created_at = :at"

    async def story() -> None:
        async with opened(url) as database:
            user = await add_user(database)
            title = "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{BANANA} %s :user ' \" \\"
            async with database.begin() as transaction:
                await transaction.run(insert, user=user, title=title, yes=True, at=elsewhere, never=None)
                row = await transaction.one(found, user=user, at=NOW)
            assert row is not None
            assert (row["title"], bool(row["completed"]), row["deleted_at"]) == (title, True, None)
            at = row["created_at"]
            assert at == (NOW if database.kind == "postgres" else "2026-11-21T05:06:07.000089+00:00")
            if isinstance(at, datetime):  # in UTC, wherever the server is at home
                assert at.utcoffset() == timedelta(0)

    asyncio.run(story())


def test_a_block_that_raises_is_rolled_back(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            user = await add_user(database)

            async def work() -> None:
                async with database.begin() as transaction:
                    await transaction.one(COUNT, id=user)
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await work()
            assert await counted(database, user) == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    "statement",
    [
        ADD,  # the key
        "INSERT INTO users (id, name, created_at) VALUES ('another', :name, :at)",  # a unique column
        "INSERT INTO conversations (user_id, created_at, updated_at) VALUES ('nobody', :at, :at)",
    ],
)
def test_a_conflict_undoes_everything_even_when_it_is_caught(url: str, statement: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            user = await add_user(database)
            name = f"n-{user}"
            async with database.begin() as transaction:
                await transaction.run("UPDATE users SET name = :name WHERE id = :id", name=name, id=user)

            async def work() -> None:
                async with database.begin() as transaction:
                    await transaction.one(COUNT, id=user)
                    with pytest.raises(ConflictError) as first:
                        await transaction.run(statement, id=user, name=name, at=NOW)
                    with pytest.raises(ConflictError) as again:
                        await transaction.one(COUNT, id=user)
                    assert first.value is again.value

            with pytest.raises(ConflictError):
                await work()
            assert await counted(database, user) == 0

    asyncio.run(story())


def test_an_error_of_the_statement_is_the_drivers_own(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            with pytest.raises(Exception, match="nonsense") as raised:
                async with database.begin() as transaction:
                    await transaction.one("SELECT * FROM nonsense")
            assert not isinstance(raised.value, (UnavailableError, ConflictError))
            await database.ping()

    asyncio.run(story())


def test_without_write_nothing_can_be_written(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            user = await add_user(database)
            with pytest.raises(Exception, match=r"(?i)read-?only"):
                async with database.begin(write=False) as transaction:
                    await transaction.one(COUNT, id=user)
            assert await counted(database, user) == 0

    asyncio.run(story())


def test_many_at_the_same_time(url: str) -> None:
    async def story() -> None:
        async with opened(url, pool_size=4) as database:
            user = await add_user(database)

            async def count() -> int:
                async with database.begin() as transaction:
                    row = await transaction.one(COUNT, id=user)
                    assert row is not None
                    return int(row["last_task"])

            numbers = await asyncio.gather(
                *(count() for _ in range(100)), *(counted(database, user) for _ in range(50))
            )
            assert sorted(numbers[:100]) == list(range(1, 101))
            assert await counted(database, user) == 100

    asyncio.run(story())


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("after", [0, 0.0003, 0.001, 0.002, 0.004])
def test_who_is_cancelled_leaves_nothing_behind(url: str, write: bool, after: float) -> None:
    """Cancelled wherever it is, more often than there are connections, and once for each time it awaits."""

    async def story() -> None:
        async with opened(url, pool_size=2) as database:
            user = await add_user(database)
            committed = 0

            async def work() -> None:
                nonlocal committed
                async with database.begin(write=write) as transaction:
                    for _ in range(3):
                        await transaction.one(COUNT if write else COUNTED, id=user)
                    committed += 3  # from here on it may be, or not

            for _ in range(10):
                async with anyio.create_task_group() as group:
                    group.start_soon(work)
                    group.start_soon(work)
                    await asyncio.sleep(after)
                    group.cancel_scope.cancel()
            # Every connection is of use: so many at the same time find one, and see whole transactions alone.
            assert set(await asyncio.gather(*(counted(database, user) for _ in range(8)))) <= set(
                range(0, (committed if write else 0) + 1, 3)
            )
            async with database.begin() as transaction:
                assert await transaction.one(COUNT, id=user) is not None

    asyncio.run(story())


def test_who_is_cancelled_in_the_block_is_rolled_back(url: str) -> None:
    async def story() -> None:
        async with opened(url, pool_size=1) as database:
            user = await add_user(database)
            counting = asyncio.Event()

            async def work() -> None:
                async with database.begin() as transaction:
                    await transaction.one(COUNT, id=user)
                    counting.set()
                    await asyncio.Event().wait()

            for _ in range(3):
                task = asyncio.create_task(work())
                await counting.wait()
                counting.clear()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await counted(database, user) == 0

    asyncio.run(story())


def test_a_closed_database_says_so(url: str) -> None:
    async def story() -> None:
        async with opened(url) as database:
            await database.ping()
        for write in (True, False):
            with pytest.raises(UnavailableError, match="closed: shutting down"):
                async with database.begin(write=write):
                    pass
        await database.close()

    asyncio.run(story())


def test_every_transaction_says_whether_the_database_answered(url: str) -> None:
    async def story() -> None:
        heard: list[bool] = []
        async with opened(url) as database:
            database.watch = heard.append
            await database.ping()
            async with database.begin():
                pass
        with pytest.raises(UnavailableError):
            await database.ping()
        assert heard == [True, True, False]

    asyncio.run(story())
