"""What a task is changed to: "friday", "high priority", "done", a new title."""

import re
from datetime import datetime
from typing import Any

from app.backend.assistants.rules import adding, dates, lexicon, normalise
from app.backend.assistants.rules.wishes import Wish

_I = re.IGNORECASE
DUE = r"(?:due ?dates?|deadlines?|due time|due|date|time)"
NOTE = r"(?:notes?|descriptions?|details?|comments?)"
PRIORITY = r"(?:priority|prio|importance)"
_LEVEL = re.compile(
    rf"(?:(?:to|as|of|with|be|a|the|is|very|more|super|really)\s+)*(?:(?P<not>not|less)\s+)?(?:{PRIORITY}\s+)"
    rf"?(?:(?P<high>{lexicon.HIGH}|higher|max|maximum)|(?P<low>{lexicon.LOW}|lower|min)|"
    rf"(?P<normal>{lexicon.NORMAL}))(?:[- ]*{PRIORITY})?",
    _I,
)
_DONE = re.compile(
    r"(?:(?:to|as|is|be|being)\s+)*(?:done|completed?|finished|closed|ticked(?: off)?|checked(?: off)?)", _I
)
_OPEN = re.compile(
    r"(?:(?:to|as|is|be|back)\s+)*(?:not (?:yet )?(?:done|completed?|finished)|un ?done|open|pending|"
    r"incomplete|unfinished|uncompleted|to ?do|active|not done yet)(?: again)?",
    _I,
)


def level(text: str) -> str | None:
    """Return the priority that a text is the name of."""
    match = _LEVEL.fullmatch(text.strip(" .!"))
    if not match:
        return None
    if match["normal"]:
        return "normal"
    return "low" if match["low"] or match["not"] else "high"


def change(text: str, now: datetime) -> dict[str, Any] | None:  # noqa: PLR0911 - one for each thing to change
    """Return what a text, all of it, changes: "friday", "high priority and due tomorrow", "done" (`completed`)."""
    text = text.strip(" .!")
    if _DONE.fullmatch(text):
        return {"completed": True}
    if _OPEN.fullmatch(text):
        return {"completed": False}
    if found := level(text):
        return {"priority": found}
    if when := dates.whole(re.sub(r"^(?:to|until|till)\s+", "", text, flags=_I), now):
        return {"due": when.due}
    if re.fullmatch(rf"(?:no|without(?: a)?) {DUE}", text, _I):
        return {"clear_due": True}
    parts = re.split(r"\s*(?:,\s*and|,|\band\b)\s*", text, maxsplit=1, flags=_I)
    if len(parts) == 2 and all(parts):
        first, second = change(parts[0], now), change(parts[1], now)
        return {**first, **second} if first and second and "completed" not in {**first, **second} else None
    return None


def valued(field: str, text: str, now: datetime) -> Wish | None:
    """Return the change of one field to a value as typed; None if the value does not fit the field."""
    field = field.lower()
    if re.fullmatch(PRIORITY, field, _I):
        found = level(text)
        return Wish("update", changes={"priority": found}) if found else None
    if re.fullmatch(DUE, field, _I):
        found_due = change(text, now)
        return (
            Wish("update", changes=found_due)
            if found_due and ("due" in found_due or "clear_due" in found_due)
            else None
        )
    text = normalise.unquoted(text)
    if re.fullmatch(NOTE, field, _I):
        return Wish("update", changes={"description": text})
    return titled(text)


def titled(text: str) -> Wish | None:
    """Return the change to a new title; None if there is nothing to see of it."""
    name, rest = adding.title(" ".join(normalise.unquoted(text).split()))
    if not normalise.visible(name):
        return None
    return Wish("update", changes={"title": name, **({"description": rest} if rest else {})})
