"""A fault of a setting, and what its advice and its texts are made of."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with a setting: its dotted path, the reason, and what to do."""

    path: str
    why: str
    fix: str


def unstorable(text: str) -> str:
    """Why no environment variable can hold a text; empty if one can."""
    if "\0" in text:
        return "it contains a NUL character, which an environment variable cannot"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return ""


def nearest(name: str, known: Iterable[str], what: str) -> str:
    """The advice for a name that is not declared: the nearest one that is, or all of them after ``what``."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean `{near[0]}`?" if near else f"{what}: {', '.join(names) or 'none'}"
