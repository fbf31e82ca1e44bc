"""The ways to Services, each opened once."""

import threading
from contextlib import ExitStack
from typing import Self

from kubetasks.errors import KubetasksError
from kubetasks.targets.base import Target

Door = tuple[str, int]


class Doors:
    """Base URLs of Services' ports, opened at most once and closed together; any thread may ask.

    On a cluster each costs a `kubectl port-forward`: a tenth of a second and a process.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._opening: dict[Door, threading.Lock] = {}
        self._found: dict[Door, str | KubetasksError] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
        self._stack.close()

    def _open(self, door: Door) -> str | KubetasksError:
        try:
            way = self.target.endpoint(*door)
            found = way.__enter__()
        except KubetasksError as error:
            return error
        with self._lock:
            if not self._closed:
                self._stack.push(way)
                return found
        way.__exit__(None, None, None)  # no one is left to close it
        return KubetasksError("verify has ended")

    def url(self, service: str, port: int) -> str:
        """The base URL of a Service's port.

        Raises:
            KubetasksError: it could not be opened.
        """
        door = (service, port)
        with self._lock:
            opening = self._opening.setdefault(door, threading.Lock())
        with opening:
            if door not in self._found:
                self._found[door] = self._open(door)
        found = self._found[door]
        if isinstance(found, KubetasksError):
            raise found
        return found
