"""What came of a question: the model's words, and the commands that it proposes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kubetasks.diagnose.words import plain, shorten

LONGEST_ANSWER = 8000


@dataclass(frozen=True)
class Proposal:
    """A command that a model proposes: a command line, or its words, and the reason that it gave."""

    command: str | Sequence[str]
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """What a tool answered.

    Args:
        tool: ``kubectl-ai`` or ``direct``.
        text: the model's words, safe to print.
        proposals: the commands that it proposes.
        ran: what the tool did in its sandbox, or which of our tools the model called, in their order.
    """

    tool: str
    text: str
    proposals: Sequence[Proposal] = field(default_factory=tuple)
    ran: Sequence[str] = field(default_factory=tuple)


def printable(text: str) -> str:
    """A model's words without escape sequences and control characters, and not without end."""
    return shorten(plain(text).strip(), LONGEST_ANSWER)
