"""The connection: how often, how long and with which pauses a request is tried again."""

import threading
from collections.abc import Callable, Iterator

import pytest

from kubetasks.errors import ClusterUnreachable, Forbidden, Interrupted
from kubetasks.targets import link
from kubetasks.targets.link import Attempt, Link, Lost
from tests.memory_store import Clock

FIRST = 8.0


@pytest.fixture(autouse=True)
def _first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "FIRST_CONTACT", FIRST)
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(clock: Clock, **more: object) -> Link:
    return Link(120.0, monotonic=clock, sleep=clock.sleep, **more)  # type: ignore[arg-type]


def lost(*, passing: bool = True) -> Lost:
    return Lost(ClusterUnreachable("it does not answer", why="TLS handshake timeout"), passing=passing)


def failing(times: int, clock: Clock, takes: float = 0.0) -> tuple[Callable[[Attempt], str], list[Attempt]]:
    seen: list[Attempt] = []

    def attempt(state: Attempt) -> str:
        seen.append(Attempt(state.left, state.number, state.elapsed, state.lost))
        clock.now += takes
        if len(seen) <= times:
            raise lost()
        return "answer"

    return attempt, seen


def test_an_answer_takes_one_attempt_and_no_time(clock: Clock) -> None:
    attempt, seen = failing(0, clock)
    connection = made(clock)
    assert connection.until_answered(attempt) == "answer"
    assert (len(seen), clock.now, connection.waited, connection.answered) == (1, 0, 0, True)


def test_pauses_grow(clock: Clock) -> None:
    attempt, seen = failing(6, clock)
    made(clock, answered=True).until_answered(attempt)
    assert [round(each.elapsed, 1) for each in seen] == [0, 0.2, 0.6, 1.4, 2.9, 5.9, 8.9]
    assert [each.lost for each in seen] == [False, *[True] * 6]


def test_the_first_contact_is_tried_briefly_and_a_known_cluster_for_as_long_as_a_deploy_may_take(clock: Clock) -> None:
    connection = made(clock)
    with pytest.raises(ClusterUnreachable, match="TLS handshake timeout"):
        connection.until_answered(failing(999, clock)[0])
    assert FIRST - 3 < clock.now <= FIRST
    clock.now = 0
    connection = made(clock, answered=True)
    with pytest.raises(ClusterUnreachable):
        connection.until_answered(failing(999, clock, takes=10)[0])
    assert 110 < clock.now <= 130


def test_a_short_deadline_is_kept_at_the_first_contact_too(clock: Clock) -> None:
    connection = Link(2.0, monotonic=clock, sleep=clock.sleep)
    with pytest.raises(ClusterUnreachable):
        connection.until_answered(failing(999, clock)[0])
    assert clock.now <= 2


def test_what_does_not_pass_and_what_may_not_be_repeated_is_not_tried_again(clock: Clock) -> None:
    for passing, repeat in ((False, True), (True, False)):
        calls: list[int] = []

        def attempt(_: Attempt, calls: list[int] = calls, passing: bool = passing) -> None:
            calls.append(1)
            raise lost(passing=passing)

        with pytest.raises(ClusterUnreachable):
            made(clock, answered=True).until_answered(attempt, repeat=repeat)
        assert len(calls) == 1
    assert clock.now == 0


def test_an_answer_that_refuses_ends_it(clock: Clock) -> None:
    def attempt(_: Attempt) -> None:
        raise Forbidden("you may not")

    with pytest.raises(Forbidden):
        made(clock).until_answered(attempt)


def test_after_the_patience_cleaning_up_does_not_wait_as_long_again(clock: Clock) -> None:
    connection = made(clock, answered=True)
    with pytest.raises(ClusterUnreachable):
        connection.until_answered(failing(999, clock)[0])
    began = clock.now
    with pytest.raises(ClusterUnreachable):
        connection.until_answered(failing(999, clock)[0])
    assert clock.now - began <= link.AFTERWARDS
    assert connection.until_answered(failing(1, clock)[0]) == "answer"
    began = clock.now
    connection.until_answered(failing(9, clock)[0])
    assert clock.now - began > link.AFTERWARDS


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Interrupted("interrupted")])
@pytest.mark.parametrize("while_waiting", [True, False])
def test_ctrl_c_ends_the_trying_and_hurries_what_is_cleaned_up(
    clock: Clock, stop: BaseException, while_waiting: bool
) -> None:
    def press(_: float) -> None:
        raise KeyboardInterrupt

    def attempt(_: Attempt) -> None:
        if while_waiting:
            raise lost()
        raise stop

    connection = made(clock, answered=True)
    connection.sleep = press
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        connection.until_answered(attempt)
    connection.sleep = clock.sleep
    with pytest.raises(ClusterUnreachable):
        connection.until_answered(failing(999, clock)[0])
    assert clock.now <= link.AFTERWARDS


def test_the_clock_stands_still_while_the_connection_is_lost(clock: Clock) -> None:
    connection = made(clock, answered=True)
    clock.now += 5
    connection.until_answered(failing(4, clock, takes=20)[0])
    assert connection.clock() == pytest.approx(5)
    clock.now += 3
    assert connection.clock() == pytest.approx(8)


def test_a_slow_answer_is_time_like_any_other(clock: Clock) -> None:
    connection = made(clock, answered=True)
    connection.until_answered(failing(0, clock, takes=20)[0])
    assert connection.clock() == 20


def test_a_thread_beside_does_not_turn_the_clock(clock: Clock) -> None:
    connection = made(clock, answered=True)
    thread = threading.Thread(target=connection.until_answered, args=(failing(2, clock)[0],))
    thread.start()
    thread.join()
    assert connection.waited == 0


def test_it_is_said_when_it_takes_a_while_and_when_it_is_over(clock: Clock) -> None:
    told: list[str] = []
    connection = made(clock, answered=True, notify=told.append)
    connection.until_answered(failing(1, clock)[0])
    assert told == []
    connection.until_answered(failing(5, clock)[0])
    assert told == [
        "no connection to the cluster (TLS handshake timeout); trying again for 117 s",
        "the cluster answers again after 6 s",
    ]


def test_pauses_differ_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Iterator[float] = iter([0.8, 1.2])
    monkeypatch.setattr("random.uniform", lambda low, high: next(asked))
    clock = Clock()
    made(clock, answered=True).until_answered(failing(2, clock)[0])
    assert clock.now == pytest.approx(0.2 * 0.8 + 0.4 * 1.2)


def test_what_an_attempt_asks_for_itself_is_counted_once(clock: Clock) -> None:
    connection = made(clock, answered=True)

    def attempt(state: Attempt) -> str:
        if not state.lost:
            raise lost()
        return connection.until_answered(failing(3, clock)[0])

    assert connection.until_answered(attempt) == "answer"
    assert connection.waited == pytest.approx(clock.now)
    assert connection.clock() == pytest.approx(0)


def test_several_that_wait_say_so_once(clock: Clock) -> None:
    said: list[str] = []
    connection = made(clock, answered=True, notify=said.append)

    def attempt(state: Attempt) -> str:
        if state.number < 9:
            raise lost()
        return connection.until_answered(failing(9, clock)[0])

    connection.until_answered(attempt)
    assert [line.partition(" (")[0] for line in said] == ["no connection to the cluster", said[1]]
    assert said[1].startswith("the cluster answers again after ")
    connection.until_answered(failing(9, clock)[0])
    assert len(said) == 4
