"""What is done, not done after all, or to go."""

import re
from datetime import datetime

from app.backend.assistants.rules import additions, lexicon, normalise, slots
from app.backend.assistants.rules.wishes import Wish

_I = re.IGNORECASE
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
    additions.BACK,
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


def deleted(text: str, now: datetime) -> Wish | None:  # noqa: PLR0911 - one for each way of saying it
    """`delete …`, `take … off my list`, `clear my list`."""
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
    clears = word.startswith(("clea", "empty", "wipe")) or re.match(r"(?:all|everything)\b", ref, _I)
    if clears and _CLEAR.fullmatch(re.sub(r"^(?:up|out|off)\s+", "", ref, flags=_I)):
        return Wish("delete", ref="everything")
    plain = word in {"delete", "remove", "erase", "trash", "discard", "purge", "get rid of", "scrap"}
    if word in {"wipe", "empty"} or (word.startswith("cl") and not slots.numbers(ref)):
        group = re.fullmatch(
            rf"(?:(?:all|the|my|of|out|up)\s+)*(?:completed|done|finished|overdue|old|complete|pending)"
            rf"(?:\s+{lexicon.NOUN}|\s+ones|\s+stuff)?(?: from .*)?",
            ref,
            _I,
        )
        return Wish("delete", ref=re.sub(r"^(?:up|out)\s+", "", ref)) if group else additions.offered(text, now)
    return Wish(
        "delete",
        ref=ref,
        careful=word == "forget",
        certain=plain or not ref,
        otherwise=None if plain else additions.offered(text, now),
    )


def reopened(text: str, _now: datetime) -> Wish | None:
    """`reopen …`, `mark … as not done`, "it isn't done yet"."""
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


def completed(text: str, _now: datetime) -> Wish | None:
    """`complete …`, `mark … as done`, "I'm done with …"."""
    if len(text) > normalise.LONGEST:
        return None
    if _COMPLETE_OPEN.fullmatch(text):
        return Wish("complete")
    for pattern in _COMPLETE:
        if match := pattern.fullmatch(text):
            ref = re.sub(r"^(?:the )?status of\s+", "", match["ref"], flags=_I)
            return Wish("complete", ref=ref, otherwise=None)
    return None


def told(text: str, now: datetime) -> Wish | None:
    """A statement: "rent is paid", "I called mom"; or a bare order like "buy bread"."""
    if len(text) > normalise.LONGEST:
        return None
    offer = additions.offered(text, now)
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
