"""The tools: one set of functions with typed arguments and results, for REST, MCP, the rules and the model alike.

The user is a value of the caller's, never an argument of a tool.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.backend.database.base import Transaction
from app.backend.records import Description, Due, Id, Priority, Status, Title, ToolCall, ToolName


class Arguments(BaseModel):
    """A tool's arguments; unknown ones are refused."""

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
    text: str | None = Field(None, max_length=200, description="Only tasks with this text in title or description.")
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
    """Change a task; what is left out, or null, stays as it is."""

    task_id: Id = Field(description="The task's number.")
    title: Title | None = Field(None, description="A new title.")
    description: Description | None = Field(None, description="New details.")
    due: Due | None = Field(None, description="When it is due.")
    priority: Priority | None = Field(None, description="How much it matters.")
    clear_due: bool = Field(False, description="True takes the due date away.")


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
        position: which call of that turn it is, from 0. (message, position) is unique: a second try finds the first.
    """
    raise NotImplementedError
