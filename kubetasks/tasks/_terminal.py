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


def chosen(question: str, options: list[str]) -> int | None:
    """Which of several options is chosen, from 0; None for none of them, or at the end of the input."""
    sys.stdout.write("".join(f"  {number}  {option}\n" for number, option in enumerate(options, start=1)))
    try:
        answer = input(f"{question} 1-{len(options)}, or Enter for none: ").strip()
    except EOFError:
        return None
    return int(answer) - 1 if answer.isdecimal() and 1 <= int(answer) <= len(options) else None
