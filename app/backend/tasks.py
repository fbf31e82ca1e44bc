"""What can be done with tasks. The REST routes and the assistant call the same functions; all belong to one user."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.backend.models import Task
from app.backend.schemas import LARGEST_ID, Status


class TaskNotFoundError(LookupError):
    """The user has no such task."""

    def __init__(self, task_id: int) -> None:
        super().__init__(f"there is no task {task_id}")


def add(session: Session, user_id: str, title: str, description: str = "", *, completed: bool = False) -> Task:
    """Create a task."""
    task = Task(user_id=user_id, title=title, description=description, completed=completed)
    session.add(task)
    session.flush()
    return task


def listed(session: Session, user_id: str, status: Status = "all") -> list[Task]:
    """Return the user's tasks, oldest first."""
    query = select(Task).where(Task.user_id == user_id).order_by(Task.id)
    if status != "all":
        query = query.where(Task.completed.is_(status == "completed"))
    return list(session.scalars(query))


def get(session: Session, user_id: str, task_id: int) -> Task:
    """Return one task.

    Raises:
        TaskNotFoundError: When the user has none with this number.
    """
    query = select(Task).where(Task.user_id == user_id, Task.id == task_id)
    task = session.scalar(query) if 1 <= task_id <= LARGEST_ID else None
    if task is None:
        raise TaskNotFoundError(task_id)
    return task


def change(session: Session, user_id: str, task_id: int, **values: Any) -> Task:
    """Set some of a task's title, description and completed.

    Raises:
        TaskNotFoundError: When the user has none with this number.
    """
    task = get(session, user_id, task_id)
    for name, value in values.items():
        setattr(task, name, value)
    session.flush()
    return task


def delete(session: Session, user_id: str, task_id: int) -> Task:
    """Delete a task and return it as it was.

    Raises:
        TaskNotFoundError: When the user has none with this number.
    """
    task = get(session, user_id, task_id)
    session.delete(task)
    session.flush()
    return task
