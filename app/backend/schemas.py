"""What travels over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.backend.models import DESCRIPTION, TITLE

LARGEST_ID = 2**31 - 1  # an integer column of Postgres

# Postgres stores no NUL character in a text.
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE, pattern=r"^[^\x00]*$")]
Description = Annotated[str, StringConstraints(max_length=DESCRIPTION, pattern=r"^[^\x00]*$")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Status = Literal["all", "pending", "completed"]
Tool = Literal["add_task", "list_tasks", "complete_task", "reopen_task", "delete_task", "rename_task"]


class Input(BaseModel):
    """A request's body: unknown keys are refused, so that a typing error does not pass for success."""

    model_config = ConfigDict(extra="forbid")


class TaskInput(Input):
    """A whole task, to create one or to replace one."""

    title: Title
    description: Description = ""
    completed: bool = False


class TaskChange(Input):
    """What to change of a task; what is left out, or null, stays."""

    title: Title | None = None
    description: Description | None = None
    completed: bool | None = None


class TaskOutput(BaseModel):
    """A task."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str
    completed: bool
    created_at: datetime
    updated_at: datetime


class SessionOutput(BaseModel):
    """A new, anonymous user and its bearer token."""

    user_id: str
    token: str


class ChatInput(Input):
    """A line for the assistant; without a conversation it begins a new one."""

    message: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")
    ]
    conversation_id: Id | None = None


class Action(BaseModel):
    """One thing the assistant did, with the tasks it did it to (as they were when it was deleted)."""

    tool: Tool
    tasks: list[TaskOutput]


class ChatOutput(BaseModel):
    """The assistant's answer."""

    conversation_id: int
    reply: str
    actions: list[Action]


class State(BaseModel):
    """An answer of /health and /ready."""

    status: str


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


class InvalidValue(BaseModel):
    """What is wrong with one value; `loc` is the path to it."""

    loc: list[str | int]
    msg: str
    type: str


class InvalidRequest(BaseModel):
    """Why a request was not understood."""

    detail: list[InvalidValue]
