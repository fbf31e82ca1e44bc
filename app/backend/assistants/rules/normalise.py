"""What a person typed, made regular: one kind of quote, no invisible characters, no politeness around what is meant."""

import re
import unicodedata
from functools import cache

from app.backend.assistants.rules import lexicon

LONGEST = 600
"""Characters of a message in which references and changes are looked for; a longer one is a title or nothing."""

_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u0060\u00b4", "'"),
    }
)
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|(?<![\w'])'[^'\n]{0,400}\w[^'\n]{0,400}'(?![\w'])")
_FILLER = (
    r"please|pls|plz|kindly|hey(?: there)?|hi(?: there)?|hello|hiya|yo|ok|okay|alright|all right|so|well|um+|"
    r"uh+|hmm+|and|also|now|then|actually|"
    r"oh|oops|yes|yeah|yep|yup|sure|great|cool|perfect|thanks|thank you|good morning|good evening|just|"
    r"quickly|first|next"
)
_BEFORE = re.compile(
    rf"(?:(?:{_FILLER})(?![\w'-])[\s,.!:;]*+(?=\S)|(?:can|could|would|will) (?:you|u|ya)(?! have\b)"
    rf"\s+(?:please\s+|pls\s+)?"
    rf"|i(?:'d| would) (?:like|love) (?:you )?to\s+(?={lexicon.COMMAND}\b)|i (?:want|wanna|wish)(?: you)?(?: "
    rf"to)?\s+(?={lexicon.COMMAND}\b)"
    rf"|i (?:need|have)(?: you)? to\s+(?={lexicon.COMMAND}\s+(?:(?:the )?(?:task|number|item)\s*)?(?:#?\d|it\b|"
    rf"all\b|everything\b))"
    rf"|i (?:need|have) you to\s+|let'?s\s+|(?:go ahead and|you (?:can|may)|would you mind|feel free to|time "
    rf"to)\s+(?={lexicon.COMMAND}\b))",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:[\s,.!]+(?:please|pls|plz|thanks(?: a lot)?|thank you(?: so much| very much)?|thx|ty|cheers|for me|"
    r"if you can|would you|will you|"
    r"right now|immediately|if possible))$",
    re.IGNORECASE,
)
_END = " \t\n.!?,;\u2026"


def clean(message: str) -> str:
    """Return the message with plain quotes and single spaces, without control and invisible characters; lines stay."""
    text = _INVISIBLE.sub("", _CONTROL.sub(" ", message.replace("\r", "\n").translate(_QUOTES)))
    return "\n".join(line for line in (" ".join(line.split()) for line in text.split("\n")) if line)


def visible(text: str) -> bool:
    """Tell whether a text has anything a person can see."""
    return any(unicodedata.category(char)[0] not in "ZCM" for char in text)


def without_politeness(text: str) -> str:
    """Return a cleaned text without greetings and politeness around what it wants; possibly empty."""
    for _ in range(8):
        shorter = _BEFORE.sub("", text, count=1) if _BEFORE.match(text) else text
        shorter = trimmed(shorter)
        if shorter == text:
            break
        text = shorter
    return text


def trimmed(text: str) -> str:
    """Return a text without the politeness and punctuation at its end."""
    for _ in range(4):
        shorter = text.rstrip(_END)
        # Only the end is looked at: a search from the left would try every space of a long text.
        head, tail = shorter[:-40], shorter[-40:]
        shorter = head + _AFTER.sub("", tail)
        if shorter == text:
            break
        text = shorter
    return text


def masked(text: str) -> str:
    """Return a text of the same length, its quoted parts blotted out."""
    return _QUOTED.sub(lambda match: "\ufffc" * len(match[0]), text)


def quoted(text: str) -> list[str]:
    """Return the quoted parts of a text."""
    return [match[0][1:-1].strip() for match in _QUOTED.finditer(text)]


def unquoted(text: str) -> str:
    """Return what stands within quotes, where they hold the whole text."""
    text = text.strip()
    match = _QUOTED.fullmatch(text)
    return text[1:-1].strip() if match else text


def corrected(text: str) -> str:
    """Return a text with the slips of the fingers in its command words put right: the first word, and a few more."""
    first, space, rest = text.partition(" ")
    word = first.rstrip(":,")
    fixed = _command(word.lower(), rest.split(" ", 1)[0].lower()) + first[len(word) :] if word.isalpha() else first
    text = (fixed if fixed.lower() != first.lower() else first) + space + rest
    if len(text) > LONGEST or lexicon.TAKES_TITLE.match(text):
        return text
    hidden = masked(text)
    return re.sub(
        r"[A-Za-z]{4,10}",
        lambda match: lexicon.SLIPS.get(match[0].lower(), match[0]) if hidden[match.start()] != "\ufffc" else match[0],
        text,
    )


@cache
def _slips_of(word: str) -> frozenset[str]:
    """Every text one slip away from a word (a letter missing, doubled, changed, or two swapped), its first one kept."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}
    missing = {word[:at] + word[at + 1 :] for at in range(1, len(word))}
    more = {word[:at] + letter + word[at:] for at in range(1, len(word) + 1) for letter in letters}
    changed = {word[:at] + letter + word[at + 1 :] for at in range(1, len(word)) for letter in letters}
    return frozenset(
        swapped | (missing | more | changed if len(word) > 4 else more & {word + word[-1], word[0] + word})
    )


def _command(word: str, after: str) -> str:
    if word in lexicon.COMMANDS or word in lexicon.VERBS or word in lexicon.NO_SLIPS:
        return word
    if word == "crate" and after.strip(":") in {"a", "task", "tasks", "new", "todo"}:
        return "create"
    if word in lexicon.SHORT_SLIPS:
        return lexicon.SHORT_SLIPS[word]
    if not 3 < len(word) < 12:
        return word
    return next((right for right in lexicon.COMMANDS if word in _slips_of(right)), word)
