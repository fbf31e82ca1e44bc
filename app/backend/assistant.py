"""A small assistant: it understands a handful of English phrases and calls the task functions. No model, no network.

A later one that asks a language model can keep `answer`: it takes a line and what was done before in the conversation,
and returns a reply and the actions it took.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.backend import phrases, tasks
from app.backend.models import TITLE, Task
from app.backend.schemas import Action, Status, TaskOutput, Tool

HELP = (
    'I keep your list. Try: "add buy milk", "list my tasks", "what is done?", "complete 3" or "complete buy milk", '
    '"reopen 3", "rename 3 to buy oat milk", "delete 3". After one of these, "it" is the task you meant last.'
)

_NUMBER = re.compile(r"^(?:(?:task|number|no\.?|item)\s*)*#?\s*(\d{1,10})$", re.IGNORECASE)
_LAST = {"it", "that", "this", "that one", "this one", "that task", "the last one", "last", "the last task", "the task"}
_DONE_WORDS = {"done", "do", "complete", "completed", "finish", "finished"}
_OPEN_WORDS = {"open", "pending", "left", "to do"}


@dataclass
class Answer:
    """What the assistant says, and what it did."""

    reply: str
    actions: list[Action] = field(default_factory=list)


def answer(session: Session, user_id: str, message: str, before: Sequence[Action] = ()) -> Answer:
    """Answer one line of a user; `before` is what was done earlier in the conversation, oldest first."""
    line = " ".join(message.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    if phrases.match(phrases.HELP, line):
        return Answer(HELP)
    for understand in (_rename, _list, _reopen, _complete, _delete, _add, _is_done):
        answered = understand(session, user_id, line, before)
        if answered is not None:
            return answered
    return Answer(f"I did not understand that. {HELP}")


def _rename(session: Session, user_id: str, line: str, before: Sequence[Action]) -> Answer | None:
    match = phrases.match(phrases.RENAME, line)
    if match is None:
        return None
    found = _find(session, user_id, match["task"], before)
    if isinstance(found, Answer):
        return found
    title, old = _title(match["title"]), found.title
    if isinstance(title, Answer):
        return title
    return _did("rename_task", tasks.change(session, user_id, found.id, title=title), f'Renamed "{old}" to "{title}".')


def _reopen(session: Session, user_id: str, line: str, before: Sequence[Action]) -> Answer | None:
    return _set_completed(session, user_id, phrases.match(phrases.REOPEN, line), before, completed=False)


def _complete(session: Session, user_id: str, line: str, before: Sequence[Action]) -> Answer | None:
    return _set_completed(session, user_id, phrases.match(phrases.COMPLETE, line), before, completed=True)


def _is_done(session: Session, user_id: str, line: str, before: Sequence[Action]) -> Answer | None:
    return _set_completed(session, user_id, phrases.match(phrases.IS_DONE, line), before, completed=True)


def _set_completed(
    session: Session, user_id: str, match: re.Match[str] | None, before: Sequence[Action], *, completed: bool
) -> Answer | None:
    if match is None:
        return None
    found = _find(session, user_id, match["task"], before)
    if isinstance(found, Answer):
        return found
    task = tasks.change(session, user_id, found.id, completed=completed)
    if completed:
        return _did("complete_task", task, f'Completed task {task.id}: "{task.title}".')
    return _did("reopen_task", task, f'Reopened task {task.id}: "{task.title}".')


def _delete(session: Session, user_id: str, line: str, before: Sequence[Action]) -> Answer | None:
    match = phrases.match(phrases.DELETE, line)
    if match is None:
        return None
    found = _find(session, user_id, match["task"], before)
    if isinstance(found, Answer):
        return found
    task = tasks.delete(session, user_id, found.id)
    return _did("delete_task", task, f'Deleted task {task.id}: "{task.title}".')


def _list(session: Session, user_id: str, line: str, _before: Sequence[Action]) -> Answer | None:
    match = phrases.match(phrases.LIST, line)
    if match is None:
        return None
    word = (match["status"] or "").strip().lower()
    status: Status = "completed" if word in _DONE_WORDS else "pending" if word in _OPEN_WORDS else "all"
    found = tasks.listed(session, user_id, status)
    kind = {"all": "", "pending": "open ", "completed": "completed "}[status]
    if not found:
        reply = f"You have no {kind}tasks."
    else:
        head = f"You have {len(found)} {kind}task{'s' if len(found) > 1 else ''}:"
        reply = "\n".join([head, *(f"{'[x]' if task.completed else '[ ]'} {task.id}: {task.title}" for task in found)])
    return Answer(reply, [Action(tool="list_tasks", tasks=[TaskOutput.model_validate(task) for task in found])])


def _add(session: Session, user_id: str, line: str, _before: Sequence[Action]) -> Answer | None:
    match = phrases.match(phrases.ADD, line)
    if match is None:
        return None
    title = _title(match["title"])
    if isinstance(title, Answer):
        return title
    task = tasks.add(session, user_id, title)
    return _did("add_task", task, f'Added task {task.id}: "{task.title}".')


def _did(tool: Tool, task: Task, reply: str) -> Answer:
    return Answer(reply, [Action(tool=tool, tasks=[TaskOutput.model_validate(task)])])


def _unquoted(text: str) -> str:
    text = text.strip()
    pairs = ('""', "''", "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")
    quoted = len(text) > 2 and any(text[0] == pair[0] and text[-1] == pair[1] for pair in pairs)
    return text[1:-1].strip() if quoted else text


def _title(text: str) -> str | Answer:
    title = _unquoted(text)
    if not title:
        return Answer("What should the task be called?")
    if len(title) > TITLE:
        return Answer(f"That is too long for a title: {len(title)} characters, {TITLE} at most.")
    return title


def _find(session: Session, user_id: str, words: str, before: Sequence[Action]) -> Task | Answer:
    """Return the task that is meant, by number, by "it", or by its title; else what to ask."""
    words = _unquoted(words)
    number = _NUMBER.match(words)
    wanted = int(number[1]) if number else None
    if words.lower() in _LAST:
        wanted = next((action.tasks[-1].id for action in reversed(before) if action.tasks), None)
        if wanted is None:
            return Answer("Which task do you mean? Give its number or its title.")
    if wanted is not None:
        try:
            return tasks.get(session, user_id, wanted)
        except tasks.TaskNotFoundError:
            return Answer(f"You have no task {wanted}.")
    own = tasks.listed(session, user_id)
    found = [task for task in own if task.title.lower() == words.lower()]
    found = found or [task for task in own if words.lower() in task.title.lower()]
    if not found:
        return Answer(f'You have no task called "{words}".')
    if len(found) > 1:
        choice = ", ".join(f'{task.id} ("{task.title}")' for task in found[:5])
        return Answer(f"Which one do you mean: {choice}? Give its number.")
    return found[0]
