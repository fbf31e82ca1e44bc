"""A2A, the protocol that kagent's agents speak: JSON-RPC over HTTP with ``message/send`` (a2a-sdk 0.3).

An agent that wants to call a tool which needs approval ends its turn as ``input-required``, with the calls in its
message; the answer to them is a message with a decision. https://a2a-protocol.org/v0.3.0/specification/
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.diagnose.words import one_line, plain
from kubetasks.errors import AgentFailed, AgentNonsense, AgentTimeout, AgentUnreachable
from kubetasks.verify.client import Client, NoAnswer, Request, Response

# The part with which kagent's runtime asks for approval (google-adk's name for it).
CONFIRMATION: Final = "adk_request_confirmation"
WORKING: Final = frozenset({"submitted", "working"})
WAITING: Final = "input-required"
DONE: Final = "completed"
LONGEST_ANSWER: Final = 40_000  # characters
PAUSE: Final = 1.0  # seconds between two looks at a task that continues
REFUSALS: Final[Mapping[int, str]] = {
    401: "the credentials are missing or wrong",
    403: "the credentials do not allow it",
    404: "there is no agent of that name",
    429: "the quota is used up, or there were too many requests",
    503: "the agent is not ready",
}


@dataclass(frozen=True)
class Call:
    """A call of a tool that waits for approval.

    Args:
        id: the agent's name for the call; empty if it gave none.
        tool: the tool's name.
        arguments: its arguments.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The call in one line, safe to print."""
        return one_line(f"{self.tool} {json.dumps(self.arguments, ensure_ascii=True, sort_keys=True)}", 2000)


@dataclass(frozen=True)
class Turn:
    """What the agent answered.

    Args:
        state: of the task: ``completed``, ``input-required``, ``failed``, …
        text: its words, safe to print; untrusted.
        task: the task's ID; empty for a plain message.
        context: the conversation's ID.
        calls: the calls that wait for approval.
    """

    state: str
    text: str
    task: str = ""
    context: str = ""
    calls: tuple[Call, ...] = ()


@dataclass
class Agent:
    """An agent at an HTTP address.

    Args:
        base: ``http://127.0.0.1:PORT``.
        path: the agent's path below it, ``/api/a2a/NAMESPACE/NAME/``.
        limit: how many seconds one turn may take.
        clock: monotonic seconds.
        sleep: waits.
    """

    base: str
    path: str
    limit: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def ask(self, text: str) -> Turn:
        """Send a question and wait for the end of the turn.

        Raises:
            AgentUnreachable: no connection, or an HTTP status that refuses.
            AgentTimeout: no end within the limit; the task is cancelled.
            AgentNonsense: the answer is not A2A.
            AgentFailed: the agent reported an error.
        """
        return self._send({"kind": "text", "text": text})

    def decide(self, turn: Turn, approved: Sequence[bool]) -> Turn:
        """Approve or reject the calls that wait, and wait for the end of the turn; raises as ``ask``.

        Args:
            turn: the turn that waits.
            approved: for each of its calls whether it may run.
        """
        data: dict[str, Any] = {"decision_type": "approve" if all(approved) and approved else "reject"}
        named = all(call.id for call in turn.calls)
        if any(approved) and not all(approved) and named:
            # kagent approves a call that a batch does not name, so each is named.
            decisions = zip(turn.calls, approved, strict=True)
            data = {
                "decision_type": "batch",
                "decisions": {call.id: "approve" if yes else "reject" for call, yes in decisions},
            }
        return self._send({"kind": "data", "data": data}, turn)

    def _send(self, part: Mapping[str, Any], turn: Turn | None = None) -> Turn:
        message: dict[str, Any] = {
            "kind": "message", "messageId": uuid.uuid4().hex, "role": "user", "parts": [part],
        }  # fmt: skip
        if turn is not None:
            message |= {"taskId": turn.task, "contextId": turn.context}
        deadline = self.clock() + self.limit
        found = parse(self._rpc("message/send", {"message": message}, deadline))
        while found.state in WORKING:
            if self.clock() >= deadline:
                self._cancel(found)
                raise self._late()
            self.sleep(PAUSE)
            found = parse(self._rpc("tasks/get", {"id": found.task}, deadline))
        if found.state in {DONE, WAITING}:
            return found
        raise AgentFailed(f"the agent's task ended as {one_line(found.state, 40)}", why=one_line(found.text, 400))

    def _cancel(self, turn: Turn) -> None:
        try:
            self._rpc("tasks/cancel", {"id": turn.task}, self.clock() + 5.0)
        except (AgentUnreachable, AgentTimeout, AgentNonsense, AgentFailed):
            return

    def _late(self) -> AgentTimeout:
        return AgentTimeout(f"the agent did not answer in {self.limit:g} s", fix="allow more time: --timeout SECONDS")

    def _rpc(self, method: str, parameters: Mapping[str, Any], deadline: float) -> Any:
        """The result of one call."""
        body = json.dumps({"jsonrpc": "2.0", "id": uuid.uuid4().hex, "method": method, "params": parameters})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        left = max(deadline - self.clock(), 0.1)
        with Client(self.base, left) as client:
            try:
                answer = client.send(Request("POST", self.path, headers=headers, body=body.encode()))
            except NoAnswer as error:
                if "no answer in" in str(error):
                    raise self._late() from None
                raise AgentUnreachable("no connection to the agent", why=str(error), fix=STATUS) from None
        return _result(answer)


STATUS: Final = "inv aiops.agent.status"


def _result(answer: Response) -> Any:
    if answer.status != 200:
        why = REFUSALS.get(answer.status, one_line(answer.text, 200))
        raise AgentUnreachable(f"the agent rejected the request with HTTP {answer.status}", why=why, fix=STATUS)
    if not answer.body.strip():
        raise AgentNonsense("the agent's answer is empty", fix=STATUS)
    try:
        document = answer.json()
    except ValueError:
        raise AgentNonsense("the agent's answer is not JSON", why=one_line(answer.text, 120), fix=STATUS) from None
    if not isinstance(document, dict) or ("result" not in document and "error" not in document):
        raise AgentNonsense("the agent's answer is not JSON-RPC", why=one_line(answer.text, 120), fix=STATUS)
    if document.get("error"):
        error = document["error"]
        message = error.get("message", error) if isinstance(error, dict) else error
        raise AgentFailed("the agent reported an error", why=one_line(str(message), 400))
    return document["result"]


def parse(result: Any) -> Turn:
    """The turn in a result of ``message/send`` or ``tasks/get``: a task, or a message alone.

    Raises:
        AgentNonsense: it is neither, or has no words and no calls.
    """
    if not isinstance(result, dict):
        raise AgentNonsense("the agent's answer is not A2A", fix=STATUS)
    context = str(result.get("contextId") or "")
    if result.get("kind") == "message":
        return _spoken(Turn(DONE, _text(result), "", context))
    status = result.get("status")
    if not isinstance(status, dict) or not isinstance(status.get("state"), str) or not result.get("id"):
        raise AgentNonsense("the agent's answer is not A2A", why="it has no task state", fix=STATUS)
    message = status.get("message")
    if not isinstance(message, dict):
        message = {}
    calls = tuple(_calls(message)) if status["state"] == WAITING else ()
    texts = [_text(message), *(_text(each) for each in result.get("artifacts") or () if isinstance(each, dict))]
    text = "\n".join(dict.fromkeys(filter(None, texts)))
    return _spoken(Turn(status["state"], text, str(result["id"]), context, calls))


def _spoken(turn: Turn) -> Turn:
    if turn.state in {DONE, WAITING} and not turn.text and not turn.calls:
        raise AgentNonsense("the agent's answer contains no text", fix=STATUS)
    return turn


def _parts(holder: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    for part in holder.get("parts") or ():
        if isinstance(part, dict) and part.get("kind") == kind:
            yield part


def _text(holder: Mapping[str, Any]) -> str:
    words = "\n".join(str(part.get("text", "")) for part in _parts(holder, "text")).strip()
    return plain(words)[:LONGEST_ANSWER]


def _calls(message: Mapping[str, Any]) -> Iterator[Call]:
    for part in _parts(message, "data"):
        data = part.get("data")
        if not isinstance(data, dict) or data.get("name") != CONFIRMATION:
            continue
        original = (data.get("args") or {}).get("originalFunctionCall") or {}
        arguments = original.get("args")
        yield Call(
            id=str(original.get("id") or ""),
            tool=str(original.get("name") or "?"),
            arguments=arguments if isinstance(arguments, dict) else {"?": arguments},
        )
