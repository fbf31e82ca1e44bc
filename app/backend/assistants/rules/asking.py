"""What is asked: for a list, for one task; other questions order nothing."""

import re
from datetime import datetime

from app.backend.assistants.rules import listing, normalise, slots, talk
from app.backend.assistants.rules.wishes import NOTHING, Wish

_I = re.IGNORECASE
_FINISHED = re.compile(
    r"(?:all )?(?:done|finished|completed?)\s+(?:with|it|that|this|the last|the first|#?\d)|(?:everything|all|"
    r"it|they)(?: is| are|'s) (?:now |already )?(?:done|finished|completed?)$",
    _I,
)
_JUST_DONE = re.compile(
    r"(?:all )?(?:done|finished|did it|done it|i did it|i did that|i'?m done|it'?s done|i've done it|done "
    r"that)(?: now| already)?",
    _I,
)
_SHOW = (
    re.compile(r"(?:show|display|view|see|open|read|describe|list|print|get|give)\s+(?:me\s+)?(?:the )"
        r"?(?:details? (?:of|for|on|about) )?(?P<ref>(?:(?:task|item|todo|number|no\.?)\s*)*#?\d+|it|that one|"
            r"that task)", _I),
    re.compile(r"(?:what is|what's|whats|what was)\s+(?P<ref>(?:(?:task|item|todo|number)\s*)*#?\d+)(?: about)?", _I),
    re.compile(r"(?:details?|info|information|more)\s+(?:of|for|on|about)\s+(?P<ref>.+)", _I),
    re.compile(r"(?:tell me (?:more )?about|describe|show me the details of|more about|show (?:the )?details "
        r"of)\s+(?P<ref>.+)", _I),
    re.compile(r"(?:when|what time|what day)(?:'s|\s+(?:is|are|was|does|do|must|should|am))\s+(?:i (?:have to "
        r"|need to |supposed to )?)?(?P<ref>.+?)(?:\s+(?:due|happening|done|scheduled))?", _I),
    re.compile(r"(?:what is|what's|whats|tell me|show me|show)\s+(?:the )?(?:priority|due date|deadline|"
        r"status|description|notes?|title|details?)\s+(?:of|for|on)\s+(?P<ref>.+)", _I),
    re.compile(r"(?:is|are|was)\s+(?P<ref>.+?)\s+(?:already |still |now )?(?:done|completed?|finished|open|"
        r"pending|due|overdue|urgent|important)(?: yet| already)?", _I),
)  # fmt: skip


def queried(text: str, now: datetime) -> Wish | None:  # noqa: PLR0911 - one for each kind of question
    """Lists and questions; a question that is neither orders nothing."""
    if len(text) > normalise.LONGEST:
        return None
    text = re.sub(r"^(?:can|could|may) i (?=see|get|have|view)", "", text, flags=_I)
    if _JUST_DONE.fullmatch(text):
        return Wish("complete", ref="it")
    if _FINISHED.match(text):
        return None
    view = listing.view(text, now)
    for pattern in _SHOW[:4]:
        if match := pattern.fullmatch(text):
            listed = Wish("list", view=view) if view else None
            return Wish("show", ref=match["ref"], certain=bool(slots.numbers(match["ref"])), otherwise=listed)
    if view:
        return Wish("list", view=view)
    for pattern in _SHOW[4:]:
        if match := pattern.fullmatch(text):
            return Wish("show", ref=match["ref"], certain=bool(slots.numbers(match["ref"])))
    if re.match(r"(?:show|display)\s", text, _I):
        rest = re.sub(r"^(?:show|display)\s+(?:me\s+)?(?:the |my )?", "", text, flags=_I)
        return (
            Wish("list", view=listing.View({"text": rest[:200]}, title=f'about "{rest[:200]}"'))
            if rest.strip()
            else None
        )
    return NOTHING if talk.asks_only(text) else None
