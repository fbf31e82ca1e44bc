"""/mcp over real HTTP, with the SDK's own client."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from app.backend.application import create_app
from app.backend.records import ToolCall
from app.backend.settings import Settings
from tests.app.conftest import SECRET
from tests.app.model.processes import process
from tests.app.servers import running

MODES = ("auto", "legacy")
"""Of the SDK's client: the protocol of 2026-07-28, and the ones before with their handshake."""
JSON = {"Accept": "application/json, text/event-stream"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def settings(url: str) -> Settings:
    """The backend's settings, without rate limits."""
    return Settings(database_url=url, jwt_secret=SECRET, rate_limit=None, login_rate_limit=None)


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[str]:
    """A server."""
    with running(create_app(settings(url))) as made:
        yield made


def session(server: str) -> dict[str, Any]:
    """A new guest's session."""
    answer = httpx2.post(f"{server}/api/session")
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def connected(
    server: str, token: str, *, mode: Any = "auto", transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncIterator[Client]:
    """A client of a server."""
    async with (
        httpx2.AsyncClient(headers=bearer(token), transport=transport) as http,
        Client(streamable_http_client(f"{server}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def used(client: Client, tool: str, **arguments: Any) -> ToolCall:
    """Call a tool and return its result, which is what the schema says."""
    result = await client.call_tool(tool, arguments)
    call = ToolCall.model_validate(result.structured_content)
    assert (result.is_error, result.content[0].text) == (not call.result.ok, call.result.summary)  # type: ignore[union-attr]
    return call


def as_user(server: str, what: Callable[[Client], Awaitable[None]], **options: Any) -> None:
    """Do something as a new user."""

    async def connect() -> None:
        async with connected(server, session(server)["token"], **options) as client:
            await what(client)

    asyncio.run(connect())


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_are_listed_with_their_schemas(server: str, mode: str) -> None:
    async def look(client: Client) -> None:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert [*listed] == ["add_task", "list_tasks", "complete_task", "delete_task", "update_task", "undo"]
        for tool in listed.values():
            assert tool.description
            assert tool.input_schema["additionalProperties"] is False
            assert not {"user", "user_id"} & set(tool.input_schema["properties"])
            assert tool.output_schema is not None
            assert {"id", "tool", "arguments", "result", "undoable"} <= set(tool.output_schema["properties"])
        assert listed["add_task"].input_schema["required"] == ["title"]
        assert listed["list_tasks"].annotations is not None
        assert listed["list_tasks"].annotations.read_only_hint

    as_user(server, look, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_each_tool_does_what_it_says(server: str, mode: str) -> None:
    async def work(client: Client) -> None:
        added = await used(client, "add_task", title="buy milk", due="2026-11-27", priority="high")
        [task] = added.result.tasks
        assert (task.id, task.title, task.due, task.priority) == (1, "buy milk", "2026-11-27", "high")
        assert added.undoable
        changed = await used(client, "update_task", task_id=1, title="buy oat milk", clear_due=True)
        assert (changed.result.tasks[0].title, changed.result.tasks[0].due) == ("buy oat milk", None)
        await used(client, "complete_task", task_id=1)
        done = await used(client, "list_tasks", status="completed", text="OAT")
        assert [task.completed for task in done.result.tasks] == [True]
        await used(client, "delete_task", task_id=1)
        assert (await used(client, "list_tasks", status="all")).result.tasks == []
        back = await used(client, "undo")
        assert [(task.id, task.title) for task in back.result.tasks] == [(1, "buy oat milk")]

    as_user(server, work, mode=mode)


def test_what_cannot_be_done_is_an_error_result(server: str) -> None:
    async def fail(client: Client) -> None:
        assert "99" in (await used(client, "delete_task", task_id=99)).result.summary
        assert not (await used(client, "undo")).result.ok
        assert not (await used(client, "add_task")).result.ok
        assert not (await used(client, "add_task", title="x", due="soon")).result.ok
        assert not (await used(client, "add_task", title="\0")).result.ok
        with pytest.raises(MCPError, match="There is no such tool"):
            await client.call_tool("drop_database", {})
        assert (await used(client, "list_tasks", status="all")).result.tasks == []

    as_user(server, fail)


def test_nobody_sees_or_touches_what_is_somebody_elses(server: str) -> None:
    one, other = session(server), session(server)

    async def try_it() -> None:
        async with connected(server, one["token"]) as mine, connected(server, other["token"]) as theirs:
            added = await used(mine, "add_task", title="secret")
            assert (await used(theirs, "list_tasks", status="all")).result.tasks == []
            for tool in ("complete_task", "delete_task"):
                assert not (await used(theirs, tool, task_id=1)).result.ok
            assert not (await used(theirs, "update_task", task_id=1, title="taken")).result.ok
            assert not (await used(theirs, "undo", tool_call_id=added.id)).result.ok
            for argument in ("user_id", "user", "sub"):
                refused = await used(theirs, "list_tasks", **{argument: one["user_id"]})
                assert (refused.result.ok, refused.result.tasks) == (False, [])
            [task] = (await used(mine, "list_tasks")).result.tasks
            assert (task.title, task.completed) == ("secret", False)

    asyncio.run(try_it())


def test_what_was_done_here_is_seen_and_undone_there(server: str) -> None:
    own = session(server)

    async def add() -> ToolCall:
        async with connected(server, own["token"]) as client:
            return await used(client, "add_task", title="buy milk")

    added = asyncio.run(add())
    path = f"{server}/api/{own['user_id']}"
    headers = bearer(own["token"])
    listed = httpx2.get(f"{path}/tasks", headers=headers).json()
    assert [task["title"] for task in listed["items"]] == ["buy milk"]
    undone = httpx2.post(f"{path}/undo", headers=headers, json={"tool_call_id": added.id})
    assert undone.json()["result"]["ok"] is True
    assert httpx2.get(f"{path}/tasks", headers=headers).json()["total"] == 0


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic dTpw", "refresh"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_an_access_token_there_is_nothing(server: str, authorization: str | None, method: str) -> None:
    if authorization == "refresh":
        authorization = f"Bearer {session(server)['refresh_token']}"
    headers = {**JSON, **({"Authorization": authorization} if authorization else {})}
    answer = httpx2.request(method, f"{server}/mcp", json=LIST if method == "POST" else None, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_user_who_is_gone_is_told_so(server: str) -> None:
    own = session(server)
    assert httpx2.delete(f"{server}/api/{own['user_id']}", headers=bearer(own["token"])).status_code == 204
    call = {**LIST, "method": "tools/call", "params": {"name": "add_task", "arguments": {"title": "x"}}}
    answer = httpx2.post(f"{server}/mcp", json=call, headers={**JSON, **bearer(own["token"])})
    assert answer.status_code in {200, 401}
    if answer.status_code == 200:
        assert answer.json()["result"]["isError"] is True


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_stream_that_keeps_a_server_from_stopping(server: str, method: str) -> None:
    answer = httpx2.request(method, f"{server}/mcp", headers={**JSON, **bearer(session(server)["token"])})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"jsonrpc": "2.0"}', b"[" * 5000])
def test_what_is_no_message_is_refused(server: str, content: bytes) -> None:
    headers = {**JSON, **bearer(session(server)["token"]), "Content-Type": "application/json"}
    assert httpx2.post(f"{server}/mcp", content=content, headers=headers).status_code == 400


def test_a_body_that_is_too_large_is_refused(server: str) -> None:
    headers = {**JSON, **bearer(session(server)["token"])}
    assert (
        httpx2.post(f"{server}/mcp", json={**LIST, "params": {"x": "y" * 65_536}}, headers=headers).status_code == 413
    )


def test_it_counts_for_the_rate_limit(url: str) -> None:
    with running(create_app(replace(settings(url), rate_limit="3/minute"))) as server:
        headers = {**JSON, **bearer(session(server)["token"])}
        answers = [httpx2.post(f"{server}/mcp", json=LIST, headers=headers) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("host", ["todo-backend", "todo-backend:8000", "todo-backend.todo.svc.cluster.local"])
def test_any_host_is_answered_or_those_that_are_allowed(url: str, server: str, host: str) -> None:
    headers = {**JSON, **bearer(session(server)["token"]), "Host": host}
    assert httpx2.post(f"{server}/mcp", json=LIST, headers=headers).status_code == 200
    with running(create_app(replace(settings(url), mcp_allowed_hosts=("todo-backend",)))) as strict:
        answer = httpx2.post(f"{strict}/mcp", json=LIST, headers=headers)
    assert answer.status_code == (421 if "svc" in host else 200)


def test_many_at_once_from_the_first_request_on(url: str) -> None:
    with running(create_app(settings(url))) as server:
        own = session(server)
        call = {**LIST, "method": "tools/call", "params": {"name": "add_task", "arguments": {"title": "x"}}}

        async def all_at_once() -> list[httpx2.Response]:
            async with httpx2.AsyncClient(headers={**JSON, **bearer(own["token"])}, timeout=60) as http:
                return await asyncio.gather(*[http.post(f"{server}/mcp", json=call) for _ in range(20)])

        answers = asyncio.run(all_at_once())
    made = [answer.json()["result"]["structuredContent"]["result"]["tasks"][0]["id"] for answer in answers]
    assert sorted(made) == [*range(1, 21)]


class Alternating(httpx2.AsyncBaseTransport):
    """Sends each request to the next of some servers, as a Service does."""

    def __init__(self, servers: list[str]) -> None:
        self.servers = servers
        self.sent = 0
        self._transport = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        port = httpx2.URL(self.servers[self.sent % len(self.servers)]).port
        self.sent += 1
        request.url = request.url.copy_with(host="127.0.0.1", port=port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@pytest.mark.parametrize("mode", MODES)
def test_each_request_may_go_to_another_process(url: str, mode: str) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(process(url))[0] for _ in range(2)]
        own = httpx2.post(f"{servers[0]}/api/session", timeout=30).json()
        transport = Alternating(servers)

        async def work() -> None:
            async with connected("http://todo-backend:8000", own["token"], mode=mode, transport=transport) as client:
                assert len((await client.list_tools()).tools) == 6
                for number in range(1, 7):
                    assert (await used(client, "add_task", title=f"task {number}")).result.tasks[0].id == number
                assert len((await used(client, "list_tasks")).result.tasks) == 6

        asyncio.run(work())
    assert transport.sent >= 8


def test_a_database_that_is_away_is_told(url: str, server: str) -> None:
    token = session(server)["token"]
    away = "postgresql://nobody@127.0.0.1:1/none" if url.startswith("postgres") else "sqlite:////nowhere/at/all.db"
    call = {**LIST, "method": "tools/call", "params": {"name": "list_tasks", "arguments": {}}}
    with running(create_app(settings(away))) as lonely:
        answer = httpx2.post(f"{lonely}/mcp", json=call, headers={**JSON, **bearer(token)}, timeout=30)
    if answer.status_code == 200:
        assert json.loads(answer.text)["result"]["isError"] is True
        assert "database" in answer.text
    else:
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
