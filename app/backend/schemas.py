"""What travels over HTTP besides records."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.backend.records import Description, Due, Id, Moment, Priority, Task, Title

Name = Annotated[
    str, StringConstraints(to_lower=True, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+\-]*$")
]
"""A name to log in with; capitals do not matter."""
Password = Annotated[str, StringConstraints(min_length=8, max_length=128)]


class Input(BaseModel):
    """A request's body: unknown keys and other types are rejected, so that an error does not pass for success."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Credentials(Input):
    """A name and a password."""

    name: Name
    password: Password = Field(repr=False)


class NewAccount(Credentials):
    """An account to create."""

    name: Name = Field(json_schema_extra={"x-unique": True})


class Renewal(Input):
    """A session to continue with."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(repr=False)


class TaskInput(Input):
    """A whole task, to create one or to replace one."""

    title: Title
    description: Description = ""
    completed: bool = False
    priority: Priority = "normal"
    due: Due | None = None


_SEEN = Field(
    None,
    description="The `updated_at` of the task that this was made from. If the task has changed since then, nothing is "
    "changed, and the answer is 409 with the task as it is now.",
)


class TaskReplacement(TaskInput):
    """A whole task, to replace one."""

    updated_at: Moment | None = _SEEN


class TaskChange(Input):
    """What to change of a task; what is left out, or null, stays. But `due: null` takes the date away."""

    updated_at: Moment | None = _SEEN

    title: Title | None = None
    description: Description | None = None
    completed: bool | None = None
    priority: Priority | None = None
    due: Due | None = None


class UndoInput(Input):
    """What to revert."""

    tool_call_id: Id | None = None


class TaskPage(BaseModel):
    """A page of a list of tasks."""

    items: list[Task]
    total: int
    """How many there are on all pages."""


class Session(BaseModel):
    """A session: who it is, and its tokens."""

    user_id: str
    name: str | None
    guest: bool
    token: str
    """For `Authorization: Bearer`."""
    expires_in: int
    """Seconds for which the token holds."""
    refresh_token: str
    """For POST /api/renew."""


class User(BaseModel):
    """A user."""

    user_id: str
    name: str | None
    guest: bool


class State(BaseModel):
    """An answer of /health and /ready."""

    status: str


class Problem(BaseModel):
    """Why a request was not answered."""

    detail: str


class TaskConflict(Problem):
    """Why a change was not made: the task is another one by now."""

    task: Task
    """The task as it is now."""


class InvalidValue(BaseModel):
    """What is wrong with one value; `loc` is the path to it."""

    loc: list[str | int]
    msg: str
    type: str


class InvalidRequest(BaseModel):
    """Why a request was not understood."""

    detail: list[InvalidValue] | str
