"""Whether somebody speaks of dying by their own hand or of hurting themselves, and the answer to that.

Both assistants look here before anything else, whatever else a message says: no such words become a task. It errs on
the side of answering: whoever did not mean it has read a few sentences too many. It knows English, with slips of the
fingers, and the plainest words of some other languages; a language model's instructions cover the rest.
"""

import re

from app.backend.assistants.care.patterns import PATTERNS
from app.backend.assistants.care.words import plain

HELP = (
    "I am sorry that things are so hard right now. I only keep a list, and I have left it as it is, but you do not "
    "have "
    "to be alone with this. If you or somebody else is in danger now, please call your local emergency number (112 in "
    "Europe, 911 in the US and Canada, 999 in the UK). At findahelpline.com there are free, confidential helplines for "
    "many countries, by phone and chat; in the US and Canada you can also call or text 988. And please tell somebody "
    "you trust how you feel."
)

_PART = re.compile(r"[.;:!?\n,()\"]+|\s-+\s*|'(?!\w)|(?<!\w)'")
_LONGEST = 5000  # characters of a text that are looked at; a message has 4,000


def needed(text: str) -> bool:
    """Tell whether a text speaks of dying by one's own hand, or of hurting oneself."""
    text = text[:_LONGEST]
    return any(pattern.search(words) for words in map(plain, [text, *_PART.split(text)]) for pattern in PATTERNS)
