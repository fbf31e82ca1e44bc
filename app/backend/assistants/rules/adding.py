"""What is to be added: titles, with when, how much it matters, and notes; one task or several.

One or several: lines, semicolons, and what is announced as several ("two tasks: …", "tasks: …") are several. So are
commas, where every piece begins like something to do ("call Bob, fix the bike and pay taxes") or none does and all are
short ("milk, eggs and bread"); "buy milk, eggs and bread" is one. A mere "and" divides nothing but quoted titles.
A date or priority said once, at the end, is for all of them.
"""

import re
from datetime import datetime
from typing import Any

from app.backend.assistants.rules import dates, lexicon, normalise
from app.backend.records import DESCRIPTION, TITLE

MOST = 50
"""How many tasks one message adds."""

_NOTE = re.compile(
    r"(?:^|[\s,;.(]{1,4})(?:with (?:the |a )?(?:notes?|description|details?|comment)(?: that says| saying| of)?:?|"
    r"(?:notes?|description|details?|desc):)\s+(?P<note>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_LEVELS = {"high": lexicon.HIGH, "low": lexicon.LOW, "normal": lexicon.NORMAL}
_PRIORITY = [
    (level, re.compile(pattern, re.IGNORECASE))
    for level, words in _LEVELS.items()
    for pattern in (
        rf"[\s,(\[-]{{0,4}}\b(?:(?:with|at|as|of|in) (?:a |the )?)?{words}[- ]?prio(?:rity)?\b[)\]]?",
        rf"[\s,(\[-]{{0,4}}\b(?:(?:with|at|and|of) (?:a |the )?)?prio(?:rity)?(?: is| of)?[:= ]\s*{words}\b[)\]]?",
        rf"(?:^|\s)!{words}\b",
    )
]
_URGENT = re.compile(
    r"[\s]*(?:[,;(\[-]\s*|\.\s+)(?:(?:it'?s|it is|this is|that'?s|which is|is|very|really|super|pretty)\s+)"
    r"*(?P<not>not (?:that |very |so )?)?(?:urgent|important|critical)\s*[)\]]?\s*$"
    r"|\s+(?:asap|urgently|p1|as soon as possible|!!+)\s*$|^(?:urgent|important|asap)\s*[:!,-]\s*",
    re.IGNORECASE,
)
_LOW = re.compile(r"\s+p3\s*$", re.IGNORECASE)
_LIST = re.compile(
    r"\s+(?:to|on|onto|in|into|for) (?:my|the|our|this) (?:[\w-]+ )?(?:list|tasks|to-?dos?|to do list|task "
    r"list|reminders)\b",
    re.IGNORECASE,
)
_BULLET = re.compile(r"(?:[-*+\u2022\u2023\u25cf]|\[ ?\]|\d{1,3}[.)])\s+")
_PIECES = re.compile(r"\s*(?:,\s*(?:and|&)\s+|,\s+|,(?=[^\s\d])|\s+(?:and|&)\s+)", re.IGNORECASE)


def items(text: str, now: datetime, *, several: bool = False) -> list[dict[str, Any]]:
    """Return the arguments of `add_task` for each task a text names; none where there is no title in it."""
    lines = [_BULLET.sub("", line, count=1) if _BULLET.match(line) else line for line in text.split("\n")]
    pieces = [piece for line in lines for piece in _semicolons(line)]
    if len(pieces) > 1:
        return [item for piece in pieces[:MOST] if (item := one(piece, now))]
    text = pieces[0] if pieces else ""
    pieces = _divided(text, now, several=several)
    if len(pieces) < 2:
        item = one(text, now)
        return [item] if item else []
    found = [(item, piece) for piece in pieces[:MOST] if (item := one(piece, now))]
    return _shared([item for item, _ in found])


def one(text: str, now: datetime) -> dict[str, Any] | None:
    """Return the arguments of `add_task` for one task; None if there is no title."""
    if normalise.unquoted(text) != text.strip():
        return _item(normalise.unquoted(text), {})
    found: dict[str, Any] = {}
    note = _NOTE.search(normalise.masked(text)) if len(text) <= 4000 else None
    if note:
        found["description"] = normalise.unquoted(text[note.start("note") :].strip())[:DESCRIPTION]
        text = text[: note.start()]
    text = _list_removed(text)
    level, text = priority(text)
    when = dates.find(normalise.masked(text), now) if len(text) <= 2 * normalise.LONGEST else None
    if when:
        found["due"] = when.due
        text = dates.without(text, when)
    if not level:
        level, text = priority(text)
    if level:
        found["priority"] = level
    return _item(_tidied(_list_removed(text)), found)


def priority(text: str) -> tuple[str | None, str]:
    """Return the priority a text says beside what is to be done, and the text without it."""
    if len(text) > 2 * normalise.LONGEST:
        return None, text
    hidden = normalise.masked(text)
    urgent = _URGENT.search(hidden)
    if urgent and urgent[0] != hidden:
        return "low" if urgent["not"] else "high", text[: urgent.start()] + text[urgent.end() :]
    if low := _LOW.search(hidden):
        return "low", text[: low.start()]
    for level, pattern in _PRIORITY:
        if match := pattern.search(hidden):
            return level, f"{text[: match.start()]} {text[match.end() :].lstrip()}".strip()
    return None, text


def title(text: str) -> tuple[str, str]:
    """Return a title that fits, and the whole text as its description where it had to be cut."""
    if len(text) <= TITLE:
        return text, ""
    cut = text[: TITLE - 1].rsplit(" ", 1)[0] if " " in text[TITLE // 2 : TITLE - 1] else text[: TITLE - 1]
    return f"{cut.rstrip()}\u2026", text[:DESCRIPTION]


def _item(text: str, found: dict[str, Any]) -> dict[str, Any] | None:
    text = " ".join(text.split())
    if not normalise.visible(text) or not re.search(r"[^\s.,;:!?\"'()\[\]-]", text):
        return None
    name, rest = title(text)
    if rest:
        found["description"] = f"{rest}\n{found['description']}"[:DESCRIPTION] if "description" in found else rest
    return {"title": name, **found}


def _list_removed(text: str) -> str:
    match = next(iter(_LIST.finditer(normalise.masked(text)[: 2 * normalise.LONGEST])), None)
    return f"{text[: match.start()]} {text[match.end() :].lstrip()}".strip() if match else text


def _tidied(text: str) -> str:
    text = re.sub(r"\s*[(\[]\s*[)\]]", "", text)
    text = text.strip(" ,;:-\u2013\u2014")
    text = re.sub(r"(?:^(?:to|for|that|and)\s+|\s+(?:and|by|due|on|at|with)$)", "", text, flags=re.IGNORECASE)
    text = text.rstrip(" .,;!?") or text
    return normalise.unquoted(text.strip())


def _semicolons(line: str) -> list[str]:
    hidden = normalise.masked(line)
    starts = [0, *(match.end() for match in re.finditer(";", hidden))]
    ends = [*(match.start() for match in re.finditer(";", hidden)), len(line)]
    return [piece for start, end in zip(starts, ends, strict=True) if (piece := line[start:end].strip())]


def _divided(text: str, now: datetime, *, several: bool) -> list[str]:
    hidden = normalise.masked(text)
    if len(text) > 4 * normalise.LONGEST:
        return [text]
    if when := dates.find(hidden, now):
        for start, end in when.spans:
            hidden = hidden[:start] + "\ufffc" * (end - start) + hidden[end:]
    if note := _NOTE.search(hidden):
        hidden = hidden[: note.start()] + "\ufffc" * (len(text) - note.start())
    if not ("," in hidden or several or re.fullmatch(r"\ufffc+(?:\s+(?:and|&)\s+\ufffc+)+", hidden)):
        return [text]
    pieces: list[str] = []
    start = 0
    for match in _PIECES.finditer(hidden):
        pieces.append(text[start : match.start()])
        start = match.end()
    pieces.append(text[start:])
    pieces = _details_joined(pieces, now)
    starts = [_verb(piece, now) for piece in pieces]
    short = all(len(piece.split()) <= 3 or normalise.unquoted(piece) != piece for piece in map(_bare(now), pieces))
    if several or all(starts) or (not any(starts) and short and _commas(hidden)):
        return pieces
    return _by_commas(text, hidden, now)


def _commas(hidden: str) -> bool:
    return "," in hidden or hidden.startswith("\ufffc")


def _by_commas(text: str, hidden: str, now: datetime) -> list[str]:
    """Pieces between commas alone ("call Bob and Li, fix the bike"), where each begins like something to do."""
    cuts = [match.span() for match in re.finditer(r"\s*,\s*(?:and\s+)?", hidden)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    pieces = _details_joined([text[start:end] for start, end in zip(starts, ends, strict=True)], now)
    return pieces if len(pieces) > 1 and all(_verb(piece, now) for piece in pieces) else [text]


def _details_joined(pieces: list[str], now: datetime) -> list[str]:
    """Return the pieces, those that are only a date or a priority put back where they came from."""
    joined: list[str] = []
    for piece in pieces:
        if not piece.strip():
            continue
        if joined and one(f", {piece}", now) is None:
            joined[-1] += f", {piece}"
        else:
            joined.append(piece)
    return joined


def _bare(now: datetime) -> Any:
    return lambda piece: str((one(piece, now) or {"title": piece})["title"])


def _verb(piece: str, now: datetime) -> bool:
    name = _bare(now)(piece)
    return " " in name and name.split(" ", 1)[0].lower() in lexicon.VERBS | set(lexicon.COMMANDS)


def _shared(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tasks, a due date or priority that only the last one has given to all."""
    if len(found) > 1:
        for detail in ("due", "priority"):
            if detail in found[-1] and not any(detail in item for item in found[:-1]):
                found = [{**item, detail: found[-1][detail]} for item in found]
    return found
