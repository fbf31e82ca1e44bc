"""Server processes that can be killed and replaced within milliseconds.

`python -m tests.app.turns.nursery URL ASSISTANT` imports everything once, listens, prints its port, and then forks a
server for every line it reads, printing its process id. All of them accept from the same socket: a client that connects
while none is there waits for the next one.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass
class Nursery:
    """Makes servers."""

    process: subprocess.Popen[str]
    url: str

    def server(self) -> int:
        """Start a server; return its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the nursery has ended"
        return line


@contextmanager
def nursery(database_url: str, assistant: str) -> Iterator[Nursery]:
    """Run a nursery; its servers end with it."""
    argv = [sys.executable, "-m", "tests.app.turns.nursery", database_url, assistant]
    # Input and output are pipes of ours alone: its end is the end of our input.
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            assert port, "the nursery did not start"
            yield Nursery(process, f"http://127.0.0.1:{int(port)}")
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def _serve(app: Any, listening: socket.socket) -> None:
    """Serve, in a process of its own, as the image does."""
    import uvicorn  # noqa: PLC0415 - not for those who import this module

    gc.freeze()  # what is inherited is not looked through, nor copied for it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_keep_alive=30)).run(sockets=[listening])


def _main(database_url: str, assistant: str) -> None:
    """Fork servers as long as there are lines to read."""
    # What a server would import when it starts.
    import uvicorn.lifespan.on  # noqa: PLC0415
    import uvicorn.loops.uvloop  # noqa: PLC0415
    import uvicorn.protocols.http.httptools_impl  # noqa: F401, PLC0415

    from app.backend.application import create_app  # noqa: PLC0415
    from tests.app.conftest import unlimited  # noqa: PLC0415
    from tests.app.turns.scripted import Scripted  # noqa: PLC0415

    app = create_app(unlimited(database_url), Scripted() if assistant == "scripted" else None)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    print(listening.getsockname()[1], flush=True)  # noqa: T201
    children: list[int] = []
    for _line in sys.stdin:
        assert threading.active_count() == 1  # what a fork would not take along
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(0)
                _serve(app, listening)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
        print(child, flush=True)  # noqa: T201
        while children and os.waitpid(children[0], os.WNOHANG)[0]:
            children.pop(0)
    for child in children:
        os.kill(child, signal.SIGKILL)  # not reaped yet: the number is still its own
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main(*sys.argv[1:])
