"""Asking a person at the terminal."""

import sys


def attended() -> bool:
    """Whether a person sits at a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirmed(question: str) -> bool:
    """Whether the answer is a yes. The end of the input, as with Ctrl-D, is a no."""
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:
        return False
