"""Days by name, number or stretch: from words to dates."""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta

from app.backend.assistants.rules.words_of_time import (
    MONTHS,
    WEEKDAYS,
)


def later(day: date, days: int) -> date:
    """Return the day some days after another."""
    return day + timedelta(days=days)


def read(text: str, today: date) -> tuple[date, date | None] | None:
    """Return the day that words in lower case name, and where they name several, the day after the last.

    Raises:
        ValueError: There is no such day.
        OverflowError: It is after the year 9999.
    """
    return next((found for read in _READERS if (found := read(text, today))), None)


def _named(text: str, today: date) -> tuple[date, date | None] | None:
    if text.startswith(
        ("today", "tod", "tonight", "tonite", "this morning", "this afternoon", "this evening", "eod", "cob")
    ):
        return today, None
    if ("day" in text and text.endswith("end of the day")) or text == "end of day":
        return today, None
    if text.startswith(("the day after", "day after", "overmorrow")):
        return later(today, 2), None
    if re.match(r"to?m|2m", text):
        return later(today, 1), None
    return None


def _stretch(text: str, today: date) -> tuple[date, date | None] | None:
    monday = later(today, -today.weekday())
    after = 1 if "next" in text else 0
    end = "end" in text.replace("weekend", "") or text in {"eow", "eom", "eoy"}
    if "weekend" in text:
        saturday = later(monday, 5 + 7 * after)
        return max(saturday, today), later(saturday, 2)
    if ("week" in text and not any(name in text for name in ("from", "after"))) or text == "eow":
        start = later(monday, 7 * after)
        return (later(start, 6), None) if end else (max(start, today), later(start, 7))
    if "month" in text or text == "eom":
        start = _month(today.replace(day=1), after)
        return (later(_month(start, 1), -1), None) if end else (max(start, today), _month(start, 1))
    if "year" in text or text == "eoy":
        start = date(today.year + after, 1, 1)
        return (date(start.year, 12, 31), None) if end else (max(start, today), date(start.year + 1, 1, 1))
    return None


def _month(first: date, more: int) -> date:
    months = first.month - 1 + more
    return date(first.year + months // 12, months % 12 + 1, 1)


def _weekday(text: str, today: date) -> tuple[date, date | None] | None:
    name = next((WEEKDAYS[word] for word in re.findall(r"[a-z]+", text) if word in WEEKDAYS), None)
    if name is None:
        return None
    days = (name - today.weekday() - 1) % 7 + 1
    if "next" in text and "after" not in text:
        days = 7 - today.weekday() + name
    if "after next" in text:
        days = 14 - today.weekday() + name
    weeks = 2 if text.startswith("two weeks") else 1 if text.startswith(("a week", "one week")) else 0
    return later(today, days + 7 * weeks), None


def _dated(text: str, today: date) -> tuple[date, date | None] | None:
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    month = next((MONTHS[word[:3]] for word in re.findall(r"[a-z]{3,}", text) if word[:3] in MONTHS), None)
    year: int | None = None
    if month:
        day, year = numbers[0], numbers[1] if len(numbers) > 1 else None
    elif re.match(r"\d{4}-", text):
        year, month, day = numbers
    elif "/" in text or "." in text:
        month, day = (numbers[1], numbers[0]) if "." in text or numbers[0] > 12 else (numbers[0], numbers[1])
        year = numbers[2] if len(numbers) > 2 else None
    elif numbers:
        return _day_of_month(numbers[0], today), None
    else:
        return None
    if year is not None and year > 9000:
        raise OverflowError(year)
    if year is not None:
        return date(year + 2000 if year < 100 else year, month, day), None
    this = date(today.year, month, min(day, 28))
    return date(
        today.year
        + (1 if this.replace(day=1) < today.replace(day=1) or (this.month == today.month and day < today.day) else 0),
        month,
        day,
    ), None


def _day_of_month(day: int, today: date) -> date:
    if not 1 <= day <= 31:
        raise ValueError(day)
    first = today.replace(day=1)
    for more in range(4):
        month = _month(first, more)
        if day <= calendar.monthrange(month.year, month.month)[1] and month.replace(day=day) >= today:
            return month.replace(day=day)
    raise ValueError(day)


_READERS: tuple[Callable[[str, date], tuple[date, date | None] | None], ...] = (_named, _weekday, _stretch, _dated)
