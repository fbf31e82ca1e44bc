"""The ways to Services, each opened once."""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from kubetasks.errors import KubetasksError
from kubetasks.targets.base import Target

Door = tuple[str, int]


class Doors:
    """Base URLs of Services' ports, opened at most once and closed together.

    On a cluster each costs a `kubectl port-forward`: a tenth of a second and a process.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._found: dict[Door, str | KubetasksError] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, doors: Iterable[Door]) -> None:
        """Open several side by side; one that does not open is told when it is asked for."""
        threads = [threading.Thread(target=self._open, args=(door,), daemon=True) for door in dict.fromkeys(doors)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _open(self, door: Door) -> None:
        with self._lock:
            if door in self._found:
                return
        found: str | KubetasksError
        try:
            way = self.target.endpoint(*door)
            found = way.__enter__()
        except KubetasksError as error:
            found = error
        else:
            with self._lock:
                self._stack.push(way)
        with self._lock:
            self._found[door] = found

    def url(self, service: str, port: int) -> str:
        """The base URL of a Service's port.

        Raises:
            KubetasksError: it could not be opened.
        """
        door = (service, port)
        if door not in self._found:
            self._open(door)
        found = self._found[door]
        if isinstance(found, KubetasksError):
            raise found
        return found
