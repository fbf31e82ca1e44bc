"""Tasks in the database. Every function belongs to one user and runs in the caller's transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.backend.database.base import Transaction, Value
from app.backend.records import Priority, Status, Task

FIELDS = ("title", "description", "completed", "priority", "due")
"""What can be changed of a task."""
COLUMNS = "id, title, description, completed, priority, due, created_at, updated_at"


class UserGoneError(Exception):
    """The user was deleted in the meantime."""


async def lock(transaction: Transaction, user_id: str, *, new_tasks: int = 0) -> int:
    """Lock a user against other changes to what is theirs, and return the number of the last task.

    Whatever changes tasks does this first: two changes of one user come one after the other, and always take their
    locks in the same order.

    Args:
        transaction: whose end gives the lock back.
        user_id: the user.
        new_tasks: how many numbers to take for new tasks.

    Raises:
        UserGoneError: There is no such user any more.
    """
    row = await transaction.one(
        "UPDATE users SET last_task = last_task + :new_tasks WHERE id = :user_id RETURNING last_task",
        user_id=user_id,
        new_tasks=new_tasks,
    )
    if row is None:
        raise UserGoneError
    last: int = row["last_task"]
    return last


async def add(
    transaction: Transaction,
    user_id: str,
    *,
    title: str,
    description: str = "",
    completed: bool = False,
    priority: Priority = "normal",
    due: str | None = None,
) -> Task:
    """Create a task under the user's next number.

    Raises:
        UserGoneError: There is no such user any more.
    """
    now = datetime.now(UTC)
    number = await lock(transaction, user_id, new_tasks=1)
    row = await transaction.one(
        "INSERT INTO tasks (user_id, id, title, description, completed, priority, due, created_at, updated_at) "  # noqa: S608
        "VALUES (:user_id, :id, :title, :description, :completed, :priority, :due, :now, :now) "
        f"RETURNING {COLUMNS}",
        user_id=user_id,
        id=number,
        title=title,
        description=description,
        completed=completed,
        priority=priority,
        due=due,
        now=now,
    )
    assert row is not None  # noqa: S101 - an insertion returns its row
    return Task.of(row)


async def get(transaction: Transaction, user_id: str, task_id: int) -> Task | None:
    """Return a task, None if the user has none with this number."""
    row = await transaction.one(
        f"SELECT {COLUMNS} FROM tasks WHERE user_id = :user_id AND id = :id AND deleted_at IS NULL",  # noqa: S608
        user_id=user_id,
        id=task_id,
    )
    return None if row is None else Task.of(row)


async def listed(
    transaction: Transaction,
    user_id: str,
    *,
    status: Status = "all",
    priority: Priority | None = None,
    text: str | None = None,
    due_before: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> tuple[list[Task], int]:
    """Return tasks by number, and how many there are on all pages.

    Args:
        transaction: where to look.
        user_id: whose tasks.
        status: only those in this state.
        priority: only those of this priority.
        text: only those with this text in title or description, in capitals or not.
        due_before: only those due before this date or time; a day begins before its first minute.
        limit: how many at most.
        offset: how many to leave out first.
    """
    where = ["user_id = :user_id", "deleted_at IS NULL"]
    values: dict[str, Value] = {"user_id": user_id}
    if status != "all":
        where.append("completed = :completed")
        values["completed"] = status == "completed"
    if priority is not None:
        where.append("priority = :priority")
        values["priority"] = priority
    if text:
        # Twice: SQLite knows the small letters of ASCII only.
        where.append(
            "(lower(title || ' ' || description) LIKE :low ESCAPE '!' "
            "OR title || ' ' || description LIKE :as_it_is ESCAPE '!')"
        )
        values["low"], values["as_it_is"] = f"%{_literal(text.lower())}%", f"%{_literal(text)}%"
    if due_before is not None:
        where.append("due < :due_before")
        values["due_before"] = due_before
    condition = " AND ".join(where)
    page = ""
    if limit is not None:
        page = " LIMIT :limit OFFSET :offset"
        values["limit"], values["offset"] = limit, offset
    rows = await transaction.all(
        f"SELECT {COLUMNS}, count(*) OVER () AS total FROM tasks WHERE {condition} ORDER BY id{page}",  # noqa: S608
        **values,
    )
    if rows or not offset:
        return [Task.of(row) for row in rows], rows[0]["total"] if rows else 0
    values.pop("limit")
    values.pop("offset")
    row = await transaction.one(f"SELECT count(*) AS total FROM tasks WHERE {condition}", **values)  # noqa: S608
    return [], row["total"] if row is not None else 0


async def change(transaction: Transaction, user_id: str, task_id: int, values: Mapping[str, Any]) -> Task | None:
    """Set some of a task's title, description, completed, priority and due; None if there is no such task."""
    names = [name for name in FIELDS if name in values]
    given: dict[str, Value] = {name: values[name] for name in names}
    row = await transaction.one(
        f"UPDATE tasks SET {''.join(f'{name} = :{name}, ' for name in names)}updated_at = :now "  # noqa: S608
        f"WHERE user_id = :user_id AND id = :id AND deleted_at IS NULL RETURNING {COLUMNS}",
        **given,
        now=datetime.now(UTC),
        user_id=user_id,
        id=task_id,
    )
    return None if row is None else Task.of(row)


async def set_deleted(transaction: Transaction, user_id: str, task_id: int, *, deleted: bool) -> Task | None:
    """Delete a task or bring it back, under its own number; None if there is none to."""
    now = datetime.now(UTC)
    row = await transaction.one(
        "UPDATE tasks SET deleted_at = :deleted_at, updated_at = :now "  # noqa: S608
        f"WHERE user_id = :user_id AND id = :id AND deleted_at IS {'NULL' if deleted else 'NOT NULL'} "
        f"RETURNING {COLUMNS}",
        deleted_at=now if deleted else None,
        now=now,
        user_id=user_id,
        id=task_id,
    )
    return None if row is None else Task.of(row)


def _literal(text: str) -> str:
    """Return a text in which LIKE finds no wildcard."""
    for each in "!%_":
        text = text.replace(each, f"!{each}")
    return text
