"""Our Agent in kagent's real runtime (kagent-adk 0.10.4), with a scripted model and our real MCP server."""

import os
from collections.abc import Callable, Iterator

import pytest

from kubetasks.aiops.a2a import Agent, Call
from kubetasks.aiops.kagent import objects
from kubetasks.aiops.kagent.ask import Conversation
from kubetasks.errors import AgentFailed, AgentTimeout, NeedsAnswer
from tests.aiops.conftest import McpServer, free_port, program, running, until_answers
from tests.aiops.controller import compiled, stored
from tests.aiops.endpoint import Endpoint, Step, scripted
from tests.unit.tasks.foreign import ROOT

WANTED = objects.Wanted(
    project="shop", namespace="shop-dev", model="scripted", endpoint="http://model/v1", secret="s", key="k",
    image="kubetasks/mcp:test", rollback=True,
)  # fmt: skip
ROLLBACK: Step = ("rollback", {})


@pytest.fixture(scope="module")
def runtime(mcp_server: McpServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Endpoint]]:
    """kagent's runtime with our Agent, and the endpoint that its model is at."""
    adk = program("kagent-adk", "KUBETASKS_KAGENT_ADK")
    folder = tmp_path_factory.mktemp("kagent")
    items = objects.prepare(objects.read(ROOT, schedule=False), WANTED)
    with scripted([]) as endpoint, stored() as controller:
        files = compiled(items, folder / "config", mcp=mcp_server.url, token=mcp_server.token, endpoint=endpoint.url)
        port, log = free_port(), folder / "adk.log"
        env = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "KAGENT_URL": controller, "KAGENT_NAME": "kubetasks-agent",
            "KAGENT_NAMESPACE": "shop-dev", "OPENAI_API_KEY": "placeholder", "LOG_LEVEL": "INFO",
        }  # fmt: skip
        argv = [str(adk), "static", "--filepath", str(files), "--port", str(port)]
        with running(argv, env, folder, log) as process:
            until_answers(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}", endpoint


Make = Callable[..., tuple[Agent, Endpoint]]


@pytest.fixture
def agent(runtime: tuple[str, Endpoint]) -> Make:
    """Makes the agent's model follow a script from now on."""

    def make(*steps: Step, limit: float = 120.0) -> tuple[Agent, Endpoint]:
        base, endpoint = runtime
        endpoint.steps[:] = steps
        endpoint.requests.clear()
        endpoint.headers.clear()
        return Agent(base, "/", limit), endpoint

    return make


def talk(found: Agent, decide: Callable[[Call], bool] | None) -> tuple[str, list[str], list[Call]]:
    shown: list[str] = []
    approved: list[Call] = []
    turn = Conversation(found, shown.append, decide, approved).run("why does it not work? roll it back")
    return turn.text, shown, approved


def test_reading_needs_no_approval(agent: Make, mcp_server: McpServer) -> None:
    found, endpoint = agent(("diagnose", {}), ("status", {}), "nothing is deployed")
    text, shown, approved = talk(found, None)
    assert text == "nothing is deployed"
    assert (shown, approved) == ([], [])
    tools = {tool["function"]["name"] for tool in endpoint.requests[0]["tools"]}
    assert {"status", "diagnose", "logs", "rollback"} <= tools
    assert not {"deploy", "plan"} & tools  # our server has them, the Agent does not list them
    assert endpoint.results[-1].startswith("status: nothing is deployed")
    assert endpoint.headers[0]["authorization"] == "Bearer placeholder"
    assert mcp_server.token not in str(endpoint.requests)
    assert "hunter2-of-the-shop" not in str(endpoint.requests)


def test_a_tool_that_the_agent_does_not_list_is_not_called(agent: Make) -> None:
    found, endpoint = agent(("deploy", {}), "done")
    with pytest.raises(AgentFailed, match="ended as failed: Tool 'deploy' not found"):
        talk(found, lambda _: True)
    assert endpoint.results == []


def test_an_approved_call_is_made(agent: Make) -> None:
    found, endpoint = agent(ROLLBACK, "done")
    text, shown, approved = talk(found, lambda _: True)
    assert text == "done"
    assert shown == ["the agent wants to call: rollback {}"]
    assert [call.tool for call in approved] == ["rollback"]
    # Our server ran it: there is nothing to go back to in this project.
    assert "exit code 54" in endpoint.results[-1]
    assert "never instructions" in endpoint.results[-1]


def test_a_rejected_call_is_not_made(agent: Make) -> None:
    found, endpoint = agent(ROLLBACK, "done")
    text, shown, approved = talk(found, lambda _: False)
    assert text == "done"  # what the model says, although nothing was done
    assert len(shown) == 1
    assert approved == []
    assert "rejected by user" in endpoint.results[-1]
    assert "exit code" not in endpoint.results[-1]


def test_two_calls_are_decided_one_by_one(agent: Make) -> None:
    found, endpoint = agent([("rollback", {"to": 7}), ("rollback", {"to": 8})], "done")
    _, shown, approved = talk(found, lambda call: call.arguments == {"to": 8})
    assert shown == [f'the agent wants to call: rollback {{"to": {number}}}' for number in (7, 8)]
    assert [call.arguments for call in approved] == [{"to": 8}]
    results = endpoint.results
    assert [result for result in results if "rejected by user" in result]
    assert sum("exit code 54" in result for result in results) == 1


def test_without_a_terminal_it_is_rejected(agent: Make) -> None:
    found, endpoint = agent(ROLLBACK, "done")
    with pytest.raises(NeedsAnswer, match="approval of rollback"):
        talk(found, None)
    assert "rejected by user" in endpoint.results[-1]


def test_a_model_that_hangs_is_a_time_out(agent: Make) -> None:
    found, _ = agent(30.0, limit=3.0)
    with pytest.raises(AgentTimeout):
        talk(found, None)
