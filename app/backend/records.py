"""What is kept: tasks, and what tools did to them. The same values travel over HTTP, MCP and to both assistants."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from app.backend.database.base import Row

TITLE = 200  # characters
DESCRIPTION = 4000
USER_ID = 64
LARGEST_ID = 2**31 - 1  # an integer column of Postgres

Priority = Literal["low", "normal", "high"]
Status = Literal["all", "pending", "completed"]
ToolName = Literal["add_task", "list_tasks", "complete_task", "delete_task", "update_task", "undo"]

# Exactly the dates there are: what a contract says of a text is a pattern.
_DAY = (
    r"([1-9]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
    r"|([1-9]\d(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29)"
).replace(r"\d", "[0-9]")
DUE = f"^{_DAY}(T([01][0-9]|2[0-3]):[0-5][0-9])?$"
_DUE = re.compile(DUE)

MOMENT = f"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{{1,6}})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
_MOMENT = re.compile(MOMENT)


def _due(value: str) -> str:
    if not _DUE.fullmatch(value):
        raise ValueError("expected a date like 2026-11-27, or with a time, 2026-11-27T17:00")
    return value


def _moment(value: str) -> str:
    if not _MOMENT.fullmatch(value):
        raise ValueError("expected a time with its zone, like 2026-11-27T17:00:00.123456Z")
    return value


def _whole(value: Any) -> Any:
    """To JSON, 3.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Postgres stores no NUL character in a text.
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"),
]
Description = Annotated[str, StringConstraints(max_length=DESCRIPTION, pattern=r"^[^\x00]*$")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_whole)]
Due = Annotated[str, StringConstraints(max_length=16), AfterValidator(_due), Field(json_schema_extra={"pattern": DUE})]
"""When a task is due: a date, or a date and a time, as the user's own clock shows it (no time zone)."""

Moment = Annotated[
    str, StringConstraints(max_length=40), AfterValidator(_moment), Field(json_schema_extra={"pattern": MOMENT})
]
"""A moment, as the API writes it."""


class Record(BaseModel):
    """A record; made from a row of either database."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, row: Row) -> Self:
        """Make a record from a row. SQLite's 0 and 1 become booleans, its texts dates and times."""
        return cls.model_validate(dict(row), strict=False)


class Task(Record):
    """A task. Its `id` counts from 1 for every user: it is the number a user says."""

    id: int
    title: str
    description: str
    completed: bool
    priority: Priority
    due: str | None
    created_at: datetime
    updated_at: datetime


class ToolResult(Record):
    """What a tool did: a line for people, and the tasks it concerns (as they were, when deleted)."""

    ok: bool
    summary: str
    """One line, e.g. `Added task 3: "buy milk".`, or why it did nothing."""
    tasks: list[Task] = []


class ToolCall(Record):
    """A tool call on record."""

    id: int
    tool: str
    """One of the tools; or the name that a model made up, and then the result is not ok."""
    arguments: dict[str, Any]
    result: ToolResult
    undoable: bool
    """Whether `undo` can take its effect back: it had one, and nothing took it back yet."""
