"""When: "tomorrow", "next friday 5pm", "in two weeks", "dec 24", "end of month", ISO and 12- or 24-hour times.

Rules where English leaves it open: a weekday is the next one after today, "next friday" the friday of the week after
this one (weeks begin on Monday); a day of the month, and a month, are the next ones from today; 12/24 is the 24th of
December, and so is 24/12; "at 5" is 17:00, "at 9" is 09:00; a time alone that is over today means tomorrow.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.backend.assistants.rules import days
from app.backend.assistants.rules.words_of_time import (
    AMOUNT,
    DAY,
    DURATION,
    PART,
    PARTS,
    PREPOSITION,
    TIME,
    UNITS,
    amount,
)


@dataclass(frozen=True)
class When:
    """A date, perhaps with a time, and where in the text it was said."""

    day: date
    time: time | None
    spans: tuple[tuple[int, int], ...]
    preposition: str = ""
    until: date | None = None
    """The day after, where a stretch of days was said ("this week")."""

    @property
    def due(self) -> str:
        """As a task's `due`."""
        return f"{self.day.isoformat()}T{self.time:%H:%M}" if self.time else self.day.isoformat()


_WHEN = re.compile(
    rf"(?<![\w\ufffc#-])(?P<prep>{PREPOSITION})?(?:(?P<day>{DAY})(?:,?\s+(?:in the )?(?P<part>{PART}))"
    rf"?(?:,?\s+(?:at |by |@ ?|around )?(?P<t1>{TIME})|T(?P<iso>\d\d:\d\d))?"
    rf"|(?P<t2>{TIME})(?:,?\s+(?:on |of )?(?:(?P<day2>{DAY})|(?P<part2>(?:in the )?{PART})))?"
    rf"|(?P<rel>{DURATION}))(?![\w\ufffc'/]|-\w|:\d)",
    re.IGNORECASE,
)
_EVERY = re.compile(
    r"\b(?:every|each)\s+(?:other\s+)?\w+(?:\s+(?:at\s+)?\d{1,2}(?::\d\d)?\s*(?:am|pm)?)?", re.IGNORECASE
)


def find(text: str, now: datetime) -> When | None:
    """Return when, as a text (its quoted parts masked) says; None if it does not, or says no real date."""
    text = _EVERY.sub(lambda match: "\ufffc" * len(match[0]), text[:4000])
    day: tuple[date, date | None] | None = None
    clock: time | None = None
    spans: list[tuple[int, int]] = []
    preposition = ""
    ranged = False
    for match in _WHEN.finditer(text):
        before = text[max(0, match.start() - 8) : match.start()].lower()
        # "from may 3 to may 8" is a stretch, and part of what is to be done.
        ranged = before.endswith("from ") or (ranged and before.endswith(("to ", "until ", "till ", "- ")))
        found = None if ranged else _read(match, now)
        if found is None or (found[0] and day) or (found[1] and clock):
            continue
        spans.append(match.span())
        preposition = preposition or (match["prep"] or "").strip().lower()
        day, clock = found[0] or day, found[1] or clock
    if day is None and clock is None:
        return None
    if day is None and clock is not None:
        day = (now.date() if clock > now.time() else days.later(now.date(), 1), None)
    if day is None:  # pragma: no cover - the types cannot say that one of both is there
        return None
    return When(day[0], clock, tuple(spans), preposition, day[1])


def whole(text: str, now: datetime) -> When | None:
    """Return when, where the text says nothing else."""
    when = find(text, now)
    return when if when and not without(text, when).strip(" .,!?") else None


def without(text: str, when: When) -> str:
    """Return a text without what it said of when."""
    for start, end in sorted(when.spans, reverse=True):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}"
    return text.strip()


def later(text: str, start: datetime) -> datetime | None:
    """Return the time an amount after a start: "a week", "2 days", "an hour"; None if it is no amount."""
    match = re.fullmatch(rf"(?P<n>{AMOUNT})\s*(?P<unit>{UNITS})", text.strip(), re.IGNORECASE)
    return _plus(start, amount(match["n"]), match["unit"]) if match else None


def _read(  # noqa: PLR0911 - one for each way of saying it
    match: re.Match[str], now: datetime
) -> tuple[tuple[date, date | None] | None, time | None] | None:
    """Return the day and the time of a match; None if there is no such day or time."""
    try:
        if match["rel"]:
            return _relative(match["rel"], now)
        said = match["day"] or match["day2"]
        day = days.read(" ".join(said.lower().split()), now.date()) if said else None
        if said and day is None:
            return None
        words = said.lower() if said else ""
        part = (match["part"] or match["part2"] or "").lower().removeprefix("in the ")
        clock = match["t1"] or match["iso"] or match["t2"]
        evening = part in {"evening", "night", "afternoon"} or words in {
            "tonight",
            "tonite",
            "this evening",
            "this afternoon",
        }
        if clock:
            return day, _clock(clock.lower(), evening=evening, morning=part == "morning")
        if part:
            return day, PARTS[part]
        if words in {"tonight", "tonite", "this evening", "this afternoon", "this morning"}:
            return day, time(20) if words.startswith("toni") else PARTS[words.split()[1]]
        return day, time(17) if words in {"eod", "end of day", "end of the day", "the end of the day", "cob"} else None
    except (ValueError, OverflowError):
        return None


def _relative(text: str, now: datetime) -> tuple[tuple[date, date | None], time | None] | None:
    words = re.sub(r"^(?:in|within)\s+|\s+from (?:now|today)$|\s+later$", "", text.strip(), flags=re.IGNORECASE)
    moment = later(words, now)
    if moment is None:
        return None
    exact = re.search(r"hour|hr|min", words, re.IGNORECASE)
    return (moment.date(), None), moment.time().replace(second=0, microsecond=0, tzinfo=None) if exact else None


def _plus(start: datetime, number: float, unit: str) -> datetime | None:
    unit = unit.lower()
    try:
        if unit.startswith(("mo", "y")):
            months = start.month - 1 + round(number * (12 if unit.startswith("y") else 1))
            year, month = start.year + months // 12, months % 12 + 1
            return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
        hours = {"h": 1.0, "d": 24.0, "w": 168.0}.get(unit[0], 1 / 60)
        return start + timedelta(hours=number * hours)
    except (ValueError, OverflowError):
        return None


def _clock(text: str, *, evening: bool, morning: bool) -> time:
    for word, value in (("noon", time(12)), ("midday", time(12)), ("midnight", time(23, 59))):
        if word in text:
            return value
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    hour, minute = numbers[0], numbers[1] if len(numbers) > 1 else 0
    twelve = re.search(r"([ap])\.?\s?m", text)
    if twelve:
        if not 1 <= hour <= 12:
            raise ValueError(text)
        hour = hour % 12 + (12 if twelve[1] == "p" else 0)
    elif (hour < 12 and evening) or (not morning and 1 <= hour < 8 and not re.search(r"\d[:h.]|0\d", text)):
        hour += 12
    moment = datetime(2000, 1, 2, hour, minute)  # noqa: DTZ001 - arithmetic on a clock, no date
    if "half past" in text or "half" in text:
        moment += timedelta(minutes=30)
    elif "quarter" in text:
        moment += timedelta(minutes=15 if "past" in text or "after" in text else -15)
    return moment.time()
