"""When a task is due instead: "move #3 to friday", "postpone the report by a week", "#3 is due friday"."""

import re
from datetime import datetime

from app.backend.assistants.rules import dates, normalise, values
from app.backend.assistants.rules.wishes import Wish
from app.backend.assistants.rules.words_of_time import AMOUNT, UNITS

_I = re.IGNORECASE
_MOVE = re.compile(
    r"(?:move|postpone|push back|push|reschedule|re-schedule|snooze|delay|defer|shift|bump|put off|bring "
    r"forward|extend|pull forward|schedule)\s+(?P<rest>.+)",
    _I,
)
_MOVE_BY = re.compile(
    rf"(?P<ref>.+?)\s+(?:(?:back|out|off|forward)\s+)?(?:by|for|back|another)?\s*(?P<later>{AMOUNT}\s+{UNITS})", _I
)
_MOVE_TO = re.compile(
    r"\s+(?:(?:back|off|out|forward|over)\s+)?(?:to|until|till|til|for|on|by|from now to)\s+|\s+(?:due\s+)", _I
)
_IS_DUE = re.compile(
    r"(?P<ref>.+?)\s*(?:\s(?:is|are|must be|should be|needs to be|has to be|gets)|'s)\s+(?:now\s+)?due\s+(?P<value>.+)",
    _I,
)


def moved(text: str, now: datetime) -> Wish | None:  # noqa: PLR0911 - one for each way of saying it
    """`move …`, `postpone …`, "it is due …"."""
    if (stated := _IS_DUE.fullmatch(text)) and (when := dates.whole(stated["value"], now)):
        return Wish("update", ref=stated["ref"], changes={"due": when.due}, certain=False)
    match = _MOVE.fullmatch(text)
    if not match:
        return None
    certain = not text.lower().startswith(("schedule", "extend", "push", "shift", "bump", "move"))
    rest = re.sub(r"^(?:the )?(?:due ?date|deadline|date) (?:of|for|on)\s+", "", match["rest"], flags=_I)
    if by := _MOVE_BY.fullmatch(rest):
        ref = re.sub(r"\s+(?:by|for|back|off|out|forward|another)$", "", by["ref"], flags=_I)
        return Wish("update", ref=ref, changes={"later": by["later"]}, certain=certain)
    for cut in _MOVE_TO.finditer(rest):
        value = values.change(rest[cut.end() :], now)
        if value and "completed" not in value:
            ref = re.sub(r"\s+(?:back|off|out|forward)$", "", rest[: cut.start()])
            return Wish("update", ref=ref, changes=value, certain=certain)
    if (
        (when := dates.find(normalise.masked(rest), now))
        and when.spans[-1][1] == len(rest)
        and (ref := dates.without(rest, when))
    ):
        return Wish(
            "update", ref=re.sub(r"\s+(?:to|until|till|off|back)$", "", ref), changes={"due": when.due}, certain=certain
        )
    if text.lower().startswith(("schedule", "extend")) or re.search(r"\sto\s", rest):
        return None
    return Wish("update", ref=re.sub(r"\s+(?:back|off|out)$", "", rest), missing="due", certain=certain)
