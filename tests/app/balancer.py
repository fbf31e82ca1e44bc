"""What a Service does: each new connection goes to one of the endpoints, for as long as it lasts.

Like kube-proxy, it learns late that an endpoint is going away, and never touches a connection that is open.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.app.servers import listening


class Balancer:
    """A Service in front of ports of this machine; its own is `port`."""

    def __init__(self) -> None:
        self._socket = listening()
        self.port: int = self._socket.getsockname()[1]
        self.endpoints: list[int] = []
        self._turn = itertools.count()
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator["Balancer"]:
        """Pass connections on, in a thread."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, sock=self._socket)

    async def _close(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self.endpoints[next(self._turn) % len(self.endpoints)]
        try:
            to = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, to[1]), _copy(to[0], writer), return_exceptions=True)
        for each in (writer, to[1]):
            each.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.transport.abort()
