"""What is to be added: "add …", "remind me to …", "I have to …", and bare orders like "buy bread"."""

import re
from dataclasses import replace
from datetime import datetime

from app.backend.assistants.rules import adding, changing, dates, lexicon, normalise, slots
from app.backend.assistants.rules.wishes import Wish

_I = re.IGNORECASE
BACK = re.compile(
    r"(?:put|move)\s+(?P<ref>(?:task |number )?#?\d+|it|that) back(?: (?:on|onto|to|in) (?:my|the) (?:\w+ )?list)?", _I
)
"""What puts a task back on the list: nothing to be added."""
_KIND = (
    rf"(?P<adj>(?:(?:a|an|another|the|one|this|these|those|my|some|two|three|four|five|\d|following|new|more|"
    rf"quick|couple of|few|{lexicon.HIGH}|{lexicon.LOW}|priority|very)[\s-]+)*)"
    rf"(?P<noun>tasks?|to-?dos?|to do(?: item)?s?|todo items?|items?|reminders?|things?|note|chores?|entry|entries)\b"
)
_ADD = re.compile(
    r"(?:add|create|insert|append|new|jot down|write down|include|\+)(?=[\s:,-]|$)\s*(?P<rest>.*)", _I | re.DOTALL
)
_MAKE = re.compile(
    rf"(?:make|put|set up|start|record|save|note down|enter|log|need|i need|i want|i'd like|give me|open|"
    rf"register|set|have)\s+(?:me\s+)?(?P<rest>{_KIND}.*)",
    _I | re.DOTALL,
)
_PUT = re.compile(
    r"(?:put|place|throw|get|stick|have|write)\s+(?P<rest>.+?\s+(?:on|onto|in|into|to|down on) (?:my|the|our) "
    r"(?:[\w-]+ )?(?:list|tasks|to-?dos?|to do list)\b.*)",
    _I | re.DOTALL,
)
_KIND_FIRST = re.compile(rf"{_KIND}(?P<rest>.*)", _I | re.DOTALL)
_LINK = re.compile(
    r"(?:\s*[:,-]+\s*|\s+)?(?:(?:called|named|titled|labelled|saying|that says|which says|with (?:the )"
    r"?(?:title|name)|to|for|of|about|that|where i|i (?:have|need) to)(?:\s*:\s*|\s+))?(?P<rest>.*)",
    _I | re.DOTALL,
)
_REMIND = re.compile(
    r"(?:(?:remind me|set (?:me )?a reminder|reminder)(?P<when>\s+.{0,60}?)?\s*(?:\bto\b|\bthat\b|:)|remind "
    r"me(?= [\"']|$)|remember(?: to|:)|(?:please )?(?:don't|dont|do not|never|don't let me|dont let me|do "
    r"not let me)(?: let me)? forget(?: to|:)|make sure (?:i|to|that i|we)|"
    r"note to self(?: to)?[:,]?|note:|to-?do(?: list)?[:,]?|to do:|task:|reminder:|schedule|(?:i|we)(?: "
    r"really| also| still| just|'ll| will|'d| would)* (?:need|have|ought|want|like|got|plan|am going|"
    r"intend|wish)(?: to|ta)\s|(?:i|we)(?: really| also| still| probably)* (?:must|should|gotta|wanna|"
    r"shall|gotta|better)|"
    r"i(?:'m| am) (?:supposed|going|planning) to|i'?ve got to|i'd better|gotta|need to|have to|must|my next "
    r"task is(?: to)?|next up:?)\s*(?P<rest>.*)",
    _I | re.DOTALL,
)


def reminded(text: str, now: datetime) -> Wish | None:
    """`remind me to …`, `I have to …`, `urgent: …`, with the time said first or not."""
    prefix = ""
    if len(text) <= normalise.LONGEST and not re.match(r"remind|add|new|create", text, _I):
        when = dates.find(normalise.masked(text), now)
        if when and when.spans[0][0] == 0 and len(when.spans) == 1:
            prefix, text = text[: when.spans[0][1]], text[when.spans[0][1] :].lstrip(" ,:")
    if re.match(r"(?:urgent|important|asap)\s*[:!]", text, _I):
        return _adds(text, now)
    if re.match(r"(?:i|we) (?:want|need|have|would like) to (?:know|see|hear)\b", text, _I):
        return None
    match = _REMIND.match(text)
    if not match:
        return added(text, now, prefix) if prefix else None
    if match["when"] and (when := dates.whole(match["when"].strip(), now)) is None:
        if re.match(r"\s*(?:every|each)\b", match["when"], _I):
            return _adds(f"{match['rest'].strip(' ,:')} {match['when'].strip()}", now)
        about = changing.wish(text, now)
        return about or _adds(text[len("remind me") :], now)
    rest = match["rest"].strip(" ,:")
    if rest.lower().startswith("remind me to "):
        rest = rest[len("remind me to ") :]
    extra = " ".join(part for part in (prefix, (match["when"] or "").strip()) if part)
    return _adds(rest, now, extra)


def added(text: str, now: datetime, prefix: str = "") -> Wish | None:
    """`add …`, `create a task …`, `put … on my list`; `prefix` is the time that was said before."""
    match = _ADD.fullmatch(text)
    if match:
        if match["rest"] and (found := changing.wish(text, now)) and not normalise.quoted(text[:6]):
            return _or_added(found, match["rest"], now)
        return _adds_kind(match["rest"], now, prefix)
    put = None if BACK.fullmatch(text) else _PUT.fullmatch(text[: 2 * normalise.LONGEST])
    if put:
        return _adds(put["rest"], now, prefix)
    made = None if BACK.fullmatch(text) else _MAKE.fullmatch(text)
    if made:
        if re.match(r"(?:make|set|put)\b", text, _I) and (found := changing.wish(text, now)):
            return _or_added(found, made["rest"], now)
        return _adds_kind(made["rest"], now, prefix)
    return None


def _or_added(found: Wish, rest: str, now: datetime) -> Wish:
    """A change, where its words name a task ("add a note to 3: …"); else something to add ("make a note to …")."""
    return found if slots.numbers(found.ref) else replace(found, certain=False, otherwise=_adds_kind(rest, now))


def _adds_kind(rest: str, now: datetime, prefix: str = "") -> Wish:
    """What follows "add": perhaps "a new urgent task to", then the title."""
    several, extra = False, prefix
    rest = rest.lstrip(" :,-+\n") if not re.match(r"\s*[-*+\u2022]\s", rest) or "\n" not in rest else rest
    kind = _KIND_FIRST.fullmatch(rest)
    if kind:
        adjectives = kind["adj"]
        for level, words in (("high", lexicon.HIGH), ("low", lexicon.LOW)):
            if re.search(rf"\b{words}\b", adjectives, _I):
                extra += f" {level} priority"
        several = kind["noun"].lower().endswith("s")
        rest = re.sub(
            r"^\s+(?:to|on|in|for) (?:my|the|our) (?:[\w-]+ )?(?:list|tasks|todos|to-dos)\b", "", kind["rest"], flags=_I
        )
        when = dates.find(normalise.masked(rest), now) if len(rest) <= normalise.LONGEST else None
        if when and not rest[: when.spans[0][0]].strip(" ,") and len(when.spans) == 1:
            extra += f" {rest[: when.spans[0][1]].strip()}"
            rest = rest[when.spans[0][1] :]
        level_first = re.match(r"\s+(?:with|of|at) (high|low|normal) priority\b", rest, _I)
        if level_first:
            extra, rest = f"{extra} {level_first[1]} priority", rest[level_first.end() :]
        link = _LINK.fullmatch(rest)
        rest = link["rest"] if link and "\n" not in rest[:2] else rest
    elif when_first := re.match(
        r"(?:these|those|this|the following|all of these|both)\b[^:\n]{0,30}(?::|\n)", rest, _I
    ):
        several, rest = True, rest[when_first.end() :]
    return _adds(rest, now, extra.strip(), several=several)


def _adds(rest: str, now: datetime, extra: str = "", *, several: bool = False) -> Wish:
    rest = rest.strip()
    items = adding.items(rest, now, several=several)
    if not items:
        return Wish("add", missing="title")
    if extra:
        details = adding.one(f"x {extra}", now) or {}
        items = [
            {**{key: value for key, value in details.items() if key in ("due", "priority")}, **item} for item in items
        ]
    return Wish("add", items=tuple(items))


def offered(text: str, now: datetime) -> Wish | None:
    """`buy bread`: something to do, of which nobody said what to do with it."""
    first, _, rest = text.partition(" ")
    if first.lower() not in lexicon.VERBS or not rest or len(text) > 120 or "?" in text:
        return None
    if re.match(r"(?:me|us|you|your|yourself)\b", rest, _I) or not re.search(r"[^\W\d]{2}", rest.removesuffix(" due")):
        return None
    items = adding.items(text, now)
    return Wish("add", items=tuple(items), offered=True) if items else None
