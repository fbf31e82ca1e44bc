"""Which tasks a person wants to see: a question is a list's when every word of it is one that such questions have."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.backend.assistants.rules import dates, lexicon, normalise, wording
from app.backend.assistants.rules.words_of_time import AMOUNT, UNITS


@dataclass(frozen=True)
class View:
    """A list: arguments of `list_tasks`, and which of its tasks to show."""

    filters: dict[str, Any] = field(default_factory=dict)
    since: str = ""
    """Only tasks due from this day on, where one day or week was asked for."""
    overdue: bool = False
    title: str = ""
    """What they are, for the answer: "due tomorrow"."""


_FIND = re.compile(
    rf"(?:find|search(?: for| my (?:list|tasks) for)?|look (?:for|up)|look)\s+(?:me\s+)?(?:(?:the|my|all|any)"
    rf"\s+)*(?:{lexicon.NOUN}\s+)?"
    r"(?:(?:about|with|containing|mentioning|called|named|for|that (?:say|mention|contain)s?)\s+)?(?P<text>\S.*)",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\s+(?:about|containing|mentioning|regarding|concerning|related to|to do with|with the (?:word|text)|"
    r"that (?:contain|mention|say|include)s?|matching|"
    r"(?:which|that) have|called|named|with(?=\s+[\"'])|with(?! (?:high|low|normal|a |the |due|prio|no )))"
    r"\s+(?P<text>\S.*)$",
    re.IGNORECASE,
)
_START = re.compile(
    r"(?:list|show|display|view|see|what|what's|whats|wat|wats|which|how many|how much|anything|is anything|"
    r"is something|do i|did i|"
    r"have i|is there|are there|am i|give|get|read|tell|print|let me see|"
    r"let me know|any|my|all|todays?|today's|tomorrow's|this week's|overdue|pending|completed|open|done|"
    r"finished|high|low|urgent|important|tasks?|todos?|to-dos?|remaining|unfinished|incomplete|everything|"
    r"the list|i want to (?:see|know)|review|check my|check the|go through|where|sort|order)\b",
    re.IGNORECASE,
)
_FILLERS = lexicon.word_set("""
    list show display view see what what's whats wat wats wat's
    which how many much anything do did have has i i've there
    is are am give get read tell print let me us know any my the on in of for to a an need should must be been still
    so far got up look going like come coming you can could please need all and or with that now currently right yet
    left next first remaining out full whole complete- every everything review check go through tasks task todo
    todos to-do to-dos items item things thing reminders stuff list overview summary agenda plan plate schedule
    calendar chores due until by before marked as it's its s ones one who else more also again where want am sort
    sorted order ordered date dates title number by today's tomorrow's week's that's there's supposed i'm i'd you've
    most priority priorities this deadline deadlines status were was work today currently upcoming soon does
""")
_AHEAD = re.compile(
    rf"\b(?:in|within|over|during|for)\s+(?:the\s+)?(?:next|coming|following)\s+(?P<amount>{AMOUNT})"
    rf"\s+(?P<unit>{UNITS})\b",
    re.IGNORECASE,
)
_EVIDENCE = lexicon.word_set("""
    tasks task todo todos to-do to-dos items things reminders list overview summary agenda plate left remaining next
    pending open chores deadlines upcoming priorities due everything today's schedule
""")
_DONE = lexicon.word_set("""
    done finished completed complete finish accomplished ticked closed did accomplish
""")
_OPEN = lexicon.word_set("""
    pending open unfinished incomplete undone outstanding active uncompleted remaining
""")
_NOT = re.compile(
    r"\b(?:not|aren't|isn't|haven't|arent|isnt|havent|didn't|hasn't|yet to|still to)\b(?:\s+\w+)"
    r"{0,2}?\s+(?:be\s+)?(?:done|finished|completed?|do|finish)\b(?:\s+yet)?|\bto be done\b",
    re.IGNORECASE,
)


def view(text: str, now: datetime) -> View | None:
    """Return what a text asks to see; None if it asks for no list."""
    if find := _FIND.fullmatch(text):
        rest = _FIND_TAIL.sub("", find["text"])
        return _search(rest) if rest else None
    if not _START.match(text):
        return None
    about = _ABOUT.search(text)
    if about:
        listed = _consumed(text[: about.start()], now, proof=False)
        found = _words(about["text"])
        if listed is None or not found:
            return None
        return View({**listed.filters, "text": found}, title=f'about "{found}"')
    return _consumed(text, now, proof=True)


_FIND_TAIL = re.compile(r"\s+(?:in|on|from) (?:my|the) (?:\w+ )?(?:list|tasks|todos)$", re.IGNORECASE)


def _search(text: str) -> View | None:
    found = _words(text)
    return View({"text": found}, title=f'about "{found}"') if found else None


def _words(text: str) -> str:
    text = normalise.unquoted(text.strip(" .?!,"))
    text = re.sub(
        r"^(?:the|my|a|an)\s+(?=\S)|\s+(?:tasks?|in (?:it|them)|on my list|in my list|on the list)$",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return text.strip(" .?!,")[:200]


def _consumed(text: str, now: datetime, *, proof: bool) -> View | None:
    filters: dict[str, Any] = {}
    text = re.sub(r"['\u2019]s\b", "'s", text)
    shorter = _NOT.sub(" ", text)
    status: str | None = "pending" if shorter != text else None
    text, seen = shorter, shorter != text
    overdue = re.compile(
        r"\b(?:overdue|past due|late(?: with| on)?|behind(?: with| on)?|missed|past (?:its|their) (?:due date|"
        r"deadline)s?)\b",
        re.IGNORECASE,
    )
    late = bool(overdue.search(text))
    text = overdue.sub(" ", text)
    for level, words in (
        ("low", rf"(?:{lexicon.LOW}|not (?:urgent|important))"),
        ("high", lexicon.HIGH),
        ("normal", lexicon.NORMAL),
    ):
        shorter = re.sub(rf"\b{words}(?:[- ]prio(?:rity)?)?\b", " ", text, flags=re.IGNORECASE)
        if shorter != text:
            filters["priority"], text = level, shorter
    if ahead := _AHEAD.search(text):
        moment = dates.later(f"{ahead['amount']} {ahead['unit']}", now)
        if moment:
            return _consumed_until(text[: ahead.start()] + text[ahead.end() :], now, moment.date() + timedelta(days=1))
    when = dates.find(re.sub(r"\b(today|tomorrow)'s\b", lambda match: match[1] + "  ", text, flags=re.IGNORECASE), now)
    if when:
        text = dates.without(text, when)
    words_left = re.findall(r"[\w'-]+", text.lower())
    symbols = set(re.sub(r"[\w\s'\",.?!:;()-]", "", text))
    if symbols - set("\ufe0f") and any(symbol.isascii() for symbol in symbols):
        return None
    left = [
        word
        for word in words_left
        if word not in _FILLERS
        and word not in _DONE
        and word not in _OPEN
        and word not in ("including", "both", "ever", "already", "just")
    ]
    if left:
        return None
    said = set(words_left)
    if status is None:
        status = _status(said)
    seen = seen or late or bool(filters) or bool(when) or status is not None or bool(said & _EVIDENCE)
    seen = (
        seen or {"have", "do"} <= said or {"should", "do"} <= said or {"need", "do"} <= said or said & {"list"} != set()
    )
    if proof and not seen:
        return None
    if status in ("all", "completed"):
        filters["status"] = status
    return _dated(filters, when, now, late=late)


def _consumed_until(text: str, now: datetime, end: date) -> View | None:
    """What is due within a number of days."""
    view = _consumed(text, now, proof=False)
    return view and View(
        {**view.filters, "due_before": end.isoformat()},
        title=f"due until {wording.when((end - timedelta(days=1)).isoformat(), now)}",
    )


def _status(said: set[str]) -> str | None:
    done, pending = said & _DONE, said & _OPEN
    if "did" in said and not done - {"did"} and "do" not in said and "get" not in said:
        done = done - {"did"}
    if ("including" in said and done) or (done and pending):
        return "all"
    if done and not ("did" in done and said & {"next"}):
        return "completed"
    if pending:
        return "pending"
    return "all" if said & {"all", "everything", "every"} else None


def _dated(filters: dict[str, Any], when: dates.When | None, now: datetime, *, late: bool) -> View:
    if late:
        return View({**filters, "due_before": f"{now:%Y-%m-%dT%H:%M}"}, overdue=True, title="overdue")
    if when is None:
        return View(filters)
    if "status" in filters and filters["status"] == "all":
        del filters["status"]
    if when.preposition.endswith("before"):
        return View({**filters, "due_before": when.due}, title=f"due before {wording.when(when.due, now)}")
    end = when.until or when.day + timedelta(days=1)
    since = when.day.isoformat()
    if when.day == now.date() or when.preposition in {"by", "until", "till", "due by"}:
        since = ""
    last = wording.when((end - timedelta(days=1)).isoformat(), now)
    title = f"due until {last}" if when.until or (not since and when.day != now.date()) else f"due {last}"
    return View({**filters, "due_before": end.isoformat()}, since=since, title=title)
