"""The backend in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.app.conftest import SECRET
from tests.app.servers import address, listening


@contextmanager
def process(url: str, **variables: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Start a server on a socket that listens before it does; give its URL, and what kills it at once."""
    made = listening()
    environment = {
        "DATABASE_URL": url,
        "JWT_SECRET": SECRET,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
        **variables,
    }
    command = [sys.executable, "-m", "app.backend", "--fd", str(made.fileno())]
    with subprocess.Popen(command, env=environment, pass_fds=[made.fileno()], stdout=subprocess.PIPE) as server:
        try:
            yield address(made), server.kill
        finally:
            server.terminate()
            server.communicate(timeout=30)
            made.close()
    assert server.returncode in {0, -signal.SIGTERM, -signal.SIGKILL}
