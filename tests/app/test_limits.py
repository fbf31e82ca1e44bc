"""How often somebody may ask."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.limits import SWEEP_SECONDS, Limits, TooManyError
from app.backend.settings import Settings
from tests.app.conftest import SECRET, User


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, **values: Any) -> Limits:
    """Limits by a clock."""
    return Limits(Settings(database_url="sqlite:////none", jwt_secret=SECRET, **values), clock=clock)


def retry_after(limits: Limits, user_id: str) -> int:
    """Be refused, and return when to come back."""
    with pytest.raises(TooManyError) as refused:
        limits.user(user_id)
    return refused.value.retry_after


def test_a_window_begins_with_the_first_request_and_ends() -> None:
    clock = Clock()
    limits = made(clock, rate_limit="3/minute")
    for _ in range(3):
        limits.user("ann")
    assert retry_after(limits, "ann") == 60
    clock.now += 58.5
    assert retry_after(limits, "ann") == 2
    clock.now += 1.4
    assert retry_after(limits, "ann") == 1
    clock.now += 0.2
    limits.user("ann")


def test_each_user_and_each_kind_counts_alone() -> None:
    limits = made(Clock(), rate_limit="1/minute", chat_rate_limit="1/minute", login_rate_limit="1/minute")
    for who in ("ann", "ben"):
        limits.user(who)
        limits.chat(who)
        limits.login(who)
    for count in (limits.user, limits.chat, limits.login):
        with pytest.raises(TooManyError):
            count("ann")


def test_a_limit_may_be_off() -> None:
    limits = made(Clock(), rate_limit=None, chat_rate_limit=None, login_rate_limit=None)
    for _ in range(10_000):
        limits.user("ann")
        limits.login("ann")


def test_users_of_long_ago_are_forgotten() -> None:
    clock = Clock()
    limits = made(clock, rate_limit="3/second")
    for number in range(1000):
        limits.user(f"user {number}")
    clock.now += SWEEP_SECONDS + 1
    limits.user("ann")
    assert limits._storage.reset() == 1


@pytest.fixture
def strict(url: str) -> Iterator[TestClient]:
    """A backend that allows little."""
    settings = Settings(
        database_url=url, jwt_secret=SECRET, rate_limit="4/hour", chat_rate_limit="2/hour", login_rate_limit="3/hour"
    )
    with TestClient(create_app(settings)) as client:
        yield client


def refused(answer: Any) -> bool:
    """Tell whether an answer is a refusal as documented."""
    if answer.status_code != 429:
        return False
    assert answer.json() == {"detail": "too many requests"}
    assert 3500 < int(answer.headers["Retry-After"]) <= 3600
    return True


def test_requests_of_a_user(strict: TestClient) -> None:
    ann, ben = User(strict), User(strict)
    assert [refused(ann.ask("GET", "/tasks")) for _ in range(5)] == [False] * 4 + [True]
    assert refused(ann.ask("POST", "/tasks", json={"title": "a"}))
    assert refused(strict.post("/api/logout", headers=ann.headers))
    assert refused(strict.post("/api/renew", json={"refresh_token": ann.refresh_token}))
    assert refused(strict.post("/mcp", json={}, headers=ann.headers))
    assert ben.ask("GET", "/tasks").status_code == 200
    # What is refused anyway does not count against the one it is about.
    assert strict.get(f"/api/{ben.id}/tasks").status_code == 401
    assert [refused(ben.ask("GET", "/tasks")) for _ in range(4)] == [False] * 3 + [True]


def test_turns_of_a_user(strict: TestClient) -> None:
    ann = User(strict)
    turns = [ann.ask("POST", "/chat", json={"message": "hello"}) for _ in range(3)]
    assert [refused(answer) for answer in turns] == [False, False, True]
    assert ann.ask("GET", "/tasks").status_code == 200


def test_attempts_to_log_in_by_name(strict: TestClient) -> None:
    attempts = [{"name": name, "password": "not the one"} for name in ("nobody", "NOBODY", "nobody", "Nobody")]
    answers = [strict.post("/api/login", json=each) for each in attempts]
    assert [refused(answer) for answer in answers] == [False] * 3 + [True]
    assert refused(strict.post("/api/accounts", json=attempts[0]))
    assert strict.post("/api/login", json={**attempts[0], "name": "another"}).status_code == 401
