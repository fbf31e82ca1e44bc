"""What is kept between two messages: which tasks "it" and "the second one" are, and the question that is open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from app.backend.records import LARGEST_ID

Kind = Literal["which", "task", "confirm", "offer", "title", "due", "priority", "note", "change"]
Verb = Literal["complete", "reopen", "delete", "update"]
MOST = 100
"""How many tasks one message changes, and how many numbers are kept."""


@dataclass(frozen=True)
class Pending:
    """An open question: what was asked, about which tasks, and what the answer sets off."""

    kind: Kind
    verb: Verb | None = None
    ids: tuple[int, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `update_task` but the number."""
    adds: tuple[Mapping[str, Any], ...] = ()
    """Arguments of `add_task` that a yes calls for."""

    def json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "kind": self.kind,
            "verb": self.verb,
            "ids": list(self.ids),
            "changes": dict(self.changes),
            "adds": [dict(add) for add in self.adds],
        }


@dataclass(frozen=True)
class State:
    """What was kept with the last answer."""

    it: tuple[int, ...] = ()
    """The tasks last spoken of."""
    shown: tuple[int, ...] = ()
    """The tasks of the last list, in its order."""
    done: tuple[int, ...] = ()
    """The tool calls of the last turn that changed something, to be undone together."""
    pending: Pending | None = None

    def json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        kept: dict[str, Any] = {"it": list(self.it), "shown": list(self.shown), "done": list(self.done)}
        return {**kept, "pending": self.pending.json()} if self.pending else kept


def read(kept: Mapping[str, Any]) -> State:
    """Return what was kept, whoever kept it: what is not as expected counts as absent."""
    return State(
        _numbers(kept.get("it")), _numbers(kept.get("shown")), _numbers(kept.get("done")), _pending(kept.get("pending"))
    )


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        number
        for number in value[:MOST]
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= LARGEST_ID
    )


def _pending(value: object) -> Pending | None:
    if not isinstance(value, Mapping) or value.get("kind") not in get_args(Kind):
        return None
    verb = value.get("verb")
    changes, adds = value.get("changes"), value.get("adds")
    return Pending(
        value["kind"],
        verb if verb in get_args(Verb) else None,
        _numbers(value.get("ids")),
        dict(changes) if isinstance(changes, Mapping) else {},
        tuple(dict(add) for add in adds[:MOST] if isinstance(add, Mapping)) if isinstance(adds, list) else (),
    )
