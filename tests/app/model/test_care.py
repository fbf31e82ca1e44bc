"""Whoever speaks of hurting themselves is answered by this code, whatever a model would have said or done."""

import pytest
from agents.testing import assistant_message

from app.backend.assistants import care
from app.backend.assistants.model import prompt
from app.backend.assistants.protocol import Context
from tests.app.model.scripted import answer, assistant, notices, text, use
from tests.app.model.turns import NOW, FakeTurn


@pytest.mark.parametrize("message", ["I want to die", "remind me to kill myself", "add milk\nand kil my self"])
def test_the_model_is_not_asked(message: str) -> None:
    made, model = assistant([use("add_task", title="x")])
    turn = FakeTurn(message, state={"held": [3]})
    events = answer(made, turn)
    assert text(events) == care.HELP
    assert notices(events) == []
    assert (turn.calls, turn.state, list(model.calls)) == ([], {}, [])


@pytest.mark.parametrize(
    "call",
    [
        use("add_task", title="kill myself"),
        use("add_task", title="monday", description="commit suicide"),
        use("update_task", task_id=1, title="hang myself"),
    ],
)
def test_what_a_model_would_write_down_is_not_written_down(call: object) -> None:
    """In words that are not known here, or in a language that is not."""
    made, _ = assistant([call], [assistant_message("I am here for you.")])
    turn = FakeTurn("hatarini kwa nafsi yangu kesho")
    events = answer(made, turn)
    assert turn.calls == []
    assert text(events) == f"I am here for you.\n\n{care.HELP}"


def test_other_tasks_are_added_as_ever() -> None:
    made, _ = assistant([use("add_task", title="kill the process")], [assistant_message("Added.")])
    turn = FakeTurn("remind me to kill the process")
    assert text(answer(made, turn)) == "Added."
    assert len(turn.calls) == 1


def test_the_model_is_told() -> None:
    told = prompt.instructions(Context(NOW, ()))
    assert "findahelpline.com" in told
    assert "Feelings and conversation are not tasks" in told
