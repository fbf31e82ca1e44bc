"""What changed between two reports, for ``inv verify --watch``."""

import re
from typing import Final

from kubetasks.verify.report import Report
from kubetasks.verify.results import Result

# Counts, times and addresses differ from round to round without a change that matters.
NUMBER: Final = re.compile(r"[0-9]+")


def changes(before: Report, now: Report) -> list[str]:
    """A line for each result that came, went, ended otherwise, or failed for another reason."""
    old = {(each.layer, each.name): each for each in before.checks}
    new = {(each.layer, each.name): each for each in now.checks}
    lines = []
    for key, each in new.items():
        earlier = old.get(key)
        if earlier is None:
            lines.append(f"{_name(each)}: new, {_told(each)}")
        elif earlier.status != each.status:
            lines.append(f"{_name(each)}: {earlier.status} -> {_told(each)}")
        elif each.status != "pass" and _reason(earlier) != _reason(each):
            lines.append(f"{_name(each)}: still {_told(each)}")
    lines += [f"{_name(each)}: removed, it was {each.status}" for key, each in old.items() if key not in new]
    return lines


def _name(result: Result) -> str:
    return f"{result.layer}/{result.name}"


def _told(result: Result) -> str:
    return f"{result.status}: {result.evidence}" if result.evidence else result.status


def _reason(result: Result) -> str:
    return NUMBER.sub("0", result.evidence)
