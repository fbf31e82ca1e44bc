"""/mcp, as an ASGI application: says whose request it is, and imports the SDK at the first one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.backend.database.base import Database

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class Endpoint:
    """Answers MCP requests. `close` it when the server stops."""

    def __init__(
        self, database: Database, user_of: Callable[[Request], Awaitable[str]], hosts: Sequence[str] = ()
    ) -> None:
        """Make the endpoint.

        Args:
            database: where the tasks are.
            user_of: returns whose request it is; raises where it is no one's, or one too many.
            hosts: what a request's Host may be; any where there is none.
        """
        self._database, self._user_of, self._hosts = database, user_of, hosts
        self._starting = asyncio.Lock()
        self._manager: StreamableHTTPSessionManager | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        user_id = await self._user_of(request)
        if request.method != "POST":  # a GET would wait for messages that a server without sessions never sends
            refusal = JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": "POST"})
            await refusal(scope, receive, send)
            return
        manager = self._manager or await self._start()
        await manager.handle_request({**scope, "todo.user_id": user_id}, receive, send)

    async def close(self) -> None:
        """End what is still being answered."""
        self._stop.set()
        if self._task:
            await self._task

    async def _start(self) -> "StreamableHTTPSessionManager":
        async with self._starting:
            if self._manager is None:
                manager = await asyncio.to_thread(_import, self._database, self._hosts)
                running: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._task = asyncio.create_task(self._run(manager, running))
                await running
                self._manager = manager
            return self._manager

    async def _run(self, manager: "StreamableHTTPSessionManager", running: asyncio.Future[None]) -> None:
        """Keep the manager's task group, which has to begin and end in one task."""
        async with manager.run():
            running.set_result(None)
            await self._stop.wait()


def _import(database: Database, hosts: Sequence[str]) -> "StreamableHTTPSessionManager":
    from app.backend.mcp_server.server import session_manager  # noqa: PLC0415 - the SDK comes with it

    return session_manager(database, hosts)
