"""A2A against a server that gives every kind of answer."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubetasks.aiops.a2a import Agent, Call, Turn, parse
from kubetasks.aiops.kagent.ask import LONGEST_QUESTION, MOST_ROUNDS, Conversation, question
from kubetasks.errors import AgentFailed, AgentNonsense, AgentTimeout, AgentUnreachable, KubetasksError, NeedsAnswer
from tests.aiops.endpoint import Handler, served

Answer = tuple[int, bytes]


def result(value: Any) -> Answer:
    return 200, json.dumps({"jsonrpc": "2.0", "id": "1", "result": value}).encode()


def task(state: str, text: str = "", *calls: dict[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"kind": "text", "text": text}] if text else []
    for call in calls:
        data = {"name": "adk_request_confirmation", "id": "c", "args": {"originalFunctionCall": call}}
        parts.append({"kind": "data", "data": data})
    message = {"kind": "message", "role": "agent", "parts": parts}
    return {"kind": "task", "id": "t1", "contextId": "x1", "status": {"state": state, "message": message}}


class Server:
    """Gives one answer after the other, the last one for ever, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.sent: list[dict[str, Any]] = []
        self.url = ""

    def __call__(self, handler: Handler, body: dict[str, Any]) -> None:
        self.sent.append(body)
        status, data = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        handler.answer(data, status=status)

    def decisions(self) -> list[Any]:
        parts = [each["params"]["message"]["parts"][0] for each in self.sent if each["method"] == "message/send"]
        return [part["data"] for part in parts if part["kind"] == "data"]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with served({"/": made}) as url:
        made.url = url
        yield made


def agent(server: Server, limit: float = 30.0) -> Agent:
    return Agent(server.url, "/api/a2a/shop/kubetasks-agent/", limit, sleep=lambda _: None)


REFUSED: list[tuple[Answer, type[KubetasksError], str]] = [
    ((401, b""), AgentUnreachable, "credentials"),
    ((403, b""), AgentUnreachable, "credentials"),
    ((404, b""), AgentUnreachable, "no agent of that name"),
    ((429, b""), AgentUnreachable, "quota"),
    ((500, b"oh\x1b[31m"), AgentUnreachable, "HTTP 500: oh"),
    ((503, b""), AgentUnreachable, "not ready"),
    ((302, b""), AgentUnreachable, "HTTP 302"),
    ((200, b""), AgentNonsense, "empty"),
    ((200, b"<html>"), AgentNonsense, "not JSON"),
    ((200, b"[]"), AgentNonsense, "not JSON-RPC"),
    ((200, b"{}"), AgentNonsense, "not JSON-RPC"),
    (result(None), AgentNonsense, "not A2A"),
    (result({"kind": "task"}), AgentNonsense, "not A2A"),
    (result({"kind": "task", "id": "1", "status": {}}), AgentNonsense, "no task state"),
    (result(task("completed")), AgentNonsense, "no text"),
    (result({"kind": "message", "parts": []}), AgentNonsense, "no text"),
    ((200, b'{"jsonrpc": "2.0", "error": {"code": -32001, "message": "no such task"}}'), AgentFailed, "no such task"),
    (result(task("failed", "rate limit reached")), AgentFailed, "ended as failed: rate limit reached"),
    (result(task("rejected", "no")), AgentFailed, "ended as rejected"),
    (result(task("canceled")), AgentFailed, "ended as canceled"),
    (result(task("auth-required")), AgentFailed, "ended as auth-required"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), REFUSED)
def test_every_failure_is_one_line(server: Server, answer: Answer, kind: type[KubetasksError], said: str) -> None:
    server.answers = [answer]
    with pytest.raises(kind, match=said) as refused:
        agent(server).ask("why?")
    assert "\n" not in refused.value.line
    assert "\x1b" not in refused.value.line


def test_no_server() -> None:
    with pytest.raises(AgentUnreachable, match="connection refused"):
        Agent("http://127.0.0.1:9", "/", 5.0).ask("why?")


def test_a_task_that_goes_on_is_looked_at_again(server: Server) -> None:
    server.answers = [result(task("submitted")), result(task("working")), result(task("completed", "because"))]
    assert agent(server).ask("why?").text == "because"
    assert [each["method"] for each in server.sent] == ["message/send", "tasks/get", "tasks/get"]


def test_one_that_never_ends_is_cancelled(server: Server) -> None:
    server.answers = [result(task("working"))]
    clock = iter(range(0, 1000, 10))
    late = Agent(server.url, "/", 25.0, clock=lambda: float(next(clock)), sleep=lambda _: None)
    with pytest.raises(AgentTimeout, match="25 s"):
        late.ask("why?")
    assert server.sent[-1]["method"] == "tasks/cancel"


def test_the_words_are_safe_to_print() -> None:
    turn = parse(task("completed", "\x1b[31mred\u202e"))
    assert turn.text == "red"
    assert Call("1", "a\nb\x1b[0m", {"x": "\u202e\n"}).line == 'ab {"x": "\\u202e\\n"}'.replace("ab", "a b")


def test_artifacts_count() -> None:
    found = task("completed")
    found["artifacts"] = [{"parts": [{"kind": "text", "text": "because"}]}, "nonsense", {"parts": None}]
    assert parse(found).text == "because"


ONE, TWO = {"id": "1", "name": "rollback", "args": {"to": 1}}, {"id": "2", "name": "deploy", "args": {}}
DONE = result(task("completed", "done"))


@pytest.mark.parametrize(
    ("calls", "answers", "decision"),
    [
        ([ONE], [True], {"decision_type": "approve"}),
        ([ONE], [False], {"decision_type": "reject"}),
        ([ONE, TWO], [True, True], {"decision_type": "approve"}),
        ([ONE, TWO], [False, False], {"decision_type": "reject"}),
        ([ONE, TWO], [True, False], {"decision_type": "batch", "decisions": {"1": "approve", "2": "reject"}}),
        # kagent approves what a batch does not name, so without names all is rejected.
        ([{**ONE, "id": None}, TWO], [True, False], {"decision_type": "reject"}),
    ],
)
def test_decisions(server: Server, calls: list[dict[str, Any]], answers: list[bool], decision: dict[str, Any]) -> None:
    server.answers = [result(task("input-required", "", *calls)), DONE]
    given = iter(answers)
    conversation = Conversation(agent(server), lambda _: None, lambda _: next(given), [])
    assert conversation.run("why?").text == "done"
    assert server.decisions() == [decision]
    message = server.sent[-1]["params"]["message"]
    assert (message["taskId"], message["contextId"]) == ("t1", "x1")
    assert len(conversation.approved) == sum(answers)


def test_without_a_terminal_every_call_is_rejected(server: Server) -> None:
    server.answers = [result(task("input-required", "", ONE)), DONE]
    with pytest.raises(NeedsAnswer, match="approval of rollback"):
        Conversation(agent(server), lambda _: None, None, []).run("why?")
    assert server.decisions() == [{"decision_type": "reject"}]


def test_an_agent_that_asks_for_ever_is_stopped(server: Server) -> None:
    server.answers = [result(task("input-required", "", ONE))]
    with pytest.raises(AgentFailed, match="more than"):
        Conversation(agent(server), lambda _: None, lambda _: True, []).run("why?")
    assert len(server.decisions()) == MOST_ROUNDS + 1
    assert server.decisions()[-1] == {"decision_type": "reject"}


def test_a_question_back_is_not_approval(server: Server) -> None:
    server.answers = [result(task("input-required", "which one?"))]
    with pytest.raises(AgentFailed, match=r"asks a question: which one\?"):
        Conversation(agent(server), lambda _: None, lambda _: True, []).run("why?")


@pytest.mark.parametrize("arguments", [None, [1], "x"])
def test_arguments_of_another_form_are_shown(arguments: Any) -> None:
    (call,) = parse(task("input-required", "", {**ONE, "args": arguments})).calls
    assert call.arguments == {"?": arguments}


def test_the_question_is_limited_and_redacted() -> None:
    hide: Callable[[str], str] = lambda text: text.replace("hunter22", "***")  # noqa: E731
    text = question("hunter22 " * 2000, [], hide)
    assert "hunter22" not in text
    assert len(text) < LONGEST_QUESTION + 500
    assert isinstance(Turn("completed", ""), Turn)
