"""The tools as a real client of the SDK sees them, in both lines of the protocol."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from mcp.client._memory import InMemoryTransport
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, JSONRPCRequest, JSONRPCResponse

from kubetasks.aiops.mcp.outcome import CHANGING, READING, Outcome
from kubetasks.errors import ClusterUnreachable
from tests.unit.aiops.mcp.fakes import SECRET, Fake, Terminal, answering, client, make

MODES = ["legacy", "auto"]
ARGUMENTS: dict[str, dict[str, Any]] = {"diagnose": {"workload": "web"}, "logs": {"service": "web", "tail": 7}}


def text(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def call(
    fake: Fake, tool: str, arguments: dict[str, Any] | None = None, mode: str = "auto", **server: Any
) -> CallToolResult:
    more = server.pop("client", {})

    async def main() -> CallToolResult | MCPError:
        async with client(make(fake, **server), mode, **more) as session:
            try:
                result = await session.call_tool(tool, arguments or {})
            except MCPError as error:  # out of the task group, which would wrap it
                return error
            assert isinstance(result, CallToolResult)
            return result

    result = anyio.run(main)
    if isinstance(result, MCPError):
        raise result
    return result


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("allowed", [False, True])
def test_what_is_offered(mode: str, allowed: bool) -> None:
    async def main() -> dict[str, Any]:
        async with client(make(Fake(), allow_changes=allowed), mode) as session:
            return {tool.name: tool for tool in (await session.list_tools()).tools}

    tools = anyio.run(main)
    assert set(tools) == {*READING, *(CHANGING if allowed else ())}
    for name, tool in tools.items():
        assert tool.annotations.read_only_hint is (name in READING)
        assert tool.annotations.destructive_hint is (name in CHANGING)
        assert tool.output_schema["properties"].keys() == {"tool", "ok", "summary", "notice", "truncated", "data"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tool", READING)
def test_a_reading_tool_answers_as_text_and_as_a_document(tool: str, mode: str) -> None:
    fake = Fake()
    result = call(fake, tool, ARGUMENTS.get(tool), mode)
    assert [each[0] for each in fake.calls] == [tool]
    assert list(fake.calls[0][1:]) == list(ARGUMENTS.get(tool, {}).values())
    assert text(result).startswith(f"{tool}: all is well\n")
    assert result.structured_content["data"] == {"a": "b"}
    assert not result.is_error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tool", CHANGING)
def test_nothing_can_be_changed_unless_it_was_allowed(tool: str, mode: str) -> None:
    fake = Fake()
    with pytest.raises(MCPError, match="--allow-changes"):
        call(fake, tool, {}, mode)
    assert fake.calls == []


YES, NO, UNCLEAR = {"allow": True}, {"allow": False}, None
ANSWERS = [("accept", YES, True), ("accept", NO, False), ("decline", None, False), ("cancel", None, False)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tool", CHANGING)
@pytest.mark.parametrize(("action", "content", "allowed"), ANSWERS)
def test_the_user_is_asked_through_the_client(
    mode: str, tool: str, action: str, content: dict[str, Any] | None, allowed: bool
) -> None:
    fake, asked = Fake(), list[str]()
    ask = {"elicitation_callback": answering(action, content, asked)}
    result = call(fake, tool, {}, mode, allow_changes=True, client=ask)
    assert [each[0] for each in fake.calls] == ([tool] if allowed else [])
    assert len(asked) == 1
    assert "namespace shop of context kind-here" in asked[0]
    if not allowed:
        assert "nothing was changed" in text(result)


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_without_the_field_changes_nothing(mode: str) -> None:
    fake = Fake()
    ask = {"elicitation_callback": answering("accept", {}, [])}
    result = call(fake, "deploy", {}, mode, allow_changes=True, client=ask)
    assert fake.calls == []
    assert result.is_error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tool", CHANGING)
def test_without_elicitation_a_code_from_the_terminal_is_needed(mode: str, tool: str) -> None:
    fake, terminal = Fake(), Terminal()
    server = make(fake, terminal, allow_changes=True)

    async def main() -> None:
        async with client(server, mode) as session:
            refused = await session.call_tool(tool, {})
            assert refused.is_error
            assert "one-time code" in text(refused)
            code = terminal.code
            assert code not in text(refused)
            refused = await session.call_tool(tool, {"code": "22222222"})
            assert "wrong, used up or too old" in text(refused)
            assert (await session.call_tool(tool, {"code": code})).is_error  # a new one is shown
            assert fake.calls == []
            assert not (await session.call_tool(tool, {"code": terminal.code.lower()})).is_error
            assert len(fake.calls) == 1
            assert (await session.call_tool(tool, {"code": terminal.code})).is_error  # used up

    anyio.run(main)
    assert len(fake.calls) == 1


def test_a_code_is_for_one_call_with_its_arguments() -> None:
    fake, terminal = Fake(), Terminal()

    async def main() -> None:
        async with client(make(fake, terminal, allow_changes=True), "auto") as session:
            assert (await session.call_tool("rollback", {"to": 3})).is_error
            code = terminal.code
            for tool, arguments in (("rollback", {"to": 2}), ("rollback", {}), ("deploy", {})):
                assert (await session.call_tool(tool, {**arguments, "code": code})).is_error
            assert fake.calls == []
            assert not (await session.call_tool("rollback", {"to": 3, "code": code})).is_error

    anyio.run(main)
    assert fake.calls == [("rollback", 3)]


def test_without_a_terminal_there_is_no_code() -> None:
    fake = Fake()
    refused = call(fake, "deploy", {"code": ""}, allow_changes=True)
    assert refused.is_error
    assert "Run `inv deploy` in a terminal instead" in text(refused)
    assert fake.calls == []


def test_a_client_that_asks_itself_is_not_asked() -> None:
    fake = Fake()
    call(fake, "rollback", {"to": 4}, allow_changes=True, trusted=True)
    assert fake.calls == [("rollback", 4)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("status", {"namespace": "other"}, "no argument 'namespace'"),
        ("deploy", {"context": "prod"}, "no argument 'context'"),
        ("logs", {"follow": True}, "no argument 'follow'"),
        ("kubectl", {}, "there is no tool 'kubectl'"),
    ],
)
def test_what_is_not_known_is_refused(mode: str, tool: str, arguments: dict[str, Any], said: str) -> None:
    fake = Fake()
    with pytest.raises(MCPError, match=said):
        call(fake, tool, arguments, mode, allow_changes=True, terminal=Terminal())
    assert fake.calls == []


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("logs", {"tail": 0}),
        ("logs", {"tail": 100_000}),
        ("logs", {"tail": "many"}),
        ("diagnose", {"workload": "x" * 300}),
    ],
)
def test_a_value_out_of_bounds_is_an_error(tool: str, arguments: dict[str, Any]) -> None:
    fake = Fake()
    assert call(fake, tool, arguments).is_error
    assert fake.calls == []


def test_a_failure_is_its_line_without_secrets() -> None:
    error = ClusterUnreachable("no answer", why=f"token {SECRET}", fix="inv doctor", detail="password=hunter22")
    result = call(Fake(error=error), "status")
    assert result.is_error
    assert result.structured_content["data"] == {"error": "no answer: token *** -- inv doctor", "exit_code": 23}
    assert SECRET not in text(result) + str(result.structured_content)
    assert "hunter22" not in text(result)


@pytest.mark.parametrize("mode", MODES)
def test_a_target_that_cannot_be_named_is_a_line(mode: str) -> None:
    class Lost(Fake):
        def where(self) -> str:
            raise ClusterUnreachable("no answer", why=f"token {SECRET}", fix="inv doctor")

    ask = {"elicitation_callback": answering("accept", YES, [])}
    for tool in CHANGING:
        result = call(Lost(), tool, {}, mode, allow_changes=True, client=ask)
        assert result.is_error
        assert text(result).endswith("no answer: token *** -- inv doctor")


def test_an_unexpected_error_shows_nothing_of_itself() -> None:
    class Broken(Fake):
        def status(self) -> Outcome:
            raise RuntimeError(SECRET)

    result = call(Broken(), "status")
    assert result.is_error
    assert SECRET not in text(result)


def _initialize(version: Callable[[dict[str, Any]], None]) -> str:
    """What the server answers to a handshake whose parameters were changed."""
    parameters = {"protocolVersion": "x", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    version(parameters)

    async def main() -> str:
        async with InMemoryTransport(make(Fake()).mcp) as (reading, writing):
            message = JSONRPCRequest(jsonrpc="2.0", id=1, method="initialize", params=parameters)
            await writing.send(SessionMessage(message))
            answer = await reading.receive()
            assert isinstance(answer, SessionMessage)
            assert isinstance(answer.message, JSONRPCResponse), answer
            return str(answer.message.result["protocolVersion"])

    return anyio.run(main)


@pytest.mark.parametrize("given", ["", None])
def test_an_empty_protocol_version_is_answered(given: str | None) -> None:
    assert _initialize(lambda parameters: parameters.update(protocolVersion=given)) == "2025-06-18"


def test_a_missing_protocol_version_is_answered() -> None:
    assert _initialize(lambda parameters: parameters.pop("protocolVersion")) == "2025-06-18"


@pytest.mark.parametrize("given", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_known_protocol_version_is_kept(given: str) -> None:
    assert _initialize(lambda parameters: parameters.update(protocolVersion=given)) == given
