"""What is wrong with a setting."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with a setting: its dotted path, the reason, and what to do."""

    path: str
    why: str
    fix: str


def unstorable(text: str) -> str:
    """Why no environment variable can hold a text; empty where one can."""
    if "\0" in text:
        return "it holds a NUL character, which an environment variable cannot"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return ""
