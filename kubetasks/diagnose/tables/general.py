"""Log classes: exceptions of any kind. They come last: whatever tells more stands above."""

import re

from kubetasks.diagnose.fixes import words
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import EXIT, RULES, Candidate
from kubetasks.diagnose.tables.languages import _where


def _description(match: Match) -> Candidate | None:
    """Spring Boot says what is wrong two lines below."""
    below = [line.text.strip() for line in match.lines[match.index + 1 : match.index + 6] if line.text.strip()]
    if not below:
        return None
    return Candidate(
        RULES["APPLICATION_REFUSES"],
        match.workload.key,
        f"{match.who}: {below[0]}",
        undo(match) or words("correct what the description names"),
    )


log_class(
    "APPLICATION_REFUSES",
    r"^Description:\s*$",
    title="the application refuses to start and says why",
    why="The framework checked the configuration and describes what is wrong.",
    fix="correct what the description names",
    makes=_description,
)


def _exception(match: Match) -> Candidate:
    what = match.group("what")
    where = _where(match)
    cause = f"{match.who}: {what}" + (f" ({where})" if where else "")
    fix = undo(match) or words(f"correct {where or 'the program or what it was given'}; the whole trace is in its log")
    return Candidate(RULES["EXCEPTION"], match.workload.key, cause, fix)


log_class(
    "EXCEPTION",
    r"^(?P<what>(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Fault)\b(?:: .+)?)$",
    r"Exception in thread \"[^\"]+\" (?P<what>.+)|^Caused by: (?P<cause>.+)",
    r"^Uncaught (?P<what>\w*(?:Error|Exception): .+)|^(?P<other>(?:\w+\.)*\w*Error: .+)$|Unhandled exception\. (?P<third>.+)",
    r"(?:Unhandled ?Promise ?Rejection\w*|UnhandledPromiseRejection).*?: (?P<what>.+)",
    r"PHP Fatal error: +(?P<what>.+)|^(?P<other>[\w/.]+\.rb:\d+:in .+)",
    title="the program ends with an exception",
    why="The program met something that it was not written for; the exception says what.",
    fix="correct the program, or what it was given; the stack trace in its log says where",
    makes=_exception,
    depth=EXIT + 5,
)


TROUBLE = re.compile(
    r"\b(?:fatal|panic|critical|emerg|error|failed|failure|cannot|can't|could not|unable|invalid|refused|denied|abort\w*|exception|missing|unexpected)\b",
    re.IGNORECASE,
)


def telling(texts: list[str]) -> str:
    """The line of an unknown log that most likely says why: the last one that sounds like trouble, else the last one."""
    shown = [text for text in texts if text.strip()]
    return next((text for text in reversed(shown[-20:]) if TROUBLE.search(text)), shown[-1] if shown else "")
