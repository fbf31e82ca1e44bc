"""Finding tasks by words of their titles, in any order, forgiving an ending ("called") and a typo ("dentsit")."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from app.backend.assistants.rules import lexicon
from app.backend.records import Task

_WORD = re.compile(r"\w+(?:'\w+)?")
_VAGUE = lexicon.word_set("""
    appointment appt errand job chor stuff meeting call email project
""")
"""Stems of words that people add to a title which has not got them."""
_MOST = 24  # words of a reference that are looked at


@dataclass(frozen=True)
class Found:
    """The tasks that some words may mean; `exact` where they are a title and not only parts of one."""

    tasks: tuple[Task, ...]
    exact: bool = False


def key(text: str) -> str:
    """Return a text as titles are compared: without case, punctuation and articles."""
    return " ".join(word for word in words(text) if word not in {"a", "an", "the", "my"})


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Return what the forms of a word share, crudely: call, calls, called, calling."""
    word = word.removesuffix("'s")
    word = lexicon.PAST.get(word, word)
    if len(word) > 4 and word.endswith("ied"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 2 and word.endswith(ending):
            word = word[: -len(ending)]
            if word[-1:] == word[-2:-1] and word[-1] not in "ls":
                word = word[:-1]
            break
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@lru_cache(maxsize=4096)
def _stems(title: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(title))


@lru_cache(maxsize=4096)
def _key(title: str) -> str:
    return key(title)


def named(text: str, tasks: Sequence[Task]) -> Found:
    """Return the tasks with just this title."""
    wanted = key(text)
    same = [task for task in tasks if _key(task.title) == wanted] if wanted else []
    written = [task for task in same if task.title.lower() == text.lower()]
    return Found(tuple(written if len(written) == 1 else same), exact=bool(same))


def like(text: str, tasks: Sequence[Task], *, loosely: bool = True) -> Found:
    """Return the tasks whose titles have these words: all of them, or, `loosely`, most of several in one task alone."""
    exact = named(text, tasks)
    if exact.tasks:
        return exact
    wanted = [stem(word) for word in words(text)[:_MOST] if word not in lexicon.STOP]
    if not wanted:
        return Found(())
    known = {word for task in tasks for word in _stems(task.title)}
    wanted = [word for word in wanted if word in known or word not in _VAGUE] or wanted
    meant = [word if word in known else _nearest(word, known) for word in wanted]
    everything = [task for task in tasks if all(word in _stems(task.title) for word in meant)]
    if everything:
        return Found(_closest(everything, text))
    if len(meant) < 3 or not loosely:
        return Found(())
    counted = [(sum(word in _stems(task.title) for word in meant), task) for task in tasks]
    most = max((count for count, _ in counted), default=0)
    if most < 2 or most / len(meant) < 0.6:
        return Found(())
    return Found(tuple(task for count, task in counted if count == most))


def _closest(tasks: list[Task], text: str) -> tuple[Task, ...]:
    """Return the tasks without those that only share the words by chance: titles that are the words come first."""
    wanted = {stem(word) for word in words(text)} - lexicon.STOP
    whole = [task for task in tasks if {stem(word) for word in words(task.title)} - lexicon.STOP == wanted]
    return tuple(whole or tasks)


def _nearest(word: str, known: set[str]) -> str:
    """Return the known word that this one is a typo or the beginning of, else itself."""
    if len(word) < 3:
        return word
    best, score = word, 0.0
    for other in known:
        if abs(len(other) - len(word)) > 2 or len(other) < 4 or other[0] != word[0]:
            if len(word) > 3 and other.startswith(word) and score < 0.8:
                best, score = other, 0.8
            continue
        if len(word) == len(other) and sorted(word) == sorted(other):
            return other
        ratio = (
            SequenceMatcher(None, word, other, autojunk=False).ratio() if len(word) < 30 and len(other) < 30 else 0.0
        )
        if ratio > max(score, 0.79 if len(word) > 4 else 0.85):
            best, score = other, ratio
    return best
