"""What words for tasks are resolved with, and to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.backend.assistants.rules.state import State
from app.backend.records import Task

How = Literal["number", "it", "place", "title", "words", "group", "nothing"]


@dataclass(frozen=True)
class Reference:
    """What some words mean: tasks; or several to choose from; or numbers and words that mean none."""

    ids: tuple[int, ...] = ()
    how: How = "nothing"
    """`title` is a whole title, `words` only some of one, `group` a description ("everything done")."""
    options: tuple[int, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Knowledge:
    """What references are resolved with."""

    tasks: Sequence[Task]
    state: State
    now: datetime
    wanted: Literal["pending", "completed", "any"] = "any"
    """Which tasks are likely meant: to complete a task one has, it is open."""

    def likely(self) -> list[Task]:
        """Return the tasks in the wanted state."""
        return [task for task in self.tasks if self.wanted in ("any", "completed" if task.completed else "pending")]

    def ids(self) -> set[int]:
        """Return the numbers of all tasks."""
        return {task.id for task in self.tasks}
