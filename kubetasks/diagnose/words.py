"""Text helpers: make foreign text safe to print, shorten it, and find the name that was meant."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# ANSI escape sequences: CSI, OSC (ended by BEL or ST), and the two-character ones.
ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]")
# C0 and C1 control characters, and the Unicode characters that reorder or hide text.
CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
CLOSE: Final = 0.72
SIMILAR: Final = 0.55
# Nothing in Kubernetes has a longer name.
LONGEST_NAME: Final = 253


def plain(text: str) -> str:
    """The text without escape sequences and control characters; line feeds and tabs stay."""
    return CONTROL.sub("", ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str, limit: int = 240) -> str:
    """The text in one line of at most ``limit`` characters, safe to print."""
    return shorten(" ".join(plain(text[: limit * 20]).split()), limit)


def unquoted(text: str) -> str:
    """The text without the quotation marks around it; one that belongs to a pair within it stays."""
    text = text.strip(" ,;")
    for mark in "'\"`":
        if text.count(mark) % 2 or (len(text) > 1 and text[0] == text[-1] == mark):
            text = text.strip(mark)
    return text.strip(" ,;")


def shorten(text: str, limit: int) -> str:
    """The text itself, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def middle(text: str, limit: int) -> str:
    """The text itself, or its beginning and its end with an ellipsis between them."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return text[:head] + "…" + text[len(text) - (limit - 1 - head) :]


def listed(items: Iterable[str], most: int = 3, last: str = "and") -> str:
    """``a, b and c``; what is more than ``most`` is counted."""
    names = list(dict.fromkeys(items))
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def counted(number: int, noun: str) -> str:
    """``1 pod``, ``2 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def times(number: int) -> str:
    """``once``, ``twice``, ``3 times``."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


@dataclass(frozen=True)
class Near:
    """The existing name that is nearest to one that does not exist.

    Args:
        name: the nearest name; empty if none is near.
        typo: whether the two differ by a typo or an abbreviation only, so that the nearest was certainly meant.
    """

    name: str = ""
    typo: bool = False

    @property
    def hint(self) -> str:
        """``; nearest is NAME``, or nothing."""
        return f"; nearest is {self.name}" if self.name else ""

    def __bool__(self) -> bool:
        return bool(self.name)


def distance(one: str, other: str) -> int:
    """How many characters have to be changed, added, removed or swapped with their neighbour (restricted Damerau)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        new = [i]
        for j, b in enumerate(other, 1):
            cost = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        before, row = row, new
    return row[-1]


def _tokens(name: str) -> list[str]:
    return [part for part in re.split(r"[-_./: ]+", name.lower()) if part]


# Abbreviations that are no beginnings of their words.
SHORT: Final = {"db": "database", "svc": "service", "pwd": "password", "usr": "user", "env": "environment"}


def is_slip(one: str, other: str) -> bool:
    """Whether two names differ only by a typo: few characters, separators, case or an abbreviation."""
    short, long = sorted((one.lower(), other.lower()), key=len)
    if len(long) > LONGEST_NAME:
        return False
    if re.sub(r"[-_. ]", "", short) == re.sub(r"[-_. ]", "", long):
        return True
    # A version or a number is no slip: v1 and v2 are both meant.
    if re.sub(r"\d+", "0", short) == re.sub(r"\d+", "0", long):
        return False
    first, second = _tokens(short), _tokens(long)
    if len(first) == len(second) and all(_same_word(a, b) for a, b in zip(first, second, strict=True)):
        return True
    size = distance(short, long)
    return (len(short) >= 6 and size <= 1) or (len(short) >= 8 and size <= 2 and first[:1] == second[:1])


def _same_word(one: str, other: str) -> bool:
    """Whether two words are one: a typo, a beginning (conf, config), an abbreviation (cfg, db)."""
    one, other = (each.removesuffix("s") if len(each) > 3 else each for each in (one, other))
    short, long = sorted((one, other), key=len)
    if short == long or SHORT.get(short) == long:
        return True
    if len(short) >= 3 and (long.startswith(short) or _abbreviates(short, long)):
        return True
    return len(long) >= 4 and distance(short, long) <= (1 if len(long) < 8 else 2)


def _abbreviates(short: str, long: str) -> bool:
    """Whether a word is the consonants of a longer one: cfg, config; mgr, manager."""
    if len(long) < 5 or short[0] != long[0] or set(short[1:]) & set("aeiou"):
        return False
    rest = iter(long)
    return all(letter in rest for letter in short)


def nearest(name: str, names: Iterable[str]) -> Near:
    """The name that was most likely meant.

    Args:
        name: the one that does not exist.
        names: those that exist.
    """
    known = [each for each in dict.fromkeys(names) if each and each != name and len(each) <= LONGEST_NAME]
    if len(name) > LONGEST_NAME:
        return Near()
    slips = sorted((each for each in known if is_slip(name, each)), key=lambda each: (distance(name, each), each))
    if slips:
        return Near(slips[0], typo=True)
    close = difflib.get_close_matches(name.lower(), [each.lower() for each in known], 1, CLOSE)
    if close:
        return Near(next(each for each in known if each.lower() == close[0]))
    wanted = set(_tokens(name))
    shared = sorted(known, key=lambda each: -len(wanted & set(_tokens(each))))
    if shared and wanted & set(_tokens(shared[0])) and _ratio(name, shared[0]) >= SIMILAR:
        return Near(shared[0])
    return Near()


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()
