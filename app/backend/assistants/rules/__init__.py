"""The rules: an assistant that needs no key and no network, and always decides the same for the same words.

    message -> normalise -> patterns (wishes) -> slots, dates (which tasks, when) -> planner -> plan -> calls -> wording

What it never does: delete without a word for it or a confirmed question; delete several tasks, or one that only some
words were said of, without asking; read an order in quotes, or in what is to be added, as anything but a title.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

from app.backend.assistants import care
from app.backend.assistants.protocol import Called, Calling, Context, Event, Plan, Token, Turn
from app.backend.assistants.rules import normalise, patterns, replies, wording
from app.backend.assistants.rules.planner import Planner
from app.backend.assistants.rules.plans import Draft
from app.backend.assistants.rules.state import State, read
from app.backend.records import Task, ToolCall


class Rules:
    """The assistant of rules."""

    name: Literal["rules", "model"] = "rules"

    def plan(self, message: str, context: Context) -> Plan:
        """Decide what to do; pure."""
        return _draft(message, context).plan()

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Make the planned calls, and say what came of them."""
        plan, now = turn.plan, turn.context.now.replace(tzinfo=None)
        calls: list[ToolCall] = []
        for position, planned in enumerate(plan.get("calls", ())):
            yield Calling(position, planned["tool"], planned["arguments"])
            called = await turn.call(planned["tool"], planned["arguments"])
            calls.append(called.call)
            yield Called(position, called.call)
        said = []
        shown: list[int] | None = None
        for call in calls:
            if call.tool == "list_tasks" and call.result.ok:
                tasks = _viewed(call, plan.get("view") or {}, turn)
                shown = [task.id for task in tasks]
                said.append(wording.listed(tasks, {**call.arguments, **(plan.get("view") or {})}, now))
            else:
                said.append(wording.did(call, now))
        turn.state = _kept(plan, calls, shown, read(turn.context.state))
        for piece in re.findall(r"\S+\s*|\s+", "\n".join([*said, *plan.get("say", ())])):
            yield Token(piece)


def _draft(message: str, context: Context) -> Draft:
    if care.needed(message):
        return Draft("care", say=[care.HELP])
    state = _remembered(context)
    text = normalise.clean(message)
    planner = Planner(context.tasks, state, context.now.replace(tzinfo=None))
    if state.pending and text:
        if answered := replies.reply(text, planner, state.pending):
            return answered
        planner = Planner(context.tasks, state, planner.now)
    return planner.grant(patterns.wishes(text, planner.now))


def _remembered(context: Context) -> State:
    """Return what was kept; where another assistant answered last, "it" is what its tools touched."""
    state = read(context.state)
    if state.it or state.pending or context.state:
        return state
    for said in reversed(context.history):
        touched = tuple(task.id for call in said.tool_calls for task in call.result.tasks if call.result.ok)
        if touched:
            return State(it=touched[:100], shown=touched[:100])
    return state


def _viewed(call: ToolCall, view: Mapping[str, Any], turn: Turn) -> list[Task]:
    now = turn.context.now
    tasks = list(call.result.tasks)
    if view.get("overdue"):
        clock, today = f"{now:%Y-%m-%dT%H:%M}", f"{now:%Y-%m-%d}"
        tasks = [task for task in tasks if task.due and task.due < (clock if "T" in task.due else today)]
    if view.get("since"):
        tasks = [task for task in tasks if task.due and task.due >= view["since"]]
    return tasks


def _kept(plan: Plan, calls: list[ToolCall], shown: list[int] | None, before: State) -> dict[str, Any]:
    acted = [call for call in calls if call.tool not in ("list_tasks", "undo") and call.result.ok]
    touched = [task.id for call in calls if call.tool != "list_tasks" and call.result.ok for task in call.result.tasks]
    it = plan.get("it") or touched or shown or before.it
    done = [call.id for call in acted] or ([] if any(call.tool == "undo" for call in calls) else before.done)
    added = any(call.tool == "add_task" for call in acted)
    kept = State(
        tuple(dict.fromkeys(it)), tuple(shown if shown is not None else () if added else before.shown), tuple(done)
    )
    state = kept.json()
    return {**state, "pending": plan["pending"]} if plan.get("pending") else state
