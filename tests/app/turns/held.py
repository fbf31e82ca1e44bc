"""A server whose turns stop before one of their calls until a line is written to it.

`python -m tests.app.turns.held URL ASSISTANT AT SHUTDOWN_SECONDS` prints its port, and `reached` whenever a turn stops;
a line on its input lets all of them go on.
"""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]


@dataclass
class Held:
    """The server."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def reached(self) -> None:
        """Wait until a turn stops."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "reached\n"

    def let_go(self) -> None:
        """Let every turn go on."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def terminate(self) -> None:
        """Tell the server to end."""
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def held(database_url: str, assistant: str, at: int, seconds: float = 10) -> Iterator[Held]:
    """Run a server."""
    argv = [sys.executable, "-m", "tests.app.turns.held", database_url, assistant, str(at), str(seconds)]
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield Held(process, client)
        finally:
            process.kill()


def _main(database_url: str, name: str, at: str, seconds: str) -> None:
    import uvicorn  # noqa: PLC0415 - not for those who import this module

    from app.backend.application import create_app  # noqa: PLC0415
    from tests.app.conftest import unlimited  # noqa: PLC0415
    from tests.app.servers import listening  # noqa: PLC0415
    from tests.app.turns.scripted import Deciding, Gate, Scripted  # noqa: PLC0415

    loops: list[asyncio.AbstractEventLoop] = []

    class Stop(Gate):
        async def __call__(self, number: int) -> None:
            if number == self.at:
                loops[:] = [asyncio.get_running_loop()]
                print("reached", flush=True)  # noqa: T201
            await super().__call__(number)

    gate = Stop(int(at))

    def read() -> None:
        for _line in sys.stdin:
            loops[0].call_soon_threadsafe(gate.open.set)

    threading.Thread(target=read, daemon=True).start()
    assistant = Scripted(gate) if name == "rules" else Deciding(gate)
    app = create_app(unlimited(database_url, shutdown_seconds=float(seconds)), assistant)
    made = listening()
    print(made.getsockname()[1], flush=True)  # noqa: T201
    uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=10)).run(sockets=[made])


if __name__ == "__main__":
    _main(*sys.argv[1:])
