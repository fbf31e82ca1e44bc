"""A text as plain words: small letters, no accents or apostrophes, slips of the fingers put right."""

import re
import unicodedata
from functools import lru_cache

_APOSTROPHE = re.compile("['\u2018\u2019\u0060\u00b4]")
_CENSORED = re.compile(r"(?<=[a-z])[*.!_](?=[a-z])")  # k*ll
_DIGITS = re.compile(r"\b(?=\w{0,20}[^\W\d])[\w@$]{2,20}(?!\w)")  # k1ll
_LETTERS = str.maketrans("0134579@$", "oieastgas")
_LONG_DRAWN = re.compile(r"(\w)\1{2,}")  # dieeee
_SPELT = re.compile(r"\b\w(?: \w\b){2,}")  # k i l l
_WORD = re.compile(r"[^\W_]+")
_JOINED = (
    (" my self", " myself"),
    (" sui cide", " suicide"),
    ("k ll ", "kill "),
    (" him self", " himself"),
    (" her self", " herself"),
)

_MEANT = {
    "myself": 2, "himself": 1, "herself": 1, "yourself": 1, "suicide": 2, "suicidal": 2, "kill": 1, "killing": 1,
    "overdose": 1, "unalive": 1,
}  # fmt: skip
"""Words that are looked for among the slips, and how many slips they may have."""
_WORDS = frozenset(
    [
        "kills",
        "killer",
        "killed",
        "kiln",
        "kilt",
        "kilo",
        "skill",
        "still",
        "bill",
        "fill",
        "will",
        "till",
        "hill",
        "mill",
        "pill",
        "kiss",
        "kilos",
        "skilling",
        "still",
        "thyself",
        "itself",
        "oneself",
        "themself",
    ]
)
"""English words that are close to them."""


def plain(text: str) -> str:
    """Return a text's words, one blank between them."""
    text = _APOSTROPHE.sub("", unicodedata.normalize("NFKD", text.lower()))
    text = "".join(char for char in text if not unicodedata.combining(char))
    text = _CENSORED.sub("i", _DIGITS.sub(lambda match: match[0].translate(_LETTERS), text))
    words = _WORD.findall(_LONG_DRAWN.sub(r"\1\1", text))
    text = f" {' '.join(map(_corrected, words))} "
    text = _SPELT.sub(lambda match: match[0].replace(" ", ""), text)
    for apart, joined in _JOINED:
        text = text.replace(apart, joined)
    return text.strip()


@lru_cache(maxsize=4096)
def _corrected(word: str) -> str:
    """Return the word that this one is a typo of, else itself."""
    if not 3 <= len(word) <= 12 or word in _WORDS:
        return word
    return next((right for right, most in _MEANT.items() if word[0] == right[0] and _near(word, right, most)), word)


def _near(word: str, right: str, most: int) -> bool:
    """Tell whether a word is so few slips from another: a letter missing, too many, another one, or two swapped."""
    if abs(len(word) - len(right)) > most:
        return False
    older, before, row = list[int](), list[int](), list(range(len(right) + 1))
    for at, letter in enumerate(word, 1):
        older, before, row = before, row, [at]
        for place, other in enumerate(right, 1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != other))
            if at > 1 and place > 1 and letter == right[place - 2] and word[at - 2] == other:
                cost = min(cost, older[place - 2] + 1)
            row.append(cost)
    return row[-1] <= most
