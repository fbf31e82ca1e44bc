"""What the tools do: each effect with what is needed to take it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.backend import tasks
from app.backend.database.base import Transaction
from app.backend.records import Priority, Status, Task, ToolResult


@dataclass(frozen=True)
class Effect:
    """What came of calling a tool."""

    result: ToolResult
    before: Task | None = None
    """The task as it was, where there was one."""
    undoable: bool = False
    conflict: bool = False
    """Whether nothing was done because the task has changed since the caller has seen it."""


def no_task(task_id: int) -> Effect:
    """What comes of naming a task that there is not."""
    return Effect(ToolResult(ok=False, summary=f"There is no task {task_id}."))


async def add(
    transaction: Transaction,
    user_id: str,
    *,
    title: str,
    description: str = "",
    completed: bool = False,
    priority: Priority = "normal",
    due: str | None = None,
) -> Effect:
    """Add a task."""
    task = await tasks.add(
        transaction,
        user_id,
        title=title,
        description=description,
        completed=completed,
        priority=priority,
        due=due,
    )
    return Effect(ToolResult(ok=True, summary=f"Added {_named(task)}.", tasks=[task]), undoable=True)


async def listed(
    transaction: Transaction,
    user_id: str,
    *,
    status: Status,
    text: str | None,
    priority: Priority | None,
    due_before: str | None,
) -> Effect:
    """List tasks; of a very long list, the first ones."""
    found, total = await tasks.listed(
        transaction, user_id, status=status, text=text, priority=priority, due_before=due_before, limit=200
    )
    kind = {"all": "", "pending": "open ", "completed": "completed "}[status]
    which = "matching " if text or priority or due_before else ""
    summary = f"{total or 'No'} {which}{kind}task{'' if total == 1 else 's'}."
    return Effect(ToolResult(ok=True, summary=summary, tasks=found))


async def complete(transaction: Transaction, user_id: str, task_id: int, *, completed: bool) -> Effect:
    """Mark a task as done or as open."""
    before = await _locked(transaction, user_id, task_id)
    if before is None:
        return no_task(task_id)
    if before.completed == completed:
        summary = f'Task {before.id} is {"already done" if completed else "not done yet"}: "{before.title}".'
        return Effect(ToolResult(ok=True, summary=summary, tasks=[before]))
    after = await _changed(transaction, user_id, task_id, {"completed": completed})
    return _effect(before, after, "Completed" if completed else "Reopened")


async def update(
    transaction: Transaction, user_id: str, task_id: int, values: Mapping[str, Any], *, seen: str | None = None
) -> Effect:
    """Change a task.

    Args:
        transaction: where to change it.
        user_id: whose task it is.
        task_id: its number.
        values: the new values, by field.
        seen: its `updated_at` when the caller saw it; with another one, nothing is changed.
    """
    before = await _locked(transaction, user_id, task_id)
    if before is None:
        return no_task(task_id)
    if seen is not None and datetime.fromisoformat(seen) != before.updated_at:
        summary = f"Task {before.id} has been changed in the meantime, so nothing was changed now."
        return Effect(ToolResult(ok=False, summary=summary, tasks=[before]), conflict=True)
    new = {name: value for name, value in values.items() if getattr(before, name) != value}
    if not new:
        summary = f'Task {before.id} stays as it is: "{before.title}".'
        return Effect(ToolResult(ok=True, summary=summary, tasks=[before]))
    return _effect(before, await _changed(transaction, user_id, task_id, new), "Changed")


async def delete(transaction: Transaction, user_id: str, task_id: int) -> Effect:
    """Delete a task. Its row stays for `undo`."""
    before = await _locked(transaction, user_id, task_id)
    if before is None:
        return no_task(task_id)
    await tasks.set_deleted(transaction, user_id, task_id, deleted=True)
    return _effect(before, before, "Deleted")


async def undo(transaction: Transaction, user_id: str, tool_call_id: int | None) -> Effect:
    """Take back the effect of a call, of the last one that can be reverted where none is named.

    Only what that call changed goes back: what was changed otherwise since then stays.
    """
    await tasks.lock(transaction, user_id)
    which = "" if tool_call_id is None else "AND id = :id "
    row = await transaction.one(
        "SELECT id, tool, result, before FROM tool_calls "  # noqa: S608 - a constant
        f"WHERE user_id = :user_id AND undone = false {which}ORDER BY id DESC LIMIT 1",
        user_id=user_id,
        **({} if tool_call_id is None else {"id": tool_call_id}),
    )
    if row is None:
        what = "There is nothing to undo." if tool_call_id is None else "That cannot be undone, or not any more."
        return Effect(ToolResult(ok=False, summary=what))
    [after] = ToolResult.model_validate_json(row["result"]).tasks
    before = None if row["before"] is None else Task.model_validate_json(row["before"])
    found, summary = await _taken_back(transaction, user_id, row["tool"], before, after)
    if found is None:
        return Effect(ToolResult(ok=False, summary=f"Task {after.id} has been deleted since."))
    await transaction.run("UPDATE tool_calls SET undone = true WHERE id = :id", id=row["id"])
    return Effect(ToolResult(ok=True, summary=f'{summary}: "{found.title}".', tasks=[found]))


async def _taken_back(
    transaction: Transaction, user_id: str, tool: str, before: Task | None, after: Task
) -> tuple[Task | None, str]:
    """Take an effect back; return the task it was about, None if it does not exist, and what to say."""
    number = after.id
    if tool == "delete_task":
        found = await tasks.set_deleted(transaction, user_id, number, deleted=False)
        return found, f"Restored task {number}"
    if before is None:
        return await tasks.set_deleted(transaction, user_id, number, deleted=True), f"Took back task {number}"
    old = {name: getattr(before, name) for name in tasks.FIELDS if getattr(before, name) != getattr(after, name)}
    summary = f"Changed task {number} back"
    if set(old) == {"completed"}:
        summary = f"Marked task {number} as done again" if before.completed else f"Reopened task {number}"
    return await tasks.change(transaction, user_id, number, old), summary


async def _locked(transaction: Transaction, user_id: str, task_id: int) -> Task | None:
    await tasks.lock(transaction, user_id)
    return await tasks.get(transaction, user_id, task_id)


async def _changed(transaction: Transaction, user_id: str, task_id: int, values: Mapping[str, Any]) -> Task:
    task = await tasks.change(transaction, user_id, task_id, values)
    assert task is not None  # noqa: S101 - its user is locked
    return task


def _effect(before: Task, after: Task, verb: str) -> Effect:
    return Effect(ToolResult(ok=True, summary=f"{verb} {_named(after)}.", tasks=[after]), before, undoable=True)


def _named(task: Task) -> str:
    return f'task {task.id}: "{task.title}"'
