"""When: what is said, and the due date that it is. It is Saturday 2026-11-21, 10:00, unless a case says otherwise."""

from datetime import datetime

import pytest

from app.backend.assistants.rules import dates
from tests.app.rules.conversation import NOW

WEDNESDAY = datetime(2026, 11, 18, 10)  # noqa: DTZ001 - the user's own clock


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ("today", "2026-11-21"),
        ("tomorrow", "2026-11-22"),
        ("tomorrow morning", "2026-11-22T09:00"),
        ("tonight", "2026-11-21T20:00"),
        ("tonight at 9", "2026-11-21T21:00"),
        ("friday", "2026-11-27"),
        ("saturday", "2026-11-28"),
        ("next friday 5pm", "2026-11-27T17:00"),
        ("monday after next", "2026-11-30"),
        ("a week from friday", "2026-12-04"),
        ("in two weeks", "2026-12-05"),
        ("two weeks from now", "2026-12-05"),
        ("in an hour", "2026-11-21T11:00"),
        ("in half an hour", "2026-11-21T10:30"),
        ("on the 3rd", "2026-12-03"),
        ("the 21st", "2026-11-21"),
        ("dec 24", "2026-12-24"),
        ("24 dec 2027 at noon", "2027-12-24T12:00"),
        ("24.12.", "2026-12-24"),
        ("24/12", "2026-12-24"),
        ("3/4", "2027-03-04"),
        ("november 20", "2027-11-20"),
        ("feb 29 2028", "2028-02-29"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-24T17:05", "2026-12-24T17:05"),
        ("2026-12-24 17:05", "2026-12-24T17:05"),
        ("5pm", "2026-11-21T17:00"),
        ("9am", "2026-11-22T09:00"),
        ("at 5", "2026-11-21T17:00"),
        ("at 9 tomorrow", "2026-11-22T09:00"),
        ("12am tomorrow", "2026-11-22T00:00"),
        ("quarter to 6", "2026-11-21T17:45"),
        ("half past 4 tomorrow", "2026-11-22T16:30"),
        ("end of month", "2026-11-30"),
        ("end of next month", "2026-12-31"),
        ("end of the week", "2026-11-22"),
        ("by eod", "2026-11-21T17:00"),
        ("this weekend", "2026-11-21"),
        ("next week", "2026-11-23"),
        ("next year", "2027-01-01"),
    ],
)
def test_what_is_said(said: str, due: str) -> None:
    when = dates.whole(said, NOW)
    assert when
    assert when.due == due


@pytest.mark.parametrize(("said", "due"), [("friday", "2026-11-20"), ("next friday", "2026-11-27")])
def test_next_is_the_week_after_this_one(said: str, due: str) -> None:
    when = dates.whole(said, WEDNESDAY)
    assert when
    assert when.due == due


@pytest.mark.parametrize(
    "said",
    [
        "feb 30",
        "the 32nd",
        "2026-13-01",
        "25:00",
        "13pm",
        "may",
        "chapter 3",
        "every monday",
        "5 apples",
        "0/0",
        "2026-02-30",
    ],
)
def test_what_is_no_date(said: str) -> None:
    assert dates.find(said, NOW) is None


def test_a_stretch_of_days_is_no_date() -> None:
    assert dates.find("from may 3 to may 8", NOW) is None


def test_the_last_day_there_is() -> None:
    assert dates.find("in 9999 years", NOW) is None
    assert dates.find("9999-12-31", NOW) is None
