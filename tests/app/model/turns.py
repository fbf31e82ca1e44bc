"""A turn without a database: its tools keep tasks in a dictionary, by the rules the real ones follow."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from app.backend.assistants.protocol import Assistant, Called, Context, Event, Plan, Token, Turn
from app.backend.records import Task, ToolCall, ToolName, ToolResult
from app.backend.tools import TOOLS

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def task(number: int, title: str, **values: Any) -> Task:
    """A task."""
    given = {"description": "", "completed": False, "priority": "normal", "due": None, **values}
    return Task(id=number, title=title, created_at=NOW, updated_at=NOW, **given)


class FakeTurn:
    """A turn; its user's tasks are `tasks`."""

    def __init__(
        self,
        message: str,
        tasks: Sequence[Task] = (),
        *,
        state: Mapping[str, Any] | None = None,
        done: Sequence[ToolCall] = (),
        history: Sequence[Any] = (),
    ) -> None:
        self.message = message
        self.tasks = {one.id: one for one in tasks}
        self.context = Context(NOW, tuple(tasks), tuple(history), state or {})
        self.plan: Plan = {}
        self.done: Sequence[ToolCall] = tuple(done)
        self.state: dict[str, Any] = dict(state or {})
        self.calls: list[ToolCall] = []
        """What was called in this attempt."""
        self.assistant: Assistant | None = None
        self.fail: Exception | None = None
        """What the database raises."""

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Called:
        """Call a tool."""
        if self.fail:
            raise self.fail
        for position, call in enumerate(self.done):
            if (call.tool, call.arguments) == (tool, arguments):
                return Called(position, call)
        position = len(self.done) + len(self.calls)
        names: dict[str, ToolName] = {name: name for name in TOOLS}
        result, undoable = self._run(tool, arguments)
        made = ToolCall(
            id=100 + position, tool=names[tool], arguments=dict(arguments), result=result, undoable=undoable
        )
        self.calls.append(made)
        return Called(position, made)

    def _run(self, tool: str, arguments: Mapping[str, Any]) -> tuple[ToolResult, bool]:
        given = TOOLS[tool].model_validate(arguments).model_dump()  # type: ignore[index]  # as tools.run does
        match tool:
            case "add_task":
                made = task(max(self.tasks, default=0) + 1, **{**given, "title": given["title"]})
                self.tasks[made.id] = made
                return ToolResult(ok=True, summary=f"Added task {made.id}.", tasks=[made]), True
            case "list_tasks":
                return ToolResult(ok=True, summary=f"{len(self.tasks)} tasks.", tasks=[*self.tasks.values()]), False
            case "delete_task":
                gone = self.tasks.pop(given["task_id"], None)
                if gone is None:
                    return ToolResult(ok=False, summary="There is no such task."), False
                return ToolResult(ok=True, summary=f"Deleted task {gone.id}.", tasks=[gone]), True
            case _:
                return ToolResult(ok=True, summary=f"{tool} is done."), True

    async def replan(self, assistant: Assistant) -> None:
        """Leave it to another assistant."""
        self.assistant = assistant
        self.plan = assistant.plan(self.message, self.context)


class FakeRules:
    """Answers every turn the same way."""

    name: Literal["rules", "model"] = "rules"

    def plan(self, message: str, context: Context) -> Plan:
        """Plan."""
        return {"rules": message}

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Answer."""
        assert turn.plan
        yield Token("The rules ")
        yield Token("answer.")
