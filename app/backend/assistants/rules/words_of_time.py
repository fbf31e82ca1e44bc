"""The words for days, times and amounts of time, as parts of regular expressions; no repetition without an end."""

import re
from datetime import time

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {
    "mon": 0, "tue": 1, "tues": 1, "wed": 2, "weds": 2, "thu": 3, "thur": 3, "thurs": 3, "fri": 4, "sat": 5, "sun": 6,
    "wensday": 2, "wendesday": 2, "saterday": 5,
}  # fmt: skip


def _misspelt(name: str) -> set[str]:
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in range(1, len(name) - 1)}
    return swapped | {name[:at] + name[at + 1 :] for at in range(1, len(name))}


WEEKDAYS: dict[str, int] = {
    **{slip: number for number, name in enumerate(_NAMES) for slip in _misspelt(name) if len(slip) > 4},
    **_SHORT,
    **{name: number for number, name in enumerate(_NAMES)},
}
"""Names of weekdays, with a typo or two; Monday is 0."""
MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
PARTS = {
    "morning": time(9), "afternoon": time(15), "evening": time(18), "night": time(20), "lunchtime": time(12),
    "noon": time(12),
}  # fmt: skip
"""What o'clock a part of the day is."""

_WORDS = {
    "a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0,
    "eight": 8.0, "nine": 9.0, "ten": 10.0, "a couple of": 2.0, "a couple": 2.0, "couple of": 2.0, "a few": 3.0,
    "twelve": 12.0, "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "half an": 0.5, "half a": 0.5, "another": 1.0,
    "one more": 1.0,
}  # fmt: skip
AMOUNT = rf"(?:\d{{1,4}}|{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
UNITS = r"(?:minutes?|mins?|hours?|hrs?|h|days?|weeks?|wks?|months?|years?)"
DURATION = (
    rf"(?:(?:in|within)\s+{AMOUNT}\s*{UNITS}(?:\s+from (?:now|today))?|{AMOUNT}\s+{UNITS}\s+(?:from "
    rf"(?:now|today)|later))"
)

_WEEKDAY = rf"(?:{'|'.join(sorted(WEEKDAYS, key=len, reverse=True))})"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_NTH = r"\d{1,2}(?:st|nd|rd|th)"
_TOMORROW = (
    r"(?:tom+or+ows?|tom+or+w|tomorow|tommorow|tmrw|tmr|tmw|tmorrow|tomrrow|tomrow|toomorrow|tomoro|2morrow|2moro)"
)
DAY = (
    r"(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}(?:/(?:\d{4}|\d{2}))?|\d{1,2}\.\d{1,2}\.(?:\d{4})?"
    rf"|{_MONTH}\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?(?!:|\s*(?:am|pm)\b)|(?:the\s+)"
    rf"?\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?"
    rf"|the\s+{_NTH}(?=\s*(?:$|[.,;!?)]|at\b|to\b|for\b|about\b|with\b|noon\b|high\b|low\b|\d|morning\b))"
    rf"|(?:the\s+)?day\s+after\s+{_TOMORROW}|{_TOMORROW}|today|tonight|tonite|this (?:morning|afternoon|evening)"
    rf"|(?:(?:a|one|two) weeks? (?:from|on|after)\s+)?(?:(?:this|next|coming|the|this coming)\s+)"
    rf"?{_WEEKDAY}(?:\s+after next)?(?:\s+next week)?"
    r"|(?:the\s+)?end\s+of\s+(?:the\s+|this\s+|next\s+)?(?:day|week|month|year)|eod|eow|eom|eoy|cob"
    r"|(?:the\s+)?(?:this|next|coming)\s+(?:weekend|week|month|year)|the weekend)"
)
PART = rf"(?:{'|'.join(PARTS)})"
TIME = (
    r"(?:\d{1,2}(?:[:.]\d{2})?\s?(?:[ap]\.m\.|[ap]m)|\d{1,2}:\d{2}|\d{1,2}h(?:\d{2})?|\d{1,2}\s?o'?clock"
    r"|(?:half|quarter)\s+(?:past|to|after)\s+\d{1,2}(?:\s?[ap]m)?|noon|midday|midnight|(?<=at )\d{1,2}(?!\d)|"
    r"(?<=@)\d{1,2})"
)
PREPOSITION = (
    r"(?:(?:,\s*)?(?:(?:which is |is )?due(?: date)?(?:\s+(?:on|by|at|in|is|for|before))?|no later than|"
    r"deadline(?: is)?|not before|"
    r"by|on|at|for|before|until|till|til|around|starting|@)\s*(?:at\s+)?)"
)


def amount(text: str) -> float:
    """Return the number a text of `AMOUNT` says."""
    text = re.sub(r"\s+", " ", text.lower())
    return _WORDS[text] if text in _WORDS else float(text)
