"""Assistants that do what the message says: `add: milk, eggs` adds two tasks, anything else is repeated."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Literal

from app.backend.assistants.protocol import Called, Calling, Context, Event, Plan, Token, Turn

Wait = Callable[[int], Awaitable[None]]
"""Called before each call of a turn, with its number, and with -1 before the answer."""


def calls(message: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a message asks for, as calls: `add: a, b; done: 1; delete: 2; list; undo`."""
    found: list[tuple[str, dict[str, Any]]] = []
    for part in message.split(";"):
        name, _, values = part.strip().partition(":")
        match name.strip():
            case "add":
                found += [("add_task", {"title": title.strip()}) for title in values.split(",")]
            case "done":
                found += [("complete_task", {"task_id": int(number)}) for number in values.split(",")]
            case "delete":
                found += [("delete_task", {"task_id": int(number)}) for number in values.split(",")]
            case "list":
                found.append(("list_tasks", {}))
            case "undo":
                found.append(("undo", {}))
    return found


async def at_once(_number: int) -> None:
    """Wait for nothing."""


class Gate:
    """Holds turns at one of their calls until it is opened; tells that one is there."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, number: int) -> None:
        if number == self.at:
            self.reached.set()
            await self.open.wait()


class Scripted:
    """Makes its plan at once, like the rules."""

    def __init__(self, wait: Wait = at_once) -> None:
        self.name: Literal["rules", "model"] = "rules"
        self.wait = wait
        self.contexts: list[Context] = []

    def plan(self, message: str, context: Context) -> Plan:
        self.contexts.append(context)
        return {"calls": [[tool, values] for tool, values in calls(message)], "turns": context.state.get("turns", 0)}

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        summaries = []
        for position, (tool, values) in enumerate(turn.plan["calls"]):
            await self.wait(position)
            yield Calling(position, tool, values)
            called = await turn.call(tool, values)
            yield called
            summaries.append(called.call.result.summary)
        await self.wait(-1)
        turn.state = {"turns": turn.plan["turns"] + 1}
        yield Token(f"Turn {turn.state['turns']}. ")
        yield Token(" ".join(summaries) or turn.message)


class Deciding:
    """Decides as it goes, like a model; `leave_at` leaves the turn to another assistant before that call."""

    def __init__(self, wait: Wait = at_once, *, leave_at: int | None = None, to: Scripted | None = None) -> None:
        self.name: Literal["rules", "model"] = "model"
        self.wait = wait
        self.leave_at = leave_at
        self.to = to
        self.done: list[int] = []
        self.contexts: list[Context] = []

    def plan(self, message: str, context: Context) -> Plan:
        return {}

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        self.done.append(len(turn.done))
        self.contexts.append(turn.context)
        for number, (tool, values) in enumerate(calls(turn.message)):
            if number == self.leave_at and self.to is not None:
                await turn.replan(self.to)
                async for event in self.to.answer(turn):
                    yield event
                return
            await self.wait(number)
            yield Calling(number, tool, values)
            called: Called = await turn.call(tool, values)
            yield called
        await self.wait(-1)
        yield Token("Decided.")
