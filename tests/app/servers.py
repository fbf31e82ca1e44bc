"""Real servers in threads, on sockets that listen before they start: nothing has to be waited for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


def listening() -> socket.socket:
    """Return a socket that listens on a free port of the loopback interface."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(64)
    return made


def address(made: socket.socket) -> str:
    """Return a socket's URL."""
    return f"http://127.0.0.1:{made.getsockname()[1]}"


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an application; give its URL."""
    made = listening()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]})
    thread.start()
    try:
        yield address(made)
    finally:
        server.should_exit = True
        thread.join(20)
        made.close()
        assert not thread.is_alive()


@contextmanager
def nobody_at() -> Iterator[str]:
    """Give a URL at which connections are refused: the port is taken, and nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
