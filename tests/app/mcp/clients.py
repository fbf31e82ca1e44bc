"""Clients of /mcp."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from app.backend.records import ToolCall
from app.backend.settings import Settings
from tests.app.conftest import SECRET

MODES = ("auto", "legacy")
"""Of the SDK's client: the protocol of 2026-07-28, and the ones before with their handshake."""


JSON = {"Accept": "application/json, text/event-stream"}


LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def settings(url: str) -> Settings:
    """The backend's settings, without rate limits."""
    return Settings(database_url=url, jwt_secret=SECRET, rate_limit=None, login_rate_limit=None)


def session(server: str) -> dict[str, Any]:
    """A new guest's session."""
    answer = httpx2.post(f"{server}/api/session", timeout=60)
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
        httpx2.AsyncClient(headers=bearer(token), transport=transport, timeout=60) as http,
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
