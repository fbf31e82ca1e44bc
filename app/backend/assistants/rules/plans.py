"""A plan in the making: calls, what is said next to them, what is asked, what "it" is afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from app.backend.assistants.rules.state import Pending
from app.backend.assistants.rules.wishes import Intent
from app.backend.records import ToolName
from app.backend.tools import TOOLS


@dataclass
class Draft:
    """What the rules have decided so far."""

    intent: Intent = "none"
    calls: list[dict[str, Any]] = field(default_factory=list)
    say: list[str] = field(default_factory=list)
    pending: Pending | None = None
    it: Sequence[int] | None = None
    """The tasks spoken of, where no call tells."""
    view: dict[str, Any] = field(default_factory=dict)
    """How to show a list."""

    def call(self, tool: ToolName, arguments: Mapping[str, Any]) -> bool:
        """Plan a call, if its arguments are valid."""
        try:
            TOOLS[tool].model_validate(arguments)
        except ValidationError:
            return False
        call = {"tool": tool, "arguments": dict(arguments)}
        if call not in self.calls or tool == "add_task":
            self.calls.append(call)
        return True

    def plan(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "intent": self.intent,
            "calls": self.calls,
            "say": self.say,
            "pending": self.pending.json() if self.pending else None,
            "it": None if self.it is None else list(self.it),
            "view": self.view,
        }
