"""Going on after what an earlier attempt did."""

import json

from agents.testing import assistant_message

from app.backend.assistants.protocol import Called, Calling
from tests.app.model.scripted import RULES, answer, assistant, recorded, text, use
from tests.app.model.turns import FakeTurn


def test_it_goes_on_after_what_an_earlier_attempt_did() -> None:
    made, model = assistant([use("add_task", title="eggs")], [assistant_message("Both are there.")])
    turn = FakeTurn("add milk and eggs", done=[recorded("add_task", title="milk")])
    events = answer(made, turn)
    assert [(event.position, event.tool) for event in events if isinstance(event, Calling)] == [
        (0, "add_task"),
        (1, "add_task"),
    ]
    assert [call.arguments for call in turn.calls] == [{"title": "eggs"}]
    *_, called, came = model.calls[0].input
    assert (called["type"], json.loads(called["arguments"])) == ("function_call", {"title": "milk"})
    assert json.loads(came["output"])["summary"] == "Earlier: add_task."
    assert called["call_id"] == came["call_id"]


def test_it_does_not_repeat_what_an_earlier_attempt_did_even_if_it_tries() -> None:
    made, _ = assistant([use("add_task", title="milk")], [assistant_message("Done.")])
    done = recorded("add_task", title="milk")
    turn = FakeTurn("add milk", done=[done])
    events = answer(made, turn)
    assert turn.calls == []
    assert [event for event in events if isinstance(event, Called)] == [Called(0, done), Called(0, done)]


def test_a_failure_after_an_earlier_attempt_changed_something_repeats_nothing() -> None:
    made, _ = assistant(RuntimeError("gone"))
    turn = FakeTurn("add milk", done=[recorded("add_task", title="milk")])
    assert text(answer(made, turn)) == "Earlier: add_task."
    assert turn.assistant is None


def test_a_failure_after_an_earlier_attempt_only_looked_leaves_it_to_the_rules() -> None:
    made, _ = assistant(RuntimeError("gone"))
    assert text(answer(made, FakeTurn("x", done=[recorded("list_tasks", undoable=False)]))) == RULES
