"""One way to the API server for many small questions: ``kubectl proxy`` on a socket that only this user can open.

A log is a request of some milliseconds here, and a process of a tenth of a second as ``kubectl logs``. Of a pod that
answers with an error it gives the body, which ``kubectl get --raw`` keeps to itself.
"""

import contextlib
import http.client
import shutil
import socket
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from kubetasks.errors import KubetasksError
from kubetasks.targets.kubectl_store import KubectlStore

STARTS: Final = 5.0
ANSWERS: Final = 8.0
LARGEST: Final = 2**23


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass
class Proxy:
    """The proxy, started when it is first asked. Close it with ``with``."""

    store: KubectlStore
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _socket: str | None = None

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the proxy and remove its socket."""
        self._stack.close()

    def get(self, path: str, timeout: float = ANSWERS) -> tuple[int, str] | None:
        """Status and body of a GET; None if there is no way to the API server but kubectl itself.

        Args:
            path: the API's path with its query.
            timeout: seconds.
        """
        with self._lock:
            if self._socket is None:
                self._socket = self._start()
        if not self._socket:
            return None
        connection = _Connection(self._socket, timeout)
        try:
            connection.request("GET", path, headers={"Accept": "*/*"})
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST).decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def _start(self) -> str:
        """Start the proxy; the socket's path, or nothing where it does not come up (no Unix sockets, no rights)."""
        if not hasattr(socket, "AF_UNIX"):
            return ""
        folder = tempfile.mkdtemp(prefix="kubetasks-")  # only its owner may enter it
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder) / "api"
        argv = self.store.kubectl.proxy(str(path))
        try:
            process = self._stack.enter_context(self.store.runner.spawn(argv, env=self.store.cluster.env))
        except KubetasksError:
            return ""
        deadline = time.monotonic() + STARTS
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                return ""
            time.sleep(0.01)
        return str(path)
