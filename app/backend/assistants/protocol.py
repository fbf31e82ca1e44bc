"""What an assistant is: something that answers a turn with events, and acts through the turn's tools alone."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from app.backend.records import Task, ToolCall

Plan = dict[str, Any]
"""What an assistant decided to do, as JSON: kept with the user's message before anything is done."""


@dataclass(frozen=True)
class Said:
    """A message of the conversation, with the tools called for it."""

    role: Literal["user", "assistant"]
    content: str
    tool_calls: Sequence[ToolCall] = ()


@dataclass(frozen=True)
class Context:
    """What an assistant may know when a turn begins."""

    now: datetime
    """The user's local time."""
    tasks: Sequence[Task]
    """The user's tasks, by number."""
    history: Sequence[Said] = ()
    """The conversation so far, oldest first, without the message to be answered; its last messages where it is long."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """What the assistant kept with its last answer (`Turn.state`); empty at first."""


@dataclass(frozen=True)
class Token:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Calling:
    """A tool is about to be called."""

    position: int
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Called:
    """A tool was called; effect and record are committed."""

    position: int
    call: ToolCall


@dataclass(frozen=True)
class Notice:
    """Something the user should know of how this answer came about, e.g. that the model could not be reached."""

    text: str


Event = Token | Calling | Called | Notice


class Turn(Protocol):
    """The turn being answered."""

    message: str
    context: Context
    plan: Plan
    """What `Assistant.plan` returned, now or in an earlier attempt at this turn."""
    done: Sequence[ToolCall]
    """What an earlier attempt at this turn did, in order."""
    state: dict[str, Any]
    """What to keep for the next turn; an assistant may replace it until its events end."""

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Called:
        """Call the next tool of this turn: its effect and its record are committed together when this returns.

        Where an earlier attempt has already made this call, it returns what that one did and does nothing: for an
        assistant with a plan, calls are recognised by position; without one (plan is empty), by tool and arguments.
        """
        ...

    async def replan(self, assistant: "Assistant") -> None:
        """Let another assistant plan this turn and keep its plan: the one that answers after all."""
        ...


class Assistant(Protocol):
    """An assistant."""

    name: Literal["rules", "model"]

    def plan(self, message: str, context: Context) -> Plan:
        """Decide what to do, before anything is done: quick, without I/O, and always the same for the same values.

        An assistant that decides as it goes returns an empty plan.
        """
        ...

    def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer a turn. The answer is the text of its tokens, joined."""
        ...
