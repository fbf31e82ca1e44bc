"""/mcp as an HTTP endpoint: who is let in, what is refused, any number of servers."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx2
import pytest
from mcp import Client

from app.backend.application import create_app
from tests.app.mcp.clients import JSON, LIST, MODES, as_user, bearer, connected, session, settings, used
from tests.app.model.processes import process
from tests.app.servers import running


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer nonsense", "Basic dTpw", "refresh"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_without_an_access_token_there_is_nothing(server: str, authorization: str | None, method: str) -> None:
    if authorization == "refresh":
        authorization = f"Bearer {session(server)['refresh_token']}"
    headers = {**JSON, **({"Authorization": authorization} if authorization else {})}
    answer = httpx2.request(
        method, f"{server}/mcp", json=LIST if method == "POST" else None, headers=headers, timeout=60
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_user_who_is_gone_is_told_so(server: str) -> None:
    own = session(server)
    assert httpx2.delete(f"{server}/api/{own['user_id']}", headers=bearer(own["token"]), timeout=60).status_code == 204
    call = {**LIST, "method": "tools/call", "params": {"name": "add_task", "arguments": {"title": "x"}}}
    answer = httpx2.post(f"{server}/mcp", json=call, headers={**JSON, **bearer(own["token"])}, timeout=60)
    assert answer.status_code in {200, 401}
    if answer.status_code == 200:
        assert answer.json()["result"]["isError"] is True


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_no_stream_that_keeps_a_server_from_stopping(server: str, method: str) -> None:
    answer = httpx2.request(method, f"{server}/mcp", headers={**JSON, **bearer(session(server)["token"])}, timeout=60)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"jsonrpc": "2.0"}', b"[" * 5000])
def test_what_is_no_message_is_refused(server: str, content: bytes) -> None:
    headers = {**JSON, **bearer(session(server)["token"]), "Content-Type": "application/json"}
    assert httpx2.post(f"{server}/mcp", content=content, headers=headers, timeout=60).status_code == 400


def test_a_body_that_is_too_large_is_refused(server: str) -> None:
    headers = {**JSON, **bearer(session(server)["token"])}
    assert (
        httpx2.post(
            f"{server}/mcp", json={**LIST, "params": {"x": "y" * 65_536}}, headers=headers, timeout=60
        ).status_code
        == 413
    )


def test_it_counts_for_the_rate_limit(url: str) -> None:
    with running(create_app(replace(settings(url), rate_limit="3/minute"))) as server:
        headers = {**JSON, **bearer(session(server)["token"])}
        answers = [httpx2.post(f"{server}/mcp", json=LIST, headers=headers, timeout=60) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("host", ["todo-backend", "todo-backend:8000", "todo-backend.todo.svc.cluster.local"])
def test_any_host_is_answered_or_those_that_are_allowed(url: str, server: str, host: str) -> None:
    headers = {**JSON, **bearer(session(server)["token"]), "Host": host}
    assert httpx2.post(f"{server}/mcp", json=LIST, headers=headers, timeout=60).status_code == 200
    with running(create_app(replace(settings(url), mcp_allowed_hosts=("todo-backend",)))) as strict:
        answer = httpx2.post(f"{strict}/mcp", json=LIST, headers=headers, timeout=60)
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


def test_it_is_quiet_unless_something_is_wrong(server: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mcp.server")

    async def work(client: Client) -> None:
        await used(client, "add_task", title="my secret")

    as_user(server, work)
    assert [record.message for record in caplog.records if record.name.startswith("mcp.server")] == []
    assert "my secret" not in caplog.text


def test_a_body_of_no_declared_length_is_limited_too(server: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 8192

    headers = {**JSON, **bearer(session(server)["token"]), "Content-Type": "application/json"}
    try:
        answer = httpx2.post(f"{server}/mcp", content=pieces(), headers=headers, timeout=60)
    except httpx2.WriteError:  # it has hung up, which is as good
        return
    assert answer.status_code == 413
