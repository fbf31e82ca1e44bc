"""/health, /ready, and what happens when the database is away."""

import asyncio
import re
import threading
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.backend.application import create_app
from app.backend.db import PAUSES, Database
from app.backend.readiness import Readiness
from app.backend.settings import Settings
from tests.app.conftest import SECRET, User
from tests.app.servers import nobody_at


class FakeDatabase(Database):
    """Answers as it is told, and counts how often it was asked."""

    def __init__(self) -> None:
        self.url = "postgresql://u:p4ss@h/d"
        self.asked = 0
        self.away = False
        self.answers = threading.Event()
        self.answers.set()

    def ping(self) -> None:
        self.asked += 1
        assert self.answers.wait(30)
        if self.away:
            raise OperationalError("SELECT 1", {}, Exception("no route to p4ss\nmore"))


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def away() -> Iterator[TestClient]:
    """A backend whose database refuses connections."""
    with nobody_at() as address:
        url = f"postgresql://todo:s3cret@{address.removeprefix('http://')}/todo"
        app = create_app(Settings(database_url=url, jwt_secret=SECRET, ready_timeout_seconds=20))
        app.state.database._sleep = lambda _seconds: None
        with TestClient(app) as made:
            yield made


def test_both_answer(client: TestClient) -> None:
    assert (client.get("/health").status_code, client.get("/health").json()) == (200, {"status": "ok"})
    assert (client.get("/ready").status_code, client.get("/ready").json()) == (200, {"status": "ready"})


def test_without_a_database_the_process_is_well_and_not_ready(away: TestClient) -> None:
    assert away.get("/health").status_code == 200
    answer = away.get("/ready")
    assert answer.status_code == 503
    assert re.match(r"the database does not answer: .*refused", answer.json()["detail"])
    assert "s3cret" not in answer.text


def test_without_a_database_requests_are_refused(away: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    user = User(away)  # a session needs no database
    for answer in (user.ask("GET", "/tasks"), user.ask("POST", "/chat", json={"message": "list"})):
        assert (answer.status_code, answer.json()) == (503, {"detail": "the database cannot be reached"})
        assert answer.headers["Retry-After"] == "2"
    assert "refused" in caplog.text
    assert "s3cret" not in caplog.text


def test_connecting_is_tried_again() -> None:
    pauses: list[float] = []
    with nobody_at() as address:
        database = Database(f"postgresql://todo@{address.removeprefix('http://')}/todo", sleep=pauses.append)
        with pytest.raises(OperationalError):
            database.ping()
        database.close()
    assert tuple(pauses) == PAUSES


def test_an_answer_is_kept_for_a_while() -> None:
    database, clock = FakeDatabase(), Clock()

    async def story() -> None:
        readiness = Readiness(database, keep=5, patience=20, clock=clock)
        assert await readiness.problem() is None
        database.away = True
        clock.now += 4.9
        assert await readiness.problem() is None
        assert database.asked == 1
        clock.now += 0.1
        assert await readiness.problem() == "the database does not answer: no route to ***"
        database.away = False
        clock.now += 5
        assert await readiness.problem() is None
        assert database.asked == 3

    asyncio.run(story())


def test_many_probes_ask_once() -> None:
    database = FakeDatabase()

    async def story() -> None:
        readiness = Readiness(database, keep=5, patience=20, clock=Clock())
        assert await asyncio.gather(*(readiness.problem() for _ in range(10))) == [None] * 10

    asyncio.run(story())
    assert database.asked == 1


def test_a_silent_database_is_not_waited_for() -> None:
    database = FakeDatabase()
    database.answers.clear()

    async def story() -> None:
        readiness = Readiness(database, keep=5, patience=0.01, clock=Clock())
        for _ in range(2):
            assert await readiness.problem() == "the database has not answered within 0.01 s"
        database.answers.set()
        assert readiness._asked is not None
        await readiness._asked
        assert await readiness.problem() is None

    asyncio.run(story())
    assert database.asked == 1
