"""The labelled corpus: reads it, divides it, and measures the rules on it."""

import hashlib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.backend.assistants.rules import Rules
from app.backend.records import Task
from app.backend.tools import TOOLS
from tests.app.rules.conversation import Conversation, Memory, task

_TOOL = {
    "complete": "complete_task",
    "reopen": "complete_task",
    "delete": "delete_task",
    "update": "update_task",
    "list": "list_tasks",
}
_LABELS = ("add", "complete", "reopen", "delete", "update", "list", "show", "undo", "ask", "confirm", "offer")


@dataclass(frozen=True)
class Case:
    """A labelled message."""

    say: str
    intent: str
    tasks: list[dict[str, Any]]
    before: list[str] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        text = "\n".join([*self.before, self.say])
        return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 3 == 0

    @property
    def name(self) -> str:
        return " / ".join([*self.before, self.say])


@dataclass(frozen=True)
class Outcome:
    """What came of a case: the plan in the corpus's own words, beside what it should be."""

    case: Case
    intent: str
    got: dict[str, Any]
    wanted: dict[str, Any]
    destroyed: tuple[int, ...]

    @property
    def right_intent(self) -> bool:
        return self.intent == self.case.intent

    @property
    def right_slots(self) -> bool:
        return self.got == self.wanted

    @property
    def wrongly_destroyed(self) -> bool:
        """A deletion, or one a mere yes away, of a task that is not to be deleted."""
        meant = {*self.case.labels.get("delete", []), *self.case.labels.get("confirm", [])}
        asked = set(self.got.get("confirm", []))
        return not set(self.destroyed) <= set(self.case.labels.get("delete", [])) or not asked <= meant


@cache
def cases() -> list[Case]:
    document = yaml.safe_load((Path(__file__).parent / "corpus.yaml").read_text(encoding="utf-8"))
    return [
        Case(
            row["say"],
            row["intent"],
            document["tasks"][row.get("tasks", "home")],
            row.get("before", []),
            {label: _plain(row[label]) for label in row if label in _LABELS},
        )
        for row in document["cases"]
    ]


def measure(case: Case) -> Outcome:
    """Say it, and compare."""
    conversation = Conversation(Memory({row["id"]: of(row) for row in case.tasks}))
    for message in case.before:
        conversation.say(message)
    plan = Rules().plan(case.say, conversation.context())
    calls = [_call(call["tool"], call["arguments"]) for call in plan["calls"]]
    got = _asked(plan) | ({"calls": calls} if calls else {})
    destroyed = tuple(call["arguments"]["task_id"] for call in plan["calls"] if call["tool"] == "delete_task")
    if plan["intent"] == "show" and plan["it"]:
        got["show"] = plan["it"]
    return Outcome(case, plan["intent"], got, _wanted(case), destroyed)


def of(row: dict[str, Any]) -> Task:
    """A task as the corpus writes it."""
    return task(row["id"], row["title"], **{key: row[key] for key in row if key not in ("id", "title")})


def _asked(plan: dict[str, Any]) -> dict[str, Any]:
    pending = plan["pending"]
    if not pending:
        return {}
    match pending["kind"]:
        case "which":
            return {"ask": sorted(pending["ids"])}
        case "confirm":
            return {"confirm": sorted(pending["ids"])}
        case "offer":
            return {"offer": [add["title"] for add in pending["adds"]]}
        case kind:
            return {"ask": kind}


def _wanted(case: Case) -> dict[str, Any]:
    calls = []
    wanted: dict[str, Any] = {}
    for label, value in case.labels.items():
        if label in ("ask", "confirm", "offer", "show"):
            wanted[label] = value
        for each in value if label not in ("ask", "confirm", "offer", "show") else []:
            if label == "add":
                calls.append(_call("add_task", {"title": each} if isinstance(each, str) else each))
            elif label == "undo":
                calls.append(_call("undo", {"tool_call_id": each} if each else {}))
            elif isinstance(each, int):
                state = {"completed": False} if label == "reopen" else {}
                calls.append(_call(_TOOL[label], {"task_id": each, **state}))
            else:
                calls.append(_call(_TOOL[label], each))
    return wanted | ({"calls": calls} if calls else {})


def _call(tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return tool, TOOLS[tool].model_validate(arguments).model_dump()  # type: ignore[index]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
