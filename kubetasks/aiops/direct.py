"""The way without kubectl-ai: kubetasks itself asks the model, which gets tools that only read."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from kubetasks.aiops import prompts
from kubetasks.aiops.answer import Answer, Proposal, printable
from kubetasks.aiops.outbound import Outbound
from kubetasks.aiops.reader import TOOLS, Reader
from kubetasks.diagnose.finding import Finding
from kubetasks.errors import ModelFailed

ROUNDS: Final = 12
CALLS: Final = 16  # in one round


def ask(
    question: str, findings: Sequence[Finding], reader: Reader, outbound: Outbound, progress: Callable[[str], None]
) -> Answer:
    """Ask the model, carry out its calls, and return its answer.

    Args:
        question: in words.
        findings: what the rules found.
        reader: answers the model's calls.
        outbound: the way to the model.
        progress: called with what is being read.

    Raises:
        ModelError: the model gave no answer.
    """
    messages: list[dict[str, Any]] = [*prompts.for_model(question, findings, reader.snapshot.namespace)]
    ran: list[str] = []
    for _ in range(ROUNDS):
        said = outbound.complete({"messages": messages, "tools": TOOLS})
        calls = said.get("tool_calls")
        if not isinstance(calls, list) or not calls:
            text = printable(str(said.get("content") or ""))
            if not text:
                raise outbound.empty()
            proposals = [Proposal(command, printable(why)[:300]) for command, why in reader.proposed]
            return Answer("direct", text, [*proposals, *map(Proposal, prompts.in_blocks(text))], ran)
        messages.append({"role": "assistant", "content": said.get("content"), "tool_calls": calls[:CALLS]})
        for call in calls[:CALLS]:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                raise outbound.nonsense()
            name, arguments = function["name"], function.get("arguments") or "{}"
            given = arguments if isinstance(arguments, str) else json.dumps(arguments)
            shown = " ".join(printable(f"{name} {given}").split())[:160]
            ran.append(shown)
            progress(shown)
            content = prompts.fenced(reader.call(name, given))
            messages.append({"role": "tool", "tool_call_id": str(call.get("id", "")), "content": content})
    raise ModelFailed(f"the model gave no answer after {ROUNDS} rounds", fix="ask something narrower, or another model")
