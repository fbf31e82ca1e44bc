"""A user's tasks in memory, and a conversation with the rules about them: a turn and its tools without I/O."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.backend.assistants.protocol import Assistant, Called, Context, Plan, Said, Token
from app.backend.assistants.rules import Rules
from app.backend.records import Task, ToolCall, ToolResult
from app.backend.tools import TOOLS, AddTask, CompleteTask, DeleteTask, ListTasks, Undo, UpdateTask

NOW = datetime(2026, 11, 21, 10)  # noqa: DTZ001 - the user's own clock


def task(number: int, title: str, **more: Any) -> Task:
    return Task(
        id=number,
        title=title,
        description=more.get("description", ""),
        completed=more.get("completed", False),
        priority=more.get("priority", "normal"),
        due=None if more.get("due") is None else str(more["due"]),
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        updated_at=datetime(2026, 11, 1, tzinfo=UTC),
    )


@dataclass
class Memory:
    """Tasks by number, and what was done to them."""

    tasks: dict[int, Task]
    calls: list[ToolCall] = field(default_factory=list)
    before: dict[int, tuple[int, Task | None]] = field(default_factory=dict)
    last: int = 0

    def run(self, tool: str, arguments: Mapping[str, Any]) -> ToolCall:
        self.last = max([self.last, *self.tasks])
        number = len(self.calls) + 1
        result = self._run(number, TOOLS[tool].model_validate(arguments))  # type: ignore[index]
        call = ToolCall.model_validate(
            {
                "id": number,
                "tool": tool,
                "arguments": dict(arguments),
                "result": result,
                "undoable": number in self.before,
            }
        )
        self.calls.append(call)
        return call

    def _run(self, number: int, wanted: Any) -> ToolResult:  # noqa: PLR0911 - one for each tool
        match wanted:
            case AddTask():
                self.last += 1
                made = task(self.last, **wanted.model_dump())
                return self._put(number, made.id, made)
            case ListTasks():
                found = [each for each in self.tasks.values() if fits(each, wanted)]
                return ToolResult(ok=True, summary="", tasks=found)
            case Undo():
                back = wanted.tool_call_id or max(self.before, default=0)
                if back not in self.before:
                    return ToolResult(ok=False, summary="There is nothing to undo.")
                key, was = self.before.pop(back)
                gone = self.tasks.pop(key, None)
                if was:
                    self.tasks = dict(sorted({**self.tasks, key: was}.items()))
                return ToolResult(ok=True, summary="Undone.", tasks=[each for each in (was or gone,) if each])
        own = self.tasks.get(wanted.task_id)
        if own is None:
            return ToolResult(ok=False, summary=f"There is no task {wanted.task_id}.")
        match wanted:
            case DeleteTask():
                self.before[number] = (own.id, self.tasks.pop(own.id))
                return ToolResult(ok=True, summary="Deleted.", tasks=[own])
            case CompleteTask():
                return self._put(number, own.id, own.model_copy(update={"completed": wanted.completed}))
            case UpdateTask():
                new = wanted.model_dump(exclude={"task_id", "clear_due"}, exclude_none=True)
                new |= {"due": None} if wanted.clear_due else {}
                return self._put(number, own.id, own.model_copy(update=new))
        raise AssertionError(wanted)

    def _put(self, number: int, key: int, value: Task) -> ToolResult:
        self.before[number] = (key, self.tasks.get(key))
        self.tasks[key] = value
        return ToolResult(ok=True, summary="Done.", tasks=[value])


def fits(each: Task, wanted: ListTasks) -> bool:
    return (
        (wanted.status == "all" or each.completed == (wanted.status == "completed"))
        and wanted.priority in (None, each.priority)
        and (wanted.text or "").lower() in f"{each.title} {each.description}".lower()
        and (wanted.due_before is None or (each.due is not None and each.due < wanted.due_before))
    )


@dataclass
class FakeTurn:
    """A turn whose calls are made in memory."""

    message: str
    context: Context
    plan: Plan
    memory: Memory
    done: Sequence[ToolCall] = ()
    state: dict[str, Any] = field(default_factory=dict)
    made: int = 0

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Called:
        self.made += 1
        if self.made <= len(self.done):
            return Called(self.made - 1, self.done[self.made - 1])
        return Called(self.made - 1, self.memory.run(tool, arguments))

    async def replan(self, assistant: Assistant) -> None:
        raise AssertionError("the rules answer by themselves")


@dataclass
class Conversation:
    """Say something, get the reply; `plan` and `state` are those of the last turn."""

    memory: Memory
    state: dict[str, Any] = field(default_factory=dict)
    history: list[Said] = field(default_factory=list)
    plan: Plan = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)

    def context(self) -> Context:
        return Context(NOW, list(self.memory.tasks.values()), list(self.history), dict(self.state))

    def say(self, message: str) -> str:
        context = self.context()
        self.plan = self.rules.plan(message, context)
        turn = FakeTurn(message, context, self.plan, self.memory)
        reply = asyncio.run(said(self.rules, turn))
        self.state = turn.state
        self.history += [Said("user", message), Said("assistant", reply)]
        return reply


async def said(rules: Rules, turn: FakeTurn) -> str:
    return "".join([event.text async for event in rules.answer(turn) if isinstance(event, Token)])


def conversation(*tasks: Task) -> Conversation:
    return Conversation(Memory({each.id: each for each in tasks}))
