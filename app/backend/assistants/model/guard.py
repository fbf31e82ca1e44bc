"""What a model may destroy: only what the user named, or said yes to. Pure functions and values, no I/O.

`delete_task` and `undo` (which takes an added task away again) are let through when the user's own message asks for it:
it has a word for it and, for a deletion, the task's number or a word of its title. Any other such call is held: it is
not made, and the answer ends with a question that this code writes, not the model. A plain yes to that question lets
through what it named, nothing else; any other message drops it. Text in a task, or a misguided model, can thus
delete nothing that the user did not name or see in that question. What else the tools change, `undo` brings back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.backend.assistants import care
from app.backend.records import Task

STATE = "held"  # the key of `Turn.state`
_DELETING = re.compile(
    r"\b(delet\w*|remov\w*|eras\w*|drop|discard|trash|bin|scrap|cancel|clear|wipe|purge|get rid|throw away|forget)\b"
)
_UNDOING = re.compile(r"\b(undo|revert|restor\w*|recover|un-?delete|roll back|take (that|it) back|bring .{0,80}back)\b")
_YES = re.compile(
    r"(yes|y|yep|yeah|sure|ok|okay|confirm|confirmed|do it|go ahead|please do|ja|oui|si|sí)"
    r"( please| do it| go ahead| delete (it|them)( all)?)?"
)
_NUMBER = re.compile(r"(?<![\w.:/-])#?(\d{1,10})(?![\w:/-]|\.\d|\s+(?:tasks|items|things|todos)\b)")
_WORD = re.compile(r"\w{3,}")
# Words of a title that name no task: they are part of how one asks.
_COMMON = frozenset(
    _WORD.findall(
        "the and all any for from with this that these those task tasks todo todos list item items please can could "
        "delete remove erase drop discard trash bin scrap cancel clear wipe purge get rid throw away forget everything "
        "every each done completed pending undo have has are was what which who when where how not one about add show "
        "tell now new old you but out off into over"
    )
)


@dataclass
class Guard:
    """Watches over one turn."""

    message: str
    tasks: Sequence[Task]
    state: Mapping[str, Any] = field(default_factory=dict)
    """`Turn.state` of the last answer: what was held then."""
    held: list[int | None] = field(default_factory=list)
    """What this turn held, as task numbers; None stands for an undo."""
    concerned: bool = False
    """Whether the model tried to write down words about suicide or self-harm; see `care`."""

    def allows(self, tool: str, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a call may be made; hold it otherwise."""
        if tool == "delete_task":
            target: int | None = arguments["task_id"]
            allowed = self._names(arguments["task_id"])
        elif tool == "undo":
            target, allowed = None, bool(_UNDOING.search(self.message.lower()))
        else:
            written = f"{arguments.get('title', '')}\n{arguments.get('description', '')}"
            self.concerned = self.concerned or care.needed(written)
            return not self.concerned
        if allowed or target in self._confirmed():
            return True
        if target not in self.held:
            self.held.append(target)
        return False

    def question(self) -> str:
        """Return what to ask the user about the calls that were held, and to say; empty if there were none."""
        if self.concerned:
            return care.HELP
        known = {task.id: task.title for task in self.tasks}
        deleting = [f'#{n} "{known[n]}"' if n in known else f"#{n}" for n in self.held if n is not None]
        asked = [f"delete {', '.join(deleting)}"] if deleting else []
        if None in self.held:
            asked.append("undo the last change")
        return f"Shall I {' and '.join(asked)}? Answer yes to go ahead." if asked else ""

    def why(self, tool: str) -> str:
        """Tell the model why a call is not made."""
        if self.concerned and tool not in {"delete_task", "undo"}:
            return "Never to be written down; the user learns where to find help after your answer. Be kind."
        return "Held until the user says yes; they are asked after your answer."

    def keep(self) -> dict[str, Any]:
        """Return what the next turn has to know."""
        return {STATE: self.held} if self.held else {}

    def _names(self, number: int) -> bool:
        message = self.message.lower()
        if not _DELETING.search(message):
            return False
        if number in map(int, _NUMBER.findall(message)):
            return True
        title = next((task.title for task in self.tasks if task.id == number), "")
        return bool(set(_WORD.findall(title.lower())) & set(_WORD.findall(message)) - _COMMON)

    def _confirmed(self) -> Sequence[Any]:
        held = self.state.get(STATE)
        said = re.sub(r"[^\w\sí]", "", self.message.lower()).strip()
        return held if isinstance(held, list) and _YES.fullmatch(re.sub(r"\s+", " ", said)) else ()
