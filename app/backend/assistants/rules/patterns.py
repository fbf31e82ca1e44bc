"""From words to wishes: ordered patterns, the most particular first."""

import re
from datetime import datetime

from app.backend.assistants.rules import (
    additions,
    asking,
    changing,
    doing,
    feelings,
    lexicon,
    normalise,
    talk,
)
from app.backend.assistants.rules.wishes import NOTHING, Wish

_I = re.IGNORECASE
_UNDO = re.compile(
    r"(?:(?:oops|whoops|ups|oh no|my bad|sorry|no|wait|damn)[\s,.!]*)*(?:undo|revert|roll ?back|take (?:it|"
    r"that|this) back|un-?do|go back|ctrl[ +-]?z|bring (?:it|that|them|those|the tasks?) back|restore(?: "
    r"(?:it|that|them|those|the task|the last one))?|undelete(?: (?:it|that|them))?|put (?:it|them|that) back)"
    r"(?:\s+(?:it|that|this|them|the|my|last|change|changes|action|thing|delete|deletion|what|you|just|did|"
    r"all|of|those|step|one|again|edit|command|everything|i|previous|that last))*"
    r"|(?:oops|whoops|ooops|oopsie)|(?:that|it) was (?:a mistake|an accident|wrong)|i didn'?t (?:mean|want) "
    r"(?:to|that|it)(?: .{0,40})?|(?:my )?mistake",
    _I,
)
_LATER = re.compile(
    rf"(?:\s*(?:[;.!]|,\s*(?:and )?then|,\s*and(?: also)?|\band then\b|\band also\b|\bthen\b|\band\b|,|&)\s+|"
    rf"\n)(?:please |also |then |now )*(?=(?:{lexicon.COMMAND})\b)",
    _I,
)
_STRONG = re.compile(r"[;.!\n]|then", _I)
_POINTED = re.compile(
    r"(?:complete|finish|mark|tick|check|reopen|delete|remove|show|list)\b.{0,20}(?:#?\d+|\bit)(?: (?:as )"
    r"?(?:done|complete|completed|finished))?|(?:show|list)(?: me)?(?: (?:my|the|all))*(?: (?:list|tasks|todos))?",
    _I,
)


def wishes(text: str, now: datetime) -> list[Wish]:
    """Return what a text wants, in its order; at least one wish."""
    if small := talk.small(text):
        return [Wish(small)]
    if said := feelings.answer(text):
        return [Wish("talk", say=said)]
    text = normalise.without_politeness(normalise.corrected(normalise.without_politeness(text)))
    parts = _parts(text)
    return [_wish(normalise.without_politeness(normalise.corrected(part)), now) for part in parts] or [NOTHING]


def _parts(text: str) -> list[str]:
    """Divide a text where another order begins; what is to be added keeps its "and"."""
    if len(text) > normalise.LONGEST:
        return [text]
    hidden = normalise.masked(text)
    parts: list[str] = []
    start = 0
    for cut in _LATER.finditer(hidden):
        if cut.start() < start or not _parted(text[start : cut.start()], cut[0], text[cut.end() :]):
            continue
        parts.append(text[start : cut.start()])
        start = cut.end()
    return [part for part in [*parts, text[start:]] if part.strip()][:10]


def _parted(before: str, between: str, after: str) -> bool:
    if not before.strip() or talk.negated(before) or talk.asks_only(before):
        return False
    strong = bool(_STRONG.search(between))
    own = lexicon.TAKES_TITLE.match(before)
    again = re.match(r"(?:add|remind me)\b", after, _I)
    if own:
        destroys = re.match(rf"{lexicon.DESTROY}\b", after, _I)
        pointed = bool(_POINTED.fullmatch(after.strip(" .!?")))
        return bool(again) or (pointed and (strong or not destroys))
    return (
        strong
        or bool(re.match(rf"{lexicon.COMMAND}\b", before, _I))
        or before.strip().lower().startswith(("done", "i"))
    )


def _wish(text: str, now: datetime) -> Wish:
    if not text:
        return NOTHING
    if small := talk.small(text):
        return Wish(small)
    for read in (
        _guarded,
        _felt,
        _undone,
        additions.reminded,
        additions.added,
        asking.queried,
        _changed,
        doing.deleted,
        doing.reopened,
        doing.completed,
        doing.told,
    ):
        if found := read(text, now):
            return found
    return NOTHING


def _guarded(text: str, _now: datetime) -> Wish | None:
    """What is not to be done, or only asked about."""
    if re.match(r"(?:(?:please )?(?:don't|dont|do not|never)(?: let me)? forget)\b", text, _I):
        return None
    if talk.negated(text) and not re.match(r"i (?:didn'?t|did not|never) ", text, _I):
        return Wish("keep")
    return None


def _felt(text: str, _now: datetime) -> Wish | None:
    """Feelings and conversation."""
    said = feelings.answer(text)
    return Wish("talk", say=said) if said else None


def _undone(text: str, _now: datetime) -> Wish | None:
    return Wish("undo") if len(text) < 120 and _UNDO.fullmatch(text) else None


def _changed(text: str, now: datetime) -> Wish | None:
    if re.match(r"(?:i|we|my \w+) (?:deleted|removed|told)\b", text, _I):
        return NOTHING
    return changing.wish(text, now)
