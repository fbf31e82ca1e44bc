"""An assistant whose model follows a script: the SDK's own scripted model in place of an endpoint."""

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.testing import ScriptedModel, function_call

from app.backend.assistants.model.assistant import ModelAssistant
from app.backend.assistants.protocol import Event, Notice, Token
from app.backend.records import ToolCall, ToolResult
from tests.app.model.turns import FakeRules, FakeTurn

RULES = "The rules answer."


def assistant(*steps: Any, calls: int = 8, seconds: float = 20) -> tuple[ModelAssistant, ScriptedModel]:
    """An assistant with a script."""
    model = ScriptedModel(steps)
    return ModelAssistant(lambda: model, FakeRules(), seconds, calls), model


def answer(made: ModelAssistant, turn: FakeTurn) -> list[Event]:
    """Let it answer."""

    async def collect() -> list[Event]:
        return [event async for event in made.answer(turn)]

    return asyncio.run(collect())


def text(events: Sequence[Event]) -> str:
    """The answer."""
    return "".join(event.text for event in events if isinstance(event, Token))


def notices(events: Sequence[Event]) -> list[str]:
    """The notices."""
    return [event.text for event in events if isinstance(event, Notice)]


def use(tool: str, number: int = 1, **arguments: Any) -> Any:
    """A tool call of the model's."""
    return function_call(tool, arguments, call_id=f"c{number}")


def recorded(tool: Any, number: int = 7, *, undoable: bool = True, **arguments: Any) -> ToolCall:
    """A call that an earlier attempt made."""
    result = ToolResult(ok=True, summary=f"Earlier: {tool}.")
    return ToolCall(id=number, tool=tool, arguments=arguments, result=result, undoable=undoable)
