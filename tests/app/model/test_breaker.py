"""An endpoint that is down is left alone, and asked again when it is back, however many turns there are meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest
from agents.exceptions import MaxTurnsExceeded, ModelBehaviorError
from agents.testing import assistant_message

from app.backend.assistants.model.assistant import ModelAssistant, make
from app.backend.assistants.model.breaker import Breaker
from app.backend.assistants.model.failures import Failure, failure
from app.backend.assistants.protocol import Calling
from tests.app.model.endpoint import KEY, Step, hang, say, send_all, serving, status
from tests.app.model.scripted import RULES, answer, assistant, notices, text, use
from tests.app.model.turns import FakeRules, FakeTurn

REQUEST = httpx2.Request("POST", "http://model/v1")
ALONE = "The language model did not answer (it is paused after several failures); simple rules did."


def answered(code: int) -> openai.APIStatusError:
    return openai.APIStatusError("", response=httpx2.Response(code, request=REQUEST), body=None)


DOWN = [
    *(answered(code) for code in (408, 429, 500, 502, 503, 504, 529)),
    openai.APIConnectionError(request=REQUEST),
    openai.APITimeoutError(REQUEST),
    httpx2.ReadError("cut"),
    httpx2.RemoteProtocolError("cut"),
    httpx2.ReadTimeout("slow"),
]
NOT_DOWN = [
    *(answered(code) for code in (400, 401, 403, 404, 413, 422)),
    MaxTurnsExceeded("again and again"),
    ModelBehaviorError("nonsense"),
    ValueError("nonsense"),
    RuntimeError("nonsense"),
    Failure("its answer was too long"),
]


@pytest.mark.parametrize("error", DOWN, ids=repr)
def test_these_say_that_the_endpoint_is_down(error: Exception) -> None:
    assert failure(error).down


@pytest.mark.parametrize("error", NOT_DOWN, ids=repr)
def test_these_do_not(error: Exception) -> None:
    assert not failure(error).down


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def asked(breaker: Breaker, *, down: bool | None = None) -> Iterator[bool]:
    """Ask, if that is possible, and say how it ended; None: it never ends."""
    with breaker.asking() as turn:
        yield turn is not None
        if turn and down is not None:
            turn.ended(down=down)


def ask(breaker: Breaker, *, down: bool | None = None) -> bool:
    with asked(breaker, down=down) as was:
        return was


def test_refusals_do_not_count() -> None:
    clock = Clock()
    breaker = Breaker(3, 30, clock)
    assert [ask(breaker, down=True) for _ in range(5)] == [True, True, True, False, False]
    for _ in range(200):  # traffic, all through the pause
        clock.now += 0.149
        assert not ask(breaker, down=False)
    clock.now += 0.3
    assert ask(breaker, down=False)
    assert [ask(breaker, down=True) for _ in range(4)] == [True, True, True, False]  # it is closed: three again


def test_one_turn_finds_out() -> None:
    clock = Clock()
    breaker = Breaker(1, 30, clock)
    ask(breaker, down=True)
    clock.now += 30
    with breaker.asking() as probe:
        assert probe is not None
        assert probe.probe
        assert not any(ask(breaker) for _ in range(5))
        probe.ended(down=True)
    assert not ask(breaker)
    clock.now += 30
    with breaker.asking() as probe:
        assert probe is not None
        probe.ended(down=False)
        assert ask(breaker)


def test_a_turn_that_is_left_finds_out_nothing() -> None:
    clock = Clock()
    breaker = Breaker(1, 30, clock)
    ask(breaker, down=True)
    clock.now += 30
    assert ask(breaker, down=None)
    assert ask(breaker, down=None)  # the next one may
    assert ask(breaker, down=False)
    assert ask(breaker, down=None)


def test_what_began_before_does_not_count_after() -> None:
    """Turns time out, one after the other: the endpoint is asked again 30 s after the third, not the last."""
    clock = Clock()
    breaker = Breaker(3, 30, clock)
    with asked(breaker, down=True), asked(breaker, down=True):
        for _ in range(3):
            ask(breaker, down=True)
        clock.now += 29
    clock.now += 1
    with asked(breaker, down=True) as slow:
        assert slow
        with breaker.asking() as other:
            assert other is None
    assert not ask(breaker)


def test_a_late_success_of_before_does_not_close_it() -> None:
    breaker = Breaker(1, 30, Clock())
    with asked(breaker, down=False):
        ask(breaker, down=True)
    assert not ask(breaker)


def test_after_three_failures_it_is_left_alone_for_a_while() -> None:
    gone = [openai.APIConnectionError(request=REQUEST)] * 3
    made, model = assistant(*gone, [assistant_message("Back.")], [assistant_message("Still.")])
    clock = Clock()
    made.breaker = Breaker(clock=clock)
    for turn in range(10):
        events = answer(made, FakeTurn("x"))
        assert text(events) == RULES
        assert (notices(events) == [ALONE]) is (turn >= 3)
        clock.now += 2.9
    assert len(model.calls) == 3
    clock.now += 10
    assert text(answer(made, FakeTurn("x"))) == "Back."
    assert text(answer(made, FakeTurn("x"))) == "Still."


def test_answers_that_make_no_sense_do_not_switch_it_off() -> None:
    made, model = assistant(*[RuntimeError("nonsense")] * 6, [assistant_message("Sense.")])
    for _ in range(6):
        assert text(answer(made, FakeTurn("x"))) == RULES
    assert text(answer(made, FakeTurn("x"))) == "Sense."
    assert len(model.calls) == 7


def test_a_user_who_leaves_while_it_is_found_out_leaves_it_to_the_next() -> None:
    gone = [openai.APIConnectionError(request=REQUEST)] * 3
    made, _ = assistant(*gone, [use("list_tasks")], [assistant_message("Back.")])
    clock = Clock()
    made.breaker = Breaker(clock=clock)
    for _ in range(3):
        answer(made, FakeTurn("x"))
    clock.now += 31

    async def leave() -> None:
        events = made.answer(FakeTurn("x"))
        assert isinstance(await anext(events), Calling)
        await events.aclose()

    asyncio.run(leave())
    assert text(answer(made, FakeTurn("x"))) == "Back."


@pytest.mark.parametrize("failing", [status(503), status(429), hang()], ids=["503", "429", "silent"])
def test_a_real_endpoint_comes_back_under_traffic(failing: Step) -> None:
    """Four users talk without a pause while the endpoint is down, and for a while after it is back."""
    with serving(failing) as endpoint:
        made = make(endpoint.url, "m", KEY, FakeRules(), seconds=1, calls=3)
        made.breaker = Breaker(3, 0.5)

        async def user(end: asyncio.Event, said: list[str]) -> None:
            while not end.is_set():
                said.append(await one(made))
                await asyncio.sleep(0.01)

        async def traffic() -> None:
            end, said = asyncio.Event(), list[str]()
            users = [asyncio.create_task(user(end, said)) for _ in range(4)]
            await asyncio.sleep(3)
            down = len(endpoint.requests)
            endpoint.script[:] = [say("Back again.")]
            assert down < 20  # mostly, it was left alone
            async with asyncio.timeout(30):
                while said.count("Back again.") < 20:  # noqa: ASYNC110 - a test
                    await asyncio.sleep(0.05)
            end.set()
            await asyncio.gather(*users)

        asyncio.run(traffic())


def test_a_wrong_key_is_told_every_time() -> None:
    with serving(status(401)) as endpoint:
        made = make(endpoint.url, "m", KEY, FakeRules(), seconds=5, calls=3)
        for _ in range(5):
            assert asyncio.run(one(made)) == RULES
        assert len(endpoint.requests) == 5


def test_an_endpoint_that_says_something_else_is_not_down() -> None:
    with serving(send_all(b"<html>", "text/html")) as endpoint:
        made = make(endpoint.url, "m", KEY, FakeRules(), seconds=5, calls=3)
        for _ in range(5):
            assert asyncio.run(one(made)) == RULES
        assert len(endpoint.requests) == 5


async def one(made: ModelAssistant) -> str:
    events: list[Any] = [event async for event in made.answer(FakeTurn("x"))]
    return text(events)
