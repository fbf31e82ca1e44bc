"""The assistant that asks a language model, and leaves the turn to the rules where that fails."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from agents import Model, set_tracing_disabled

from app.backend.assistants import care
from app.backend.assistants.model import prompt
from app.backend.assistants.model.breaker import Breaker
from app.backend.assistants.model.client import language_model
from app.backend.assistants.model.failures import Failure
from app.backend.assistants.model.functions import InvalidArguments, arguments
from app.backend.assistants.model.guard import STATE, Guard
from app.backend.assistants.model.running import Asked, Run
from app.backend.assistants.protocol import Assistant, Called, Calling, Context, Event, Notice, Plan, Token, Turn
from app.backend.records import ToolCall

LONGEST_ANSWER = 16_000  # characters

log = logging.getLogger("backend.model")
set_tracing_disabled(True)  # the SDK would send every conversation to OpenAI
# They log URLs (which may hold a password) and what an endpoint wrote; what matters is logged here.
for _name in ("openai", "openai.agents", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass
class _Work:
    """What came of a turn so far."""

    calls: list[ToolCall]
    guard: Guard
    earlier: list[tuple[int, ToolCall]]
    """What an earlier attempt did, and this one has not asked for again; by position."""
    asked: int = 0
    said: int = 0  # characters
    fresh: bool = False
    """Whether something happened since the last token, so that the next one begins a paragraph."""

    def position(self, tool: str, values: Mapping[str, Any]) -> int:
        """Return the position of a call: that of the one it repeats, where an earlier attempt has made it."""
        for earlier in self.earlier:
            position, call = earlier
            if (call.tool, call.arguments) == (tool, values):
                self.earlier.remove(earlier)
                return position
        return len(self.calls)

    def changes(self) -> list[ToolCall]:
        return [call for call in self.calls if call.result.ok and (call.undoable or call.tool == "undo")]


@dataclass
class ModelAssistant:
    """Answers with a language model.

    A turn has one time limit for everything, and a limit of tool calls. Where the model fails before it changed
    anything, the rules answer; afterwards the answer says what was done.
    """

    model: Callable[[], Model]
    """Makes the model for a turn."""
    rules: Assistant
    """Who answers where the model does not."""
    seconds: float
    """The time limit of a turn."""
    calls: int
    """How many tool calls a turn may have."""
    breaker: Breaker = field(default_factory=Breaker)
    name: Literal["rules", "model"] = "model"

    def plan(self, message: str, context: Context) -> Plan:
        """Return an empty plan: a model decides as it goes."""
        return {}

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer a turn, going on after what an earlier attempt did."""
        if care.needed(turn.message):  # it is not left to a model what to say
            turn.state = {}
            yield Token(care.HELP)
            return
        guard = Guard(turn.message, turn.context.tasks, turn.context.state)
        work = _Work([*turn.done], guard, [*enumerate(turn.done)])
        for position, call in enumerate(turn.done):
            yield Calling(position, call.tool, call.arguments)
            yield Called(position, call)
        try:
            async with aclosing(self._asked(turn, work)) as events:
                async for event in events:
                    yield event
        except Failure as error:
            log.warning("the language model failed: %s %s", error, error.kind)
            async with aclosing(self._instead(turn, work, error)) as events:
                async for event in events:
                    yield event

    async def _asked(self, turn: Turn, work: _Work) -> AsyncGenerator[Event, None]:
        """Let the model answer, unless its endpoint is paused, and record the result."""
        with self.breaker.asking() as asking:
            if asking is None:
                raise Failure("it is paused after several failures")
            try:
                async with aclosing(self._model(turn, work)) as events:
                    async for event in events:
                        yield event
            except Failure as error:
                asking.ended(down=error.down)
                raise
            asking.ended(down=False)

    async def _model(self, turn: Turn, work: _Work) -> AsyncGenerator[Event, None]:
        """Let the model answer.

        The tools are called here, between two events, and not in the SDK's task: a time limit, or a user who leaves,
        cannot end one halfway.
        """
        entries = prompt.items(turn.message, turn.context, turn.done)
        deadline = asyncio.get_running_loop().time() + self.seconds
        async with Run(self.model(), prompt.instructions(turn.context), entries, self.calls, deadline) as run:
            async for step in run:
                if isinstance(step, Asked):
                    async for event in self._call(turn, work, step):
                        yield event
                else:
                    yield self._token(work, step)
        if question := work.guard.question():
            yield Token(f"\n\n{question}" if work.said else question)
        elif not work.said:
            if not work.calls:
                raise Failure("it said nothing")
            yield Token(_summary(work.calls))
        turn.state = work.guard.keep()

    async def _call(self, turn: Turn, work: _Work, asked: Asked) -> AsyncGenerator[Event, None]:
        work.asked += 1
        work.fresh = True
        if work.asked > self.calls:
            raise Failure("it called too many tools")
        try:
            values = arguments(asked.tool, asked.written)
        except InvalidArguments as error:
            asked.answer(_refused(f"Not valid: {error}"))
            return
        if not work.guard.allows(asked.tool, values):
            asked.answer(_refused(work.guard.why(asked.tool)))
            return
        yield Calling(work.position(asked.tool, values), asked.tool, values)
        called = await turn.call(asked.tool, values)
        if all(call.id != called.call.id for call in work.calls):
            work.calls.append(called.call)
        yield called
        asked.answer(prompt.shown(called.call))

    @staticmethod
    def _token(work: _Work, text: str) -> Token:
        if work.fresh and work.said:
            text = f"\n\n{text}"
        work.fresh = False
        work.said += len(text)
        if work.said > LONGEST_ANSWER:
            raise Failure("its answer was too long")
        return Token(text)

    async def _instead(self, turn: Turn, work: _Work, why: Failure) -> AsyncGenerator[Event, None]:
        """Answer without the model."""
        if changes := work.changes():
            yield Notice(f"The language model stopped halfway ({why}). What it had done is kept.")
            yield Token(("\n\n" if work.said else "") + _summary(changes))
            turn.state = {}
            return
        yield Notice(f"The language model did not answer ({why}); simple rules did.")
        if work.said:
            yield Token(" …\n\n")
        turn.state.pop(STATE, None)  # a later yes is an answer to what the rules say
        await turn.replan(self.rules)
        async for event in self._rules(turn):
            yield event

    async def _rules(self, turn: Turn) -> AsyncGenerator[Event, None]:
        async with aclosing(self.rules.answer(turn)) as events:
            async for event in events:
                yield event


def _refused(why: str) -> str:
    return json.dumps({"ok": False, "summary": why})


def _summary(calls: Sequence[ToolCall]) -> str:
    return "\n".join(call.result.summary for call in calls)


def make(base_url: str, name: str, key: str, rules: Assistant, *, seconds: float, calls: int) -> ModelAssistant:
    """Make the assistant for an endpoint."""
    return ModelAssistant(lambda: language_model(base_url, name, key, seconds), rules, seconds, calls)
