"""The English phrases the assistant understands: for each thing it can do, patterns over one line.

Groups: ``task`` (a number, "it", or words of the title), ``title`` (a new title), ``status`` (a word for a state).
"""

import re

Patterns = tuple[re.Pattern[str], ...]

_NOUN = r"(?:a |an |the |my |this )?(?:new )?(?:task|todo|to-do|item|reminder)"
_OF = rf"(?:{_NOUN}\s+)?(?P<task>.+?)"
_DONE = r"(?:done|completed?|finished)"
_STATE = r"(?P<status>all|open|pending|left|done|completed?|finished)"
_THINGS = r"(?:tasks?|to-?dos?|list|items?|everything)"


def _phrases(*patterns: str) -> Patterns:
    polite = r"(?:please |can you |could you |i want to )*"
    return tuple(re.compile(rf"^{polite}{pattern}[\s.!?]*$", re.IGNORECASE) for pattern in patterns)


HELP = _phrases(r"(?:help(?: me)?|hi|hello|hey|what can you do)")
RENAME = _phrases(rf"(?:rename|change|update|edit)\s+{_OF}\s+(?:to|into|as)\s+(?P<title>.+?)")
REOPEN = _phrases(
    rf"(?:reopen|uncomplete|untick|undo)\s+{_OF}",
    rf"mark\s+{_OF}\s+(?:as\s+)?(?:not\s+{_DONE}|undone|open|pending|incomplete|unfinished)",
)
COMPLETE = _phrases(
    rf"mark\s+{_OF}\s+(?:as\s+)?{_DONE}",
    rf"(?:complete|finish|tick off|check off|tick|close|(?:i'm )?done with)\s+{_OF}",
    rf"i(?:'ve| have)?\s+(?:done|completed|finished)\s+{_OF}",
)
# Begins with any word: to be tried after everything else.
IS_DONE = _phrases(rf"{_OF}\s+is\s+(?:now\s+)?{_DONE}")
DELETE = _phrases(rf"(?:delete|remove|drop|forget|cancel|erase)\s+{_OF}")
LIST = _phrases(
    rf"(?:list|show|display|see|view|get)(?: me)?(?: all)?(?: of)?(?: my| the)?\s*{_STATE}?\s*{_THINGS}?",
    rf"(?:my |all )*{_STATE}?\s*{_THINGS}",
    rf"what(?:'s| is| are)?\s+(?:on )?(?:my |the )*{_STATE}?\s*{_THINGS}?",
    r"what (?:have i|did i) (?P<status>done|do|completed?|finished?)",
    r"what do i (?:still )?have (?P<status>to do|left)",
)
ADD = _phrases(
    rf"(?:add|create|make|new)\s+(?:{_NOUN}\s*)?(?:called |named |to |:\s*|-\s+)?"
    r"(?P<title>.+?)(?:\s+to (?:my|the) list)?",
    r"(?:remind me to|remember to|note to self|i (?:need|have|must|should)(?: to)?|todo|to-do)\s*:?\s*(?P<title>.+?)",
)


def match(patterns: Patterns, line: str) -> re.Match[str] | None:
    """Return the match of the first pattern that fits the whole line."""
    return next((found for pattern in patterns if (found := pattern.match(line))), None)
