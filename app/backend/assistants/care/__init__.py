"""Detects messages about suicide and self-harm, and has the answer to them.

Both assistants check a message here before anything else, whatever else it says, so that no such words become a task.
A false alarm costs a few sentences, so the patterns are broad. They know English, with typing errors, and the plainest
words of some other languages. The instructions of a language model cover the rest.
"""

import re

from app.backend.assistants.care.patterns import PATTERNS
from app.backend.assistants.care.words import plain

HELP = (
    "I am sorry that things are so hard right now. I only keep a list, and I have left it as it is, but you do not "
    "have "
    "to be alone with this. If you or someone else is in danger now, please call your local emergency number (112 in "
    "Europe, 911 in the US and Canada, 999 in the UK). At findahelpline.com there are free, confidential helplines for "
    "many countries, by phone and chat; in the US and Canada you can also call or text 988. And please tell someone "
    "you trust how you feel."
)

_PART = re.compile(r"[.;:!?\n,()\"]+|\s-+\s*|'(?!\w)|(?<!\w)'")
_LONGEST = 5000  # characters of a text that are looked at; a message has 4,000


def needed(text: str) -> bool:
    """Return whether a text is about suicide or self-harm."""
    text = text[:_LONGEST]
    return any(pattern.search(words) for words in map(plain, [text, *_PART.split(text)]) for pattern in PATTERNS)
