"""What /ready says, and how seldom the database is asked for it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

import pytest

from app.backend.database.base import Transaction, UnavailableError
from app.backend.readiness import Readiness
from tests.app.database.conftest import eventually


class FakeDatabase:
    """Answers as it is told, and counts how often it was asked."""

    kind: Literal["postgres", "sqlite"] = "postgres"

    def __init__(self) -> None:
        self.watch: Callable[[bool], None] = lambda _answered: None
        self.asked = 0
        self.away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def ping(self) -> None:
        self.asked += 1
        await self.answers.wait()
        if self.away:
            raise UnavailableError("no route")

    async def open(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    def begin(self, *, write: bool = True) -> AbstractAsyncContextManager[Transaction]:
        raise NotImplementedError


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


Story = Callable[[Readiness, FakeDatabase, Clock], Coroutine[Any, Any, None]]


def play(story: Story, *, patience: float = 20, again: float = 0.001) -> None:
    """Play a story, with answers that hold for an hour."""

    async def played() -> None:
        database, clock = FakeDatabase(), Clock()
        readiness = Readiness(database, keep=3600, patience=patience, again=again, clock=clock)
        await story(readiness, database, clock)
        await readiness.close()

    asyncio.run(played())


async def until_ready(readiness: Readiness) -> None:
    """Wait until it is ready."""

    async def is_ready() -> bool:
        return await readiness.problem() is None

    await eventually(is_ready)


def test_probes_ask_once_while_the_answer_holds() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        assert await asyncio.gather(*(readiness.problem() for _ in range(10))) == [None] * 10
        for _ in range(10):
            clock.now += 359
            assert await readiness.problem() is None
        assert database.asked == 1
        clock.now += 11
        assert await readiness.problem() is None
        assert database.asked == 2

    play(story)


def test_transactions_answer_for_the_database() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        for _ in range(5):
            database.watch(True)
            clock.now += 3599
            assert await readiness.problem() is None
        assert database.asked == 0

    play(story)


def test_a_transaction_that_fails_has_the_database_asked() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        database.watch(True)
        database.watch(False)  # one connection, or all of it?
        assert await readiness.problem() is None
        assert database.asked == 1
        database.away = True
        database.watch(False)
        assert await readiness.problem() == "the database does not answer: no route"

    play(story)


def test_a_database_that_is_away_is_asked_until_it_answers_without_probes() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        database.away = True
        assert await readiness.problem() == "the database does not answer: no route"

        async def asked_often() -> bool:
            return database.asked >= 5

        await eventually(asked_often)
        assert await readiness.problem() == "the database does not answer: no route"
        database.away = False
        await until_ready(readiness)
        asked = database.asked
        await asyncio.sleep(0.02)
        assert (await readiness.problem(), database.asked) == (None, asked)

    play(story)


def test_a_transaction_that_goes_well_ends_the_outage_at_once() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        database.away = True
        assert await readiness.problem() is not None
        database.watch(True)
        assert await readiness.problem() is None

    play(story, again=3600)


def test_a_silent_database_is_not_waited_for() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        database.answers.clear()
        for _ in range(2):
            assert await readiness.problem() == "the database has not answered within 0.01 s"
        assert database.asked == 1
        database.answers.set()
        await until_ready(readiness)
        assert database.asked == 1

    play(story, patience=0.01)


def test_a_process_that_is_about_to_end_is_not_ready() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        assert await readiness.problem() is None
        readiness.draining = True
        assert await readiness.problem() == "shutting down"

    play(story)


def test_what_is_not_to_be_expected_is_raised() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        async def ping() -> None:
            raise ZeroDivisionError

        database.ping = ping  # type: ignore[method-assign]
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await readiness.problem()

    play(story)


def test_closing_ends_the_asking() -> None:
    async def story(readiness: Readiness, database: FakeDatabase, clock: Clock) -> None:
        database.answers.clear()
        assert await readiness.problem() is not None
        await readiness.close()
        assert len(asyncio.all_tasks()) == 1

    play(story, patience=0.01)
