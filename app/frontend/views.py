"""What the templates show: the backend's JSON, as values to print."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from app.frontend.flash import Flash

SUGGESTIONS = ("Add buy milk, due tomorrow", "Add call the dentist next friday at 5pm", "What can you do?")


@dataclass
class User:
    """The current user."""

    id: str
    name: str | None = None
    guest: bool = True


FORM = ("title", "description", "due_date", "due_time", "priority")
"""The fields of a task's form."""


@dataclass
class TaskForm:
    """What is in a task's form."""

    title: str = ""
    description: str = ""
    due_date: str = ""
    due_time: str = ""
    priority: str = "normal"
    error: str = ""
    """What is wrong with it."""
    id: int | None = None
    """Whose form it is; None is the one for a new task."""
    was: dict[str, str] = field(default_factory=dict)
    """What each field had when the page was made: only what differs from it is sent. Empty for a new task."""
    updated_at: str = ""
    """When the task had been changed last, by then."""

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """Make the form of a task, as the backend gives it."""
        day, _, time = (found["due"] or "").partition("T")
        values = (found["title"], found["description"], day, time, found["priority"])
        was = dict(zip(FORM, values, strict=True))
        return cls(*values, id=found["id"], was=was, updated_at=found["updated_at"])

    @property
    def values(self) -> dict[str, str]:
        """What is in the fields."""
        return {name: getattr(self, name) for name in FORM}

    @property
    def changed(self) -> set[str]:
        """The fields that were changed on the page; all of them where it is not known what they had."""
        return {name for name, value in self.values.items() if not self.was or value != self.was.get(name)}

    def onto(self, now: "TaskForm") -> "TaskForm":
        """Return this form over the task as it is now: fields that were not changed here have their current value."""
        mine = {name: getattr(self, name) for name in self.changed}
        return replace(now, **mine, error=self.error)

    def clashes(self, now: "TaskForm") -> list[str]:
        """Return the fields that were changed both here and there, to different values."""
        return [
            name
            for name in FORM
            if name in self.changed and getattr(now, name) not in {self.was.get(name), getattr(self, name)}
        ]


@dataclass
class Task:
    """A task."""

    id: int | None = None
    title: str = ""
    description: str = ""
    completed: bool = False
    priority: str = "normal"
    due: str | None = None
    due_label: str = ""
    overdue: bool = False
    form: TaskForm = field(default_factory=TaskForm)

    @classmethod
    def of(cls, found: dict[str, Any], now: datetime, typed: TaskForm | None = None) -> Self:
        """Make it of the backend's.

        Args:
            found: the backend's.
            now: what the user's clock shows.
            typed: what a task's form was filled in with, where that did not work.
        """
        names = ("id", "title", "description", "completed", "priority", "due")
        made = cls(**{name: found[name] for name in names})
        due = made.due or ""
        if due:
            made.due_label = due_label(due, now)
            made.overdue = not made.completed and due < now.strftime("%Y-%m-%dT%H:%M")[: len(due)]
        made.form = TaskForm.of(found)
        if typed and typed.id == made.id:
            kept = typed.onto(made.form)
            # What clashes is not known on the page yet, so it stays based on what the page showed.
            made.form = replace(kept, was=typed.was, updated_at=typed.updated_at) if typed.clashes(made.form) else kept
        return made


@dataclass
class Call:
    """A tool call."""

    id: int | None = None
    tool: str = ""
    arguments: str = ""
    summary: str = ""
    ok: bool = True
    undoable: bool = False

    @classmethod
    def of(cls, found: dict[str, Any]) -> Self:
        """Make it of the backend's."""
        arguments = json.dumps(found["arguments"], indent=2, ensure_ascii=False)
        result = found["result"]
        return cls(found["id"], found["tool"], arguments, result["summary"], result["ok"], found["undoable"])


@dataclass
class Message:
    """A message of a conversation."""

    id: int | None = None
    role: str = "assistant"
    content: str = ""
    notice: str | None = None
    key: str | None = None
    calls: list[Call] = field(default_factory=list)
    unanswered: bool = False
    conversation: int | None = None
    """What to name as the conversation when it is sent again: the one that began it was sent without."""

    @classmethod
    def all_of(cls, items: list[dict[str, Any]], conversation: int, *, begins: bool) -> list[Self]:
        """Make messages of the backend's, oldest first; `begins`: whether the first is the conversation's first."""
        answered = {item["reply_to"] for item in items}
        made = []
        for position, item in enumerate(items):
            key = item.get("idempotency_key")
            made.append(
                cls(
                    id=item["id"],
                    role=item["role"],
                    content=item["content"],
                    notice=item.get("notice"),
                    key=key,
                    calls=[Call.of(call) for call in item["tool_calls"]],
                    unanswered=item["role"] == "user" and bool(key) and item["id"] not in answered,
                    conversation=None if begins and position == 0 else conversation,
                )
            )
        return made


@dataclass
class Blank:
    """What `<template>`s are made of."""

    task: Task = field(default_factory=Task)
    message: Message = field(default_factory=Message)
    call: Call = field(default_factory=Call)


@dataclass
class Page:
    """Everything that a template may ask for."""

    name: str
    csrf: str = ""
    user: User | None = None
    here: str = "/"
    problem: str = ""
    loaded: bool = False
    """Whether the list and the conversation are the backend's, and not only empty because it did not answer."""
    flash: Flash | None = None
    key: str = ""
    timezone: str = "UTC"
    status: str = "all"
    offset: int = 0
    before: int | None = None
    older: int | None = None
    tasks: list[Task] = field(default_factory=list)
    total: int = 0
    typed: TaskForm | None = None
    """What a task's form was filled in with, where that did not work."""
    conversations: list[dict[str, Any]] = field(default_factory=list)
    conversation: int | None = None
    messages: list[Message] = field(default_factory=list)
    draft: str = ""
    chat_error: str = ""
    add: TaskForm = field(default_factory=TaskForm)
    login_name: str = ""
    login_error: str = ""
    register_name: str = ""
    register_error: str = ""
    logout_error: str = ""
    delete_error: str = ""

    @property
    def suggestions(self) -> tuple[str, ...]:
        """What to try, where there is nothing yet."""
        empty = not self.messages and not self.total and self.status == "all" and self.loaded
        return SUGGESTIONS if empty else ()


def due_label(due: str, now: datetime) -> str:
    """Return e.g. `Today, 17:00` or `Fri 27 Nov`."""
    day, _, time = due.partition("T")
    try:
        date = datetime.fromisoformat(day).date()
    except ValueError:
        return due
    away = (date - now.date()).days
    label = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}.get(away)
    if label is None:
        label = f"{date:%a} {date.day} {date:%b}" + (f" {date.year}" if date.year != now.year else "")
    return f"{label}, {time}" if time else label


def zone_name(given: str) -> str:
    """Return the name of a time zone, UTC where it is none."""
    try:
        return ZoneInfo(given.strip()).key
    except (ValueError, OSError, LookupError):
        return "UTC"


def local_now(zone: str) -> datetime:
    """Return what the user's clock shows; UTC where the system knows no time zones."""
    try:
        return datetime.now(ZoneInfo(zone))
    except (ValueError, OSError, LookupError):
        return datetime.now(UTC)
