"""From words to wishes: ordered patterns, the most particular first."""

import re
from dataclasses import replace
from datetime import datetime

from app.backend.assistants.rules import adding, changing, dates, lexicon, listing, normalise, slots, talk
from app.backend.assistants.rules.wishes import NOTHING, Wish

_I = re.IGNORECASE
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
_REOPEN = (
    re.compile(
        r"(?:re-?open|uncomplete|un-complete|uncheck|untick|unmark|un-check|reactivate|unfinish|restart|"
        r"restore)\s*(?P<ref>.*)",
        _I,
    ),
    re.compile(r"open\s+(?P<ref>.+?)\s+(?:again|back up)", _I),
    re.compile(
        r"mark\s+(?P<ref>.+?)\s+(?:as\s+|to\s+)?(?:not (?:yet )?(?:done|completed?|finished)|un ?done|open|"
        r"pending|incomplete|unfinished|to ?do|uncompleted)(?: again| yet)?",
        _I,
    ),
    re.compile(
        r"(?:put|move)\s+(?P<ref>(?:task |number )?#?\d+|it|that) back(?: (?:on|onto|to|in) (?:my|the) (?:\w+ )?list)?",
        _I,
    ),
    re.compile(
        r"(?:set|move|put|change|switch)\s+(?P<ref>.+?)\s+(?:back )?(?:to )?(?:open|pending|undone|not done|"
        r"to ?do|incomplete|unfinished)",
        _I,
    ),
)
_NOT_DONE = re.compile(
    r"(?:actually,? )?(?P<ref>.+?)(?:\s(?:is|are|was|were)(?: still)? not|\s(?:isn't|isnt|aren't|wasn't|"
    r"weren't)|'s not|\s?is still not)\s+(?:actually |really |yet |quite |all )?(?:done|completed?|"
    r"finished|open)(?: yet| after all| actually)?",
    _I,
)
_HAVE_NOT = re.compile(
    r"(?:actually,? )?(?:i|we)\s+(?:haven't|have not|havent|didn't|did not|didnt|never)\s+(?:actually |really "
    r"|yet |even )?(?P<ref>.+?)(?: yet| after all| actually)?",
    _I,
)
_DONE = r"(?:done|completed?|finished|closed|ticked|checked|checked off|accomplished|ready)"
_COMPLETE = (
    re.compile(
        rf"(?:mark|set|flag|check|put|consider|tag|make)\s+(?:off\s+)?(?P<ref>.+?)\s+(?:as\s+|to\s+|is\s+)"
        rf"?(?:being\s+)?{_DONE}",
        _I,
    ),
    re.compile(
        r"(?:complete|finish|tick off|tick|check off|cross off|cross out|strike|strike off|close|resolve|wrap "
        r"up|mark off|accomplish)\s+(?P<ref>.+)",
        _I,
    ),
    re.compile(r"(?:check|cross|tick|strike|mark)\s+(?P<ref>.+?)\s+off(?: (?:of )?(?:my|the) (?:\w+ )?list)?", _I),
    re.compile(rf"(?:(?:i'?m|i am|we're|we are|all)\s+)?(?:{_DONE})\s+(?:with\s+)?(?P<ref>.+)", _I),
    re.compile(r"mark\s+(?:as\s+)?(?:done|completed?|finished)[:\s]+(?P<ref>.+)", _I),
    re.compile(
        r"(?:i|we)(?:'ve| have|ve)?\s+(?:just |already |now |finally |also )*(?:done|did|completed|finished|"
        r"do|ticked off|checked off)\s+(?:with\s+)?(?P<ref>.+)",
        _I,
    ),
    re.compile(
        rf"(?P<ref>#?\d+(?:\s*(?:,|and|&)\s*#?\d+)*|(?:task|number|item)s? #?\d+(?:\s*(?:,|and|&)\s*#?\d+)*|it|"
        rf"that|this|that one|they|both|all|everything)(?:\s*[:-]\s*|\s+(?:is |are )?|'s\s+|\s*,\s*)(?:all "
        rf"|now |already |been )*{_DONE}(?: now| already)?",
        _I,
    ),
)
_COMPLETE_OPEN = re.compile(
    rf"(?:complete|finish|tick off|check off|tick|mark (?:a task |it |one )?(?:as )?{_DONE}|complete (?:a|one|"
    rf"the) task)",
    _I,
)
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
_IS_DONE = re.compile(
    r"(?P<ref>.+?)\s*(?:\s(?:is|are|was|were|got|has been|have been|have|has)|'s)\s+(?:all |now |already |"
    r"been |finally )*(?P<word>[a-z]+)(?: now| already| up| off| finally)?",
    _I,
)
_PAST = re.compile(
    r"(?:(?:i|we)(?:'ve| have|ve)?\s+)?(?:just |already |now |finally |also )*(?P<rest>(?P<word>[a-z]+)\s+.+?)"
    r"(?:\s+(?:yesterday|today|this morning|last night|already|now|just now|earlier|finally|tonight))*",
    _I,
)
_DELETE = re.compile(rf"(?P<word>{lexicon.DESTROY})\b\s*(?P<ref>.*)", _I | re.DOTALL)
_TAKE_OFF = re.compile(
    r"(?:take|get|pull|strike)\s+(?P<ref>.+?)\s+(?:off|from|out of|off of)\s+(?:my|the|our) (?:[\w-]+ )"
    r"?(?:list|tasks|todos|to-dos)",
    _I,
)
_TO_DELETE = re.compile(
    r"(?P<ref>(?:task |number |item )?#?\d+)\s+(?:can|should|must|needs to|has to|may)\s+(?:now )?(?:be )"
    r"?(?:deleted|removed|go)",
    _I,
)
_CLEAR = re.compile(
    r"(?:(?:all|everything|out|up|off)\s+)*(?:(?:of|from|in|on)\s+)*(?:the|my|this|our|your)?\s*(?:whole |"
    r"entire |full |complete |todo |to-do |task |to do )*(?:list|tasks|todos|to-dos|board|everything)"
    r"(?:\s+(?:clean|completely|empty|out|up))?",
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
    for read in (_guarded, _undone, _reminded, _added, _queried, _changed, _deleted, _reopened, _completed, _told):
        if found := read(text, now):
            return found
    return NOTHING


def _guarded(text: str, now: datetime) -> Wish | None:
    """What is not to be done, or only asked about."""
    if re.match(r"(?:(?:please )?(?:don't|dont|do not|never)(?: let me)? forget)\b", text, _I):
        return None
    if talk.negated(text) and not re.match(r"i (?:didn'?t|did not|never) ", text, _I):
        return Wish("keep")
    return None


def _undone(text: str, now: datetime) -> Wish | None:
    return Wish("undo") if len(text) < 120 and _UNDO.fullmatch(text) else None


def _reminded(text: str, now: datetime) -> Wish | None:
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
        return _added(text, now, prefix) if prefix else None
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


def _added(text: str, now: datetime, prefix: str = "") -> Wish | None:
    match = _ADD.fullmatch(text)
    if match:
        if match["rest"] and (found := changing.wish(text, now)) and not normalise.quoted(text[:6]):
            return _or_added(found, match["rest"], now)
        return _adds_kind(match["rest"], now, prefix)
    if _REOPEN[3].fullmatch(text):
        return None
    if put := _PUT.fullmatch(text[: 2 * normalise.LONGEST]):
        return _adds(put["rest"], now, prefix)
    if made := _MAKE.fullmatch(text):
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


def _queried(text: str, now: datetime) -> Wish | None:
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


def _changed(text: str, now: datetime) -> Wish | None:
    if re.match(r"(?:i|we|my \w+) (?:deleted|removed|told)\b", text, _I):
        return NOTHING
    return changing.wish(text, now)


def _deleted(text: str, now: datetime) -> Wish | None:
    if len(text) > normalise.LONGEST:
        return None
    for pattern in (_TAKE_OFF, _TO_DELETE):
        if match := pattern.fullmatch(text):
            return Wish("delete", ref=match["ref"])
    match = _DELETE.fullmatch(text)
    if not match:
        return None
    word, ref = match["word"].lower(), match["ref"].strip(" :,")
    if word == "take":
        return None
    if word == "forget":
        ref = re.sub(r"^about\s+", "", ref, flags=_I)
    if word in {"clear", "empty", "wipe", "clean up", "clean out", "clear out"} or re.match(
        r"(?:all|everything)\b", ref, _I
    ):
        if _CLEAR.fullmatch(re.sub(r"^(?:up|out|off)\s+", "", ref, flags=_I)):
            return Wish("delete", ref="everything")
    plain = word in {"delete", "remove", "erase", "trash", "discard", "purge", "get rid of", "scrap"}
    if word in {"wipe", "empty"} or (word.startswith("cl") and not slots.numbers(ref)):
        group = re.fullmatch(
            rf"(?:(?:all|the|my|of|out|up)\s+)*(?:completed|done|finished|overdue|old|complete|pending)"
            rf"(?:\s+{lexicon.NOUN}|\s+ones|\s+stuff)?(?: from .*)?",
            ref,
            _I,
        )
        return Wish("delete", ref=re.sub(r"^(?:up|out)\s+", "", ref)) if group else _offered(text, now)
    return Wish(
        "delete",
        ref=ref,
        careful=word == "forget",
        certain=plain or not ref,
        otherwise=None if plain else _offered(text, now),
    )


def _reopened(text: str, now: datetime) -> Wish | None:
    if len(text) > normalise.LONGEST:
        return None
    for pattern in _REOPEN:
        if match := pattern.fullmatch(text):
            return Wish("reopen", ref=match["ref"])
    if match := _NOT_DONE.fullmatch(text):
        return Wish("reopen", ref=match["ref"], certain=bool(slots.numbers(match["ref"])))
    if match := _HAVE_NOT.fullmatch(text):
        ref = re.sub(r"^(?:done|do|finish(?:ed)?|complete[d]?)\s+", "", match["ref"], flags=_I)
        return Wish("reopen", ref=ref, certain=bool(slots.numbers(ref)))
    return None


def _completed(text: str, now: datetime) -> Wish | None:
    if len(text) > normalise.LONGEST:
        return None
    if _COMPLETE_OPEN.fullmatch(text):
        return Wish("complete")
    for pattern in _COMPLETE:
        if match := pattern.fullmatch(text):
            ref = re.sub(r"^(?:the )?status of\s+", "", match["ref"], flags=_I)
            return Wish("complete", ref=ref, otherwise=None)
    return None


def _told(text: str, now: datetime) -> Wish | None:
    """What is told: "rent is paid", "I called mom"; or a bare order like "buy bread"."""
    if len(text) > normalise.LONGEST:
        return None
    offer = _offered(text, now)
    if match := _IS_DONE.fullmatch(text):
        word = match["word"].lower()
        return Wish(
            "complete",
            ref=match["ref"],
            certain=False,
            evidence="" if re.fullmatch(_DONE, word) else word,
            otherwise=offer,
        )
    past = _PAST.fullmatch(text)
    if past and _is_past(past["word"].lower()):
        if past["word"].lower() in {"got", "did", "handled", "sorted"}:
            thing = Wish("complete", ref=past["rest"].split(" ", 1)[1], certain=False, otherwise=offer)
            return Wish("complete", ref=past["rest"], certain=False, otherwise=thing)
        return Wish("complete", ref=past["rest"], certain=False, otherwise=offer)
    return offer


def _is_past(word: str) -> bool:
    if re.match(r"(?:delet|remov|eras)", word):
        return False
    return word in lexicon.PAST or (len(word) > 4 and word.endswith("ed"))


def _offered(text: str, now: datetime) -> Wish | None:
    first, _, rest = text.partition(" ")
    if first.lower() not in lexicon.VERBS or not rest or len(text) > 120 or "?" in text:
        return None
    if re.match(r"(?:me|us|you|your|yourself)\b", rest, _I) or not re.search(r"[^\W\d]{2}", rest.removesuffix(" due")):
        return None
    items = adding.items(text, now)
    return Wish("add", items=tuple(items), offered=True) if items else None
