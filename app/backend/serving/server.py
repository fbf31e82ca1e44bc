"""The server. It drops no request when it has to stop.

uvicorn closes the listening socket and every idle connection at once when SIGTERM arrives. A client that sends a
request on a kept connection in that moment gets a reset, and so does one whose new connection a load balancer still
sends here. This server first drains for a while: it accepts connections, answers every request, and says
`Connection: close` with each answer. Only then does it close.
"""

import argparse
import contextlib
import ipaddress
import signal
import time
from types import FrameType
from typing import Any

import uvicorn

from app.backend.serving.connection import IDLE_SECONDS, Limited, State


class Server(uvicorn.Server):
    """A server that drains before it shuts down."""

    server_state: State

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        """Drain for so many seconds after SIGTERM; a second signal ends that."""
        super().__init__(config)
        self.server_state = State()
        self._drain_seconds = drain_seconds
        self._until: float | None = None
        self._signal: tuple[int, FrameType | None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at SIGTERM; end immediately for SIGINT, or for any second signal."""
        if sig == signal.SIGTERM and self._until is None and self._drain_seconds > 0 and self.started:
            self._signal = sig, frame
            self._until = time.monotonic() + self._drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        """Say with every answer from now on that the connection closes."""
        self.server_state.draining = True
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Drain where it is time to, ten times a second."""
        if self._until is not None and not self.server_state.draining:
            self.server_state.draining = True
            for connection in list(self.server_state.connections):
                if isinstance(connection, Limited):
                    connection.drain()
        if self._until is not None and self._signal and time.monotonic() >= self._until:
            number, frame = self._signal
            self._signal = None
            super().handle_exit(number, frame)
        return await super().on_tick(counter)


def drains(host: str, seconds: float) -> float:
    """Return how long to drain: not at all at a loopback address, where no load balancer sends connections."""
    with contextlib.suppress(ValueError):
        return 0.0 if ipaddress.ip_address(host).is_loopback else seconds
    return 0.0 if host == "localhost" else seconds


def run(app: Any, *, host: str, port: int, drain_seconds: float, shutdown_seconds: float, access_log: bool) -> None:
    """Serve an application until a signal ends that. The command line may name a listening socket: `--fd NUMBER`.

    Args:
        app: the ASGI application.
        host: the address to listen at.
        port: the port to listen at.
        drain_seconds: how long to continue after SIGTERM.
        shutdown_seconds: how long the application may take after that; the server waits a little longer.
        access_log: whether uvicorn writes a line for each request.
    """
    options = argparse.ArgumentParser(description="Serve; see docs/app.md for the variables.")
    options.add_argument("--fd", type=int, help="a socket that listens, instead of HOST and PORT")
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        fd=options.parse_args().fd,
        http=Limited,
        ws="none",
        log_config=None,
        access_log=access_log,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=int(shutdown_seconds) + 2,
    )
    Server(config, drain_seconds).run()
