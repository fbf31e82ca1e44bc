"""What the rules say."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from app.backend.assistants.rules import groups
from app.backend.records import Task, ToolCall

HELP = (
    'I keep your list. You can say: "add buy milk tomorrow", "what\'s due this week?", "done with #3", '
    '"move the dentist to friday 5pm", "make #2 urgent", "delete #4", "undo". Every task has a number, and "it" is the '
    "one we spoke of last."
)
GREETING = 'Hello! Tell me what to add, ask "what\'s due today?", or say "help".'
THANKS = "You're welcome."
CANCELLED = "All right, I leave everything as it is."
KEPT = "All right, nothing was changed."
UNCLEAR = (
    'I did not understand that. I can add, list, complete, change and delete tasks: try "add call mom '
    'tomorrow" or "help".'
)
ASK_TITLE = "What should the task be called?"
_ASK = {
    "title": "What should it be called instead?",
    "due": "When should it be due?",
    "priority": "Which priority: low, normal or high?",
    "note": "What should the note say?",
    "change": "What should change: its title, when it is due, or its priority?",
}
_SHOWN = 10


def when(due: str, now: datetime) -> str:
    """Return a due date for people: "today 17:00", "Fri 27 Nov", with the year where it is another."""
    day, _, clock = due.partition("T")
    there = date.fromisoformat(day)
    names = {
        now.date(): "today",
        now.date() + timedelta(days=1): "tomorrow",
        now.date() - timedelta(days=1): "yesterday",
    }
    said = names.get(there) or f"{there:%a} {there.day} {there:%b}" + (
        f" {there.year}" if there.year != now.year else ""
    )
    return f"{said} {clock}".strip()


def name(task: Task) -> str:
    """Return a task as it is named: its number and title."""
    return f'#{task.id} "{task.title}"'


def line(task: Task, now: datetime) -> str:
    """Return a task's line in a list."""
    details = [f"{'overdue since' if groups.overdue(task, now) else 'due'} {when(task.due, now)}"] if task.due else []
    details += [f"{task.priority} priority"] if task.priority != "normal" else []
    details += ["done"] if task.completed else []
    return f"#{task.id} {task.title}" + (f" ({', '.join(details)})" if details else "")


def details(task: Task, now: datetime) -> str:
    """Return everything about a task."""
    return line(task, now) + (f"\n{task.description}" if task.description else "")


def lines(tasks: Sequence[Task], now: datetime) -> list[str]:
    """Return lines of some tasks, the rest counted."""
    more = len(tasks) - _SHOWN
    return [f"- {line(task, now)}" for task in tasks[:_SHOWN]] + ([f"and {more} more"] if more > 0 else [])


def which(verb: str, options: Sequence[Task], now: datetime) -> str:
    """Ask which of several tasks is meant."""
    return "\n".join(
        [f"Which one do you want to {_said(verb)}?", *lines(options, now), 'Say its number, or "the first".']
    )


def which_task(verb: str) -> str:
    """Ask for a task."""
    return f"Which task do you want to {_said(verb)}? Say its number or its title."


def sure(tasks: Sequence[Task], now: datetime) -> str:
    """Ask before deleting."""
    if len(tasks) == 1:
        return f"Delete {name(tasks[0])}? Say yes, or anything else to keep it."
    head = f"Delete these {len(tasks)} tasks?"
    return "\n".join([head, *lines(tasks, now), "Say yes, or anything else to keep them."])


def offer(items: Sequence[Mapping[str, Any]]) -> str:
    """Ask whether to add what may have been a task."""
    return f"Shall I add {_and(_quoted(str(item.get('title', ''))) for item in items)} to your list?"


def ask(missing: str) -> str:
    """Ask for what is missing in a change."""
    return _ASK.get(missing, ASK_TITLE)


def lost(missing: Sequence[str]) -> str:
    """Say which tasks are not there."""
    names = [word if word.startswith("#") else _quoted(word[:80]) for word in missing]
    return f"I find no task {_and(names, 'or')}." if names else "There is no such task."


def too_many(number: int, most: int) -> str:
    """Say that not all were done at once."""
    return f"That was {most} of {number}; say it again for the rest."


def did(call: ToolCall, now: datetime) -> str:
    """Say what a call brought about."""
    result, arguments = call.result, call.arguments
    if not result.ok or not result.tasks:
        return result.summary
    task = result.tasks[0]
    due = f", {'due ' + when(task.due, now)}" if task.due else ""
    level = f", {task.priority} priority" if task.priority != "normal" else ""
    match call.tool:
        case "add_task":
            return f"Added {name(task)}{due}{level}."
        case "complete_task":
            return f"Done: {name(task)}." if arguments.get("completed", True) else f"Open again: {name(task)}."
        case "delete_task":
            return f'Deleted {name(task)}. Say "undo" to bring it back.'
        case "update_task":
            return f"Changed {name(task)}: {_changed(arguments, task, now)}."
        case _:
            return result.summary


def listed(tasks: Sequence[Task], view: Mapping[str, Any], now: datetime) -> str:
    """Say what a list holds."""
    kind = {"completed": "completed ", "all": ""}.get(str(view.get("status", "pending")), "open ")
    extra = "".join(f" {part}" for part in (view.get("title"),) if part)
    priority = f"{view['priority']} priority " if view.get("priority") else ""
    noun = "task" if len(tasks) == 1 else "tasks"
    if not tasks:
        return f"You have no {kind}{priority}tasks{extra}." + (
            ' Say "add buy milk" to begin.' if not view.get("priority") and not extra and kind == "open " else ""
        )
    head = f"You have {len(tasks)} {kind}{priority}{noun}{extra}:"
    return "\n".join([head, *(f"- {line(task, now)}" for task in tasks)])


def _changed(arguments: Mapping[str, Any], task: Task, now: datetime) -> str:
    said = []
    if arguments.get("title") is not None:
        said.append("new title")
    if arguments.get("due") is not None and task.due:
        said.append(f"due {when(task.due, now)}")
    if arguments.get("clear_due"):
        said.append("no due date")
    if arguments.get("priority") is not None:
        said.append(f"{task.priority} priority")
    if arguments.get("description") is not None:
        said.append("note saved" if task.description else "note removed")
    return _and(said) or "nothing new"


def _said(verb: str) -> str:
    return {"update": "change", "show": "see"}.get(verb, verb)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _and(parts: Iterable[str], word: str = "and") -> str:
    said = list(parts)
    return f"{', '.join(said[:-1])} {word} {said[-1]}" if len(said) > 1 else "".join(said)
