"""What becomes of a turn when the model fails."""

import asyncio
from typing import Any

import pytest
from agents.testing import assistant_message, function_call

from app.backend.assistants.protocol import Calling
from app.backend.database.base import UnavailableError
from tests.app.model.scripted import RULES, answer, assistant, notices, text, use
from tests.app.model.turns import FakeTurn


@pytest.mark.parametrize("written", ['{"title": "mil', "[1]", "null", '"add"', "{'title': 'x'}"])
def test_arguments_that_cannot_be_read_leave_the_turn_to_the_rules(written: str) -> None:
    made, _ = assistant([function_call("add_task", written, call_id="c")])
    turn = FakeTurn("add milk")
    events = answer(made, turn)
    assert turn.calls == []
    assert turn.assistant is made.rules
    assert text(events) == RULES
    assert notices(events) == [
        "The language model did not answer (it called a tool in a way that cannot be read); simple rules did."
    ]


def test_an_unknown_tool_leaves_the_turn_to_the_rules() -> None:
    made, _ = assistant([use("drop_database")])
    assert text(answer(made, FakeTurn("x"))) == RULES


def test_a_model_that_says_nothing_leaves_the_turn_to_the_rules() -> None:
    made, _ = assistant([])
    assert text(answer(made, FakeTurn("x"))) == RULES


def test_a_model_that_did_something_and_says_nothing_is_spoken_for() -> None:
    made, _ = assistant([use("add_task", title="milk")], [])
    events = answer(made, FakeTurn("add milk"))
    assert text(events) == "Added task 1."
    assert notices(events) == []


def test_what_it_began_to_say_is_set_off_from_what_the_rules_say() -> None:
    made, _ = assistant([assistant_message("Well"), use("list_tasks")], RuntimeError("gone"))
    assert text(answer(made, FakeTurn("x"))) == f"Well …\n\n{RULES}"


def test_after_a_change_the_rules_do_not_do_it_again() -> None:
    made, _ = assistant([use("add_task", title="milk")], RuntimeError("gone"))
    turn = FakeTurn("add milk")
    events = answer(made, turn)
    assert len(turn.calls) == 1
    assert turn.assistant is None
    assert text(events) == "Added task 1."
    assert notices(events) == [
        "The language model stopped halfway (its answer made no sense). What it had done is kept."
    ]


def test_an_endless_loop_of_tools_ends() -> None:
    made, model = assistant(*[[use("list_tasks", n)] for n in range(50)], calls=3)
    turn = FakeTurn("x")
    events = answer(made, turn)
    assert len(turn.calls) == 3
    assert len(model.calls) == 4
    assert text(events) == RULES


def test_so_does_one_of_many_tools_at_once() -> None:
    made, _ = assistant([use("add_task", n, title=str(n)) for n in range(50)], calls=3)
    turn = FakeTurn("x")
    events = answer(made, turn)
    assert len(turn.calls) == 3
    assert text(events) == "Added task 1.\nAdded task 2.\nAdded task 3."
    assert notices(events)[0].startswith("The language model stopped halfway (it called too many tools)")


def test_so_does_one_of_calls_that_are_not_valid() -> None:
    made, model = assistant(*[[use("add_task", n, user_id="x")] for n in range(50)], calls=3)
    assert text(answer(made, FakeTurn("x"))) == RULES
    assert len(model.calls) == 4


def test_an_answer_without_end_ends() -> None:
    made, _ = assistant([assistant_message("x" * 20_000)])
    events = answer(made, FakeTurn("x"))
    assert "it was" not in text(events)
    assert notices(events) == ["The language model did not answer (its answer was too long); simple rules did."]


def test_an_absent_database_is_not_the_models_fault() -> None:
    made, _ = assistant([use("add_task", title="milk")])
    turn = FakeTurn("add milk")
    turn.fail = UnavailableError("gone")
    with pytest.raises(UnavailableError):
        answer(made, turn)
    assert turn.assistant is None


def test_a_user_who_leaves_ends_it() -> None:
    made, _ = assistant([use("add_task", title="milk")], [assistant_message("Done.")])
    turn = FakeTurn("add milk")

    async def leave() -> set[asyncio.Task[Any]]:
        events = made.answer(turn)
        assert isinstance(await anext(events), Calling)
        await events.aclose()
        for _ in range(20):  # what is cancelled ends in its own time
            await asyncio.sleep(0)
        return {one for one in asyncio.all_tasks() if one is not asyncio.current_task()}

    assert asyncio.run(leave()) == set()
    assert turn.calls == []
