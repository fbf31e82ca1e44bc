"""Changes of a task: its title, when it is due, how much it matters, its notes."""

import re
from datetime import datetime

from app.backend.assistants.rules import adding, dates, lexicon, moving, normalise, values
from app.backend.assistants.rules.wishes import Wish

_I = re.IGNORECASE
_SET = r"(?:set|change|update|make|put|move|adjust|modify|edit|switch|raise|lower|increase|decrease|fix)"
_OFF = r"(?:remove|delete|clear|drop|unset|erase|cancel|take off|take away|take|get rid of|strip)"
_NO_DUE = re.compile(
    rf"(?:{_OFF}\s+(?:the\s+)?{values.DUE}\s+(?:of|from|for|on|off)\s+(?P<a>.+)|{_OFF}\s+(?P<b>.+?)(?:'s|s')"
    rf"\s+{values.DUE}|{_OFF}\s+(?P<c>its|the)\s+(?:due ?date|deadline)"
    rf"|(?P<d>.+?)\s+(?:has|have|needs|should have|with)\s+no\s+{values.DUE}|(?P<e>.+?)\s+(?:is not|isn't|isnt)"
    rf"\s+due(?: anymore| any more)?"
    rf"|(?:make|set)\s+(?P<f>.+?)\s+(?:not due|(?:to )?(?:have )?no {values.DUE}|without (?:a )?{values.DUE})|"
    rf"no\s+{values.DUE}\s+(?:for|on)\s+(?P<g>.+))",
    _I,
)
_NO_PRIORITY = re.compile(
    rf"(?:{_OFF})\s+(?:the\s+)?(?:high |low )?{values.PRIORITY}\s+(?:of|from|for|on|off)\s+(?P<ref>.+)", _I
)
_NO_NOTE = re.compile(rf"(?:{_OFF})\s+(?:the\s+)?{values.NOTE}\s+(?:of|from|for|on|off)\s+(?P<ref>.+)", _I)
_FIELD = re.compile(
    rf"(?:(?:{_SET}|give|add|assign)\s+)?(?:(?:the|a|an|new)\s+)*(?P<field>{values.DUE}|{values.PRIORITY}|"
    rf"title|name|text|"
    rf"wording|{values.NOTE})\s+(?:of|for|on|to|in)\s+"
    r"(?P<ref>.+?)(?:\s*:\s*|\s+(?:to be|to|as|into|is|saying|that says|of|for|->|=|-)\s+)(?P<value>\S.*)",
    _I | re.DOTALL,
)
_FIELD_OPEN = re.compile(
    rf"(?:{_SET}|add|give)\s+(?:(?:the|a|an|new)\s+)*(?P<field>{values.DUE}|{values.PRIORITY}|title|name|"
    rf"{values.NOTE})\s+(?:of|"
    rf"for|on|to)\s+(?P<ref>.+)",
    _I,
)
_OWN = re.compile(
    rf"(?:{_SET}\s+)?(?P<ref>\S.*?)(?:'s|s')\s+(?P<field>{values.DUE}|{values.PRIORITY}|title|name|text|"
    rf"{values.NOTE})(?:\s*:\s*|"
    rf"\s+(?:to|as|into|is|should be)\s+)(?P<value>\S.*)",
    _I | re.DOTALL,
)
_ITS = re.compile(
    rf"(?:{_SET})\s+(?:its|the)\s+(?P<field>due ?date|deadline|{values.PRIORITY}|title|name|description|note)"
    rf"\s+(?:to|as|into)\s+(?P<value>\S.*)",
    _I,
)
_GIVE = re.compile(
    rf"(?:give|assign)\s+(?P<ref>.+?)\s+(?:a|an|the)\s+(?P<value>.+?)\s+(?P<field>{values.PRIORITY}|due date|deadline)",
    _I,
)
_GIVE_DUE = re.compile(
    rf"(?:give|assign)\s+(?P<ref>.+?)\s+(?:a|an|the)\s+(?P<field>{values.DUE}|{values.PRIORITY}|{values.NOTE})"
    rf"\s*(?:of|for|:|on)"
    rf"?\s+(?P<value>\S.*)",
    _I,
)
_OF = re.compile(
    rf"(?:set|add|put|give)\s+(?:a|the|an)\s+(?P<field>{values.DUE}|{values.PRIORITY})\s+of\s+(?P<value>.+?)"
    rf"\s+(?:for|on|"
    rf"to)\s+(?P<ref>\S.*)",
    _I,
)
_TO_NOTES = re.compile(
    r"add\s+to\s+(?P<ref>(?:task |number |the notes? of |the description of )*#?\d+)\s*:\s*(?P<value>\S.*)",
    _I | re.DOTALL,
)
_DESCRIBE = re.compile(r"describe\s+(?P<ref>.+?)\s*(?:\bas\b|:)\s*(?P<value>\S.*)", _I)
_NOTED = re.compile(
    rf"(?:{values.NOTE})\s+(?:for|on|to|about)\s+(?P<ref>[^:]+?)\s*(?::|\bthat\b|\bsaying\b)\s*(?P<value>\S.*)",
    _I | re.DOTALL,
)
_RENAME = re.compile(r"(?:rename|retitle|reword|rephrase|re-?name)\s+(?P<rest>.+)", _I | re.DOTALL)
_CALL = re.compile(r"call\s+(?P<ref>(?:task\s+|#|it\b|that\b)\d*|\d+)\s+(?P<value>.+?)(?:\s+instead)?", _I)
_CHANGE = re.compile(
    r"(?:change|update|edit|modify|make|set|switch|turn|mark|flag|put|alter|replace|correct|drop|lower|raise|"
    r"bump)\s+(?P<rest>.+)",
    _I | re.DOTALL,
)
_TO = re.compile(r"\s*(?:\s(?:to say|to be|to|into|as|with|->|=>)\s|:\s)\s*(?:read\s+)?", _I)
_ABOUT = re.compile(r"remind me (?:about|of|on)\s+(?P<rest>.+)", _I)
_IS = re.compile(
    rf"(?P<ref>.+?)\s*(?:\s(?:is|are|has|should be|should have|needs|became)|'s)\s+(?:now |really |very |super "
    rf"|so |pretty |a |actually |kind of )*(?P<not>not |no longer |not that |not so )?(?:very |really |that |so )?"
    rf"(?P<level>{lexicon.HIGH}|{lexicon.LOW}|{lexicon.NORMAL})(?:[- ](?:priority|prio))?(?: now)?",
    _I,
)
_ISNT = re.compile(
    r"(?P<ref>.+?)\s+(?:isn't|isnt|aren't) (?:that |so |very |really )*(?:urgent|important|critical|high "
    r"priority)(?: anymore| any more)?",
    _I,
)
_RAISE = re.compile(
    r"(?P<down>de-?prioriti[sz]e|lower|demote)\s+(?:the )?(?:priority (?:of|on|for) )?(?P<a>.+)|"
    r"(?:prioriti[sz]e|promote|star|bump up|(?:raise|increase|bump) (?:the )?priority (?:of|on|for))\s+(?P<b>.+)",
    _I,
)


def wish(text: str, now: datetime) -> Wish | None:
    """Return the change that a text asks for; None if it asks for none."""
    if len(text) > normalise.LONGEST:
        return None
    for read in (_cleared, _field, _about, _renamed, moving.moved, _changed, _raised, _stated):
        if found := read(text, now):
            return found
    return None


def _cleared(text: str, _now: datetime) -> Wish | None:
    if match := _NO_DUE.fullmatch(text):
        ref = next(value for value in match.groups() if value)
        return Wish("update", ref="it" if ref.lower() in {"its", "the"} else ref, changes={"clear_due": True})
    if match := _NO_PRIORITY.fullmatch(text):
        return Wish("update", ref=match["ref"], changes={"priority": "normal"})
    if match := _NO_NOTE.fullmatch(text):
        return Wish("update", ref=match["ref"], changes={"description": ""})
    return None


def _field(text: str, now: datetime) -> Wish | None:
    for pattern in (_NOTED, _TO_NOTES, _OF, _FIELD, _OWN, _ITS, _GIVE, _GIVE_DUE, _DESCRIBE):
        match = pattern.fullmatch(text)
        if not match:
            continue
        groups = match.groupdict()
        field = groups.get("field") or "description"
        found = values.valued(field, match["value"], now)
        if not found:
            continue
        changes = dict(found.changes)
        if (
            "description" in changes
            and "title" not in changes
            and (pattern is _NOTED or re.match(r"(?:add|give|note)", text, _I))
        ):
            changes = {"append": changes["description"]}
        return Wish("update", ref=groups.get("ref") or "it", changes=changes)
    if match := _FIELD_OPEN.fullmatch(text):
        field = match["field"].lower()
        missing = (
            "priority"
            if re.fullmatch(values.PRIORITY, field)
            else "due"
            if re.fullmatch(values.DUE, field)
            else "note"
            if re.fullmatch(values.NOTE, field)
            else "title"
        )
        return Wish("update", ref=match["ref"], missing=missing)  # type: ignore[arg-type]  # one of the four
    return None


def _about(text: str, now: datetime) -> Wish | None:
    match = _ABOUT.fullmatch(text)
    when = dates.find(normalise.masked(match["rest"]), now) if match else None
    if not match:
        return None
    item = adding.one(match["rest"], now)
    add = Wish("add", items=(item,)) if item else Wish("add", missing="title")
    if not when:
        return add
    return Wish(
        "update", ref=dates.without(match["rest"], when), changes={"due": when.due}, certain=False, otherwise=add
    )


def _renamed(text: str, _now: datetime) -> Wish | None:
    if match := _CALL.fullmatch(text):
        found = values.titled(match["value"])
        if found and (text.lower().endswith("instead") or not match["ref"].isdigit()):
            return Wish("update", ref=match["ref"], changes=found.changes)
    match = _RENAME.fullmatch(text)
    if not match:
        return None
    return _split(match["rest"]) or Wish("update", ref=match["rest"], missing="title")


def _split(rest: str) -> Wish | None:
    """Every way to read "x to y to z" as a task and its new title."""
    hidden = normalise.masked(rest)
    ways = [(rest[: match.start()], rest[match.end() :]) for match in _TO.finditer(hidden)]
    ways = [(ref.strip(), value.strip()) for ref, value in ways if ref.strip() and values.titled(value)][:8]
    if not ways:
        return None
    found = values.titled(ways[0][1])
    return Wish("update", ref=ways[0][0], changes=found.changes if found else {}, splits=tuple(ways[1:]))


def _changed(text: str, now: datetime) -> Wish | None:
    match = _CHANGE.fullmatch(text)
    if not match:
        return None
    verb, rest = text.split(" ", 1)[0].lower(), match["rest"]
    rest = re.sub(r"^(?:the )?(?:status|state) (?:of|for)\s+", "", rest, flags=_I)
    for cut in re.finditer(
        r"\s*(?:\s(?:to be|to|into|as|for|with|->|=>|due|back to)\s|:\s)\s*|\s", normalise.masked(rest)
    ):
        ref, value = rest[: cut.start()].strip(), rest[cut.end() :]
        if cut[0].strip().lower() == "due":
            value = f"due {value}"
        found = values.change(value, now) if ref and len(value) < 80 else None
        if found and not re.fullmatch(r"the|my|an?|as|to|is|task", ref, _I):
            ref = re.sub(r"\s+(?:to|as|into|for|back|to be|is)$", "", ref, flags=_I)
            if "completed" in found:
                return Wish("complete" if found["completed"] else "reopen", ref=ref)
            return Wish("update", ref=ref, changes=found)
    if verb in {"change", "update", "edit", "modify", "alter", "replace", "correct"}:
        return _split(rest) or Wish("update", ref=rest, missing="change", certain=False)
    return None


def _raised(text: str, _now: datetime) -> Wish | None:
    match = _RAISE.fullmatch(text)
    if not match:
        return None
    return Wish(
        "update",
        ref=match["a"] or match["b"],
        changes={"priority": "low" if match["down"] else "high"},
        certain=bool(match["b"]) or text.lower().startswith("de"),
    )


def _stated(text: str, _now: datetime) -> Wish | None:
    if match := _ISNT.fullmatch(text):
        return Wish("update", ref=match["ref"], changes={"priority": "low"}, certain=False)
    if match := _IS.fullmatch(text):
        found = values.level(((match["not"] and "not ") or "") + match["level"])
        return Wish("update", ref=match["ref"], changes={"priority": found}, certain=False) if found else None
    return None
