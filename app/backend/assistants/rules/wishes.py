"""What a message wants, before it is known which tasks are meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.backend.assistants.rules.listing import View

Intent = Literal[
    "add", "list", "show", "complete", "reopen", "delete", "update", "undo", "help", "greet", "thanks", "cancel",
    "keep", "care", "talk", "none"
]  # fmt: skip
Missing = Literal["", "title", "due", "priority", "note", "change"]


@dataclass(frozen=True)
class Wish:
    """One thing a person wants."""

    intent: Intent
    ref: str = ""
    """The words for the tasks that are meant."""
    items: tuple[Mapping[str, Any], ...] = ()
    """Arguments of `add_task`."""
    offered: bool = False
    """Whether the items are only a guess, to be asked about first."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `update_task`; next to them `later`, an amount of time, and `append`, a note to add."""
    missing: Missing = ""
    """What has to be asked for."""
    view: View | None = None
    splits: tuple[tuple[str, str], ...] = ()
    """Other ways to read it: the words for the task, and the new title."""
    certain: bool = True
    """False if the words may just be talk: then it is nothing unless they name a task."""
    careful: bool = False
    """Whether a deletion is only done after asking, however exact the words are."""
    otherwise: "Wish | None" = None
    """What it is where the words name no task."""
    say: str = ""
    """What to answer, where that is all there is to do."""
    evidence: str = ""
    """A word of the message that has to be one of the task's ("the garage is *clean*")."""


NOTHING = Wish("none")
