"""The tools: one set of functions with typed arguments and results, for REST, MCP, the rules and the model alike.

The user is a value of the caller's, never an argument of a tool.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.backend import effects
from app.backend.database.base import Row, Transaction
from app.backend.effects import Effect
from app.backend.records import Description, Due, Id, Moment, Priority, Status, Title, ToolCall, ToolName, ToolResult


class Arguments(BaseModel):
    """A tool's arguments; unknown ones are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AddTask(Arguments):
    """Add a task to the user's list."""

    title: Title = Field(description="What is to be done, in a few words.")
    description: Description = Field("", description="Details, if there are any.")
    due: Due | None = Field(None, description="When it is due: 2026-11-27 or 2026-11-27T17:00, in the user's own time.")
    priority: Priority = Field("normal", description="How much it matters.")


class ListTasks(Arguments):
    """List the user's tasks, by number."""

    status: Status = Field("pending", description="Only the tasks in this state.")
    text: str | None = Field(
        None, max_length=200, pattern=r"^[^\x00]*$", description="Only tasks with this text in title or description."
    )
    priority: Priority | None = Field(None, description="Only tasks of this priority.")
    due_before: Due | None = Field(None, description="Only tasks due before this date or time.")


class CompleteTask(Arguments):
    """Mark a task as done, or as not done after all."""

    task_id: Id = Field(description="The task's number.")
    completed: bool = Field(True, description="False opens it again.")


class DeleteTask(Arguments):
    """Delete a task. `undo` brings it back."""

    task_id: Id = Field(description="The task's number.")


class UpdateTask(Arguments):
    """Change a task; what is left out, or null, is not changed."""

    task_id: Id = Field(description="The task's number.")
    title: Title | None = Field(None, description="A new title.")
    description: Description | None = Field(None, description="New details.")
    due: Due | None = Field(None, description="When it is due.")
    priority: Priority | None = Field(None, description="How much it matters.")
    clear_due: bool = Field(False, description="True takes the due date away.")
    updated_at: Moment | None = Field(
        None, description="The task's updated_at when it was read: if it has changed since, nothing is changed."
    )


class Undo(Arguments):
    """Take back what a tool did: the last thing that can be, or the named call."""

    tool_call_id: Id | None = Field(None, description="The call to take back; the last one when left out.")


TOOLS: Mapping[ToolName, type[Arguments]] = {
    "add_task": AddTask,
    "list_tasks": ListTasks,
    "complete_task": CompleteTask,
    "delete_task": DeleteTask,
    "update_task": UpdateTask,
    "undo": Undo,
}

_KINDS: Mapping[str, type[Arguments]] = {name: kind for name, kind in TOOLS.items()}  # noqa: C416 - other keys


async def run(
    transaction: Transaction,
    user_id: str,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    message_id: int | None = None,
    position: int = 0,
) -> ToolCall:
    """Run a tool for a user: its effect and its record, in the caller's transaction.

    What a user may get wrong (no such task, nothing to undo, arguments that are not valid, an unknown tool) is a
    result with `ok` false, on record like any other.

    Args:
        transaction: where effect and record go, together.
        user_id: whose tasks.
        tool: its name, one of `TOOLS`.
        arguments: as they came; checked here.
        message_id: the user's message in whose turn it is called, if any.
        position: which call of that turn it is, from 0.

    Raises:
        ConflictError: That call of the turn is on record. Its transaction, and so the effect, is reverted.
        UserGoneError: There is no such user any more.
    """
    try:
        kind = _KINDS.get(tool)
        checked = kind.model_validate(dict(arguments)) if kind else None
    except ValidationError as error:
        effect = Effect(ToolResult(ok=False, summary=f"That is not possible: {_told(error)}."))
    else:
        effect = await _effect(transaction, user_id, checked)
    return await record(transaction, user_id, tool, arguments, effect, message_id=message_id, position=position)


async def _effect(  # noqa: PLR0911 - one for each tool
    transaction: Transaction, user_id: str, arguments: Arguments | None
) -> Effect:
    match arguments:
        case AddTask():
            return await effects.add(transaction, user_id, **arguments.model_dump())
        case ListTasks():
            return await effects.listed(transaction, user_id, **arguments.model_dump())
        case CompleteTask():
            return await effects.complete(transaction, user_id, arguments.task_id, completed=arguments.completed)
        case DeleteTask():
            return await effects.delete(transaction, user_id, arguments.task_id)
        case UpdateTask():
            values = arguments.model_dump(exclude={"task_id", "clear_due", "updated_at"}, exclude_none=True)
            if arguments.clear_due:
                values["due"] = None
            return await effects.update(transaction, user_id, arguments.task_id, values, seen=arguments.updated_at)
        case Undo():
            return await effects.undo(transaction, user_id, arguments.tool_call_id)
        case _:
            return Effect(ToolResult(ok=False, summary="There is no such tool."))


async def record(
    transaction: Transaction,
    user_id: str,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Effect,
    *,
    message_id: int | None = None,
    position: int = 0,
) -> ToolCall:
    """Put on record what a tool did."""
    row = await transaction.one(
        "INSERT INTO tool_calls (user_id, message_id, position, tool, arguments, result, before, undone, created_at) "
        "VALUES (:user_id, :message_id, :position, :tool, :arguments, :result, :before, :undone, :now) RETURNING id",
        user_id=user_id,
        message_id=message_id,
        position=position,
        tool=(name := tool.replace("\0", "")[:32]),
        arguments=json.dumps(dict(arguments)),
        result=effect.result.model_dump_json(),
        before=None if effect.before is None else effect.before.model_dump_json(),
        undone=not effect.undoable,
        now=datetime.now(UTC),
    )
    assert row is not None  # noqa: S101 - an insertion returns its row
    return ToolCall(id=row["id"], tool=name, arguments=dict(arguments), result=effect.result, undoable=effect.undoable)


COLUMNS = "id, tool, arguments, result, undone"
"""What `call_of` needs of a row of tool_calls."""


def call_of(row: Row) -> ToolCall:
    """Return a tool call that is on record, from its row."""
    return ToolCall(
        id=row["id"],
        tool=row["tool"],
        arguments=json.loads(row["arguments"]),
        result=ToolResult.model_validate_json(row["result"]),
        undoable=not row["undone"],
    )


def _told(error: ValidationError) -> str:
    """Say what is wrong with arguments, without repeating them."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if problem["type"] == "extra_forbidden":
        return "there is an argument that the tool does not have"
    return f"{'.'.join(str(each) for each in problem['loc'])}: {problem['msg']}"
