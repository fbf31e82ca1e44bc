"""Tasks by description: "everything done", "all overdue high priority tasks"."""

import re
from datetime import datetime, timedelta

from app.backend.assistants.rules import dates, lexicon
from app.backend.assistants.rules.references import Knowledge
from app.backend.records import Task

EXCEPT = re.compile(r"\s+(?:except(?: for)?|but(?: not)?|apart from|besides|other than|save)\s+", re.IGNORECASE)
GROUP = re.compile(
    r"(?:(?P<all>all|everything|every|each|any)(?: of)?\b\s*)?(?:(?:my|the|of|that is|that's|that are|which "
    r"are|are|is)\s+)*"
    r"(?P<rest>.*?)\s*(?P<noun>\b(?:tasks?|to-?dos?|items?|reminders?|ones|things|stuff|list|entries|chores?))?"
    r"(?:\s+(?:which|that) (?:is|are)\s+(?P<after>.+?))?(?:\s+(?:about|with|containing|mentioning|related to)"
    r"\s+(?P<about>.+))?",
    re.IGNORECASE,
)
_STATE_WORDS = {
    "completed": True, "complete": True, "done": True, "finished": True, "ticked": True, "checked": True,
    "closed": True, "pending": False, "open": False, "unfinished": False, "incomplete": False, "undone": False,
    "remaining": False, "active": False, "outstanding": False, "uncompleted": False,
}  # fmt: skip


def only_state(text: str) -> bool:
    """Tell whether a word for a state stands for the tasks in it: "delete completed"."""
    return text.strip().lower() in {"completed", "done", "finished", "overdue"}


def select(text: str, known: Knowledge) -> list[Task] | None:
    """Return the tasks that adjectives describe ("overdue high priority"); None if there is any other word."""
    done: bool | None = None
    priority: str | None = None
    tasks = list(known.tasks)
    text = re.sub(
        r"\b(?:and|of|the|my|with|are|is|that|old|already|tasks?|due(?! \w))\b|,", " ", text, flags=re.IGNORECASE
    )
    for level, pattern in (("high", lexicon.HIGH), ("low", lexicon.LOW), ("normal", lexicon.NORMAL)):
        shorter = re.sub(rf"\b{pattern}(?:[- ]priority)?\b", " ", text, flags=re.IGNORECASE)
        priority, text = (level if shorter != text else priority), shorter
    shorter = re.sub(r"\b(?:overdue|late|past due)\b", " ", text, flags=re.IGNORECASE)
    if shorter != text:
        tasks = [task for task in tasks if overdue(task, known.now)]
        text = shorter
    when = dates.find(text, known.now)
    if when:
        end = when.until or when.day + timedelta(days=1)
        tasks = [task for task in tasks if task.due and when.day.isoformat() <= task.due < end.isoformat()]
        text = dates.without(text, when)
    for word in text.lower().split():
        if word not in _STATE_WORDS:
            return None
        done = _STATE_WORDS[word]
    if done is None and known.wanted != "any":
        done = known.wanted == "completed"
    return [task for task in tasks if (done is None or task.completed is done) and priority in (None, task.priority)]


def overdue(task: Task, now: datetime) -> bool:
    """Tell whether an open task should have been done by now."""
    if task.completed or not task.due:
        return False
    return task.due < (f"{now:%Y-%m-%dT%H:%M}" if "T" in task.due else f"{now:%Y-%m-%d}")
