"""Keeps what checks print off the terminal, and puts what they raise into a line."""

import contextlib
import io
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import Final, TextIO

# The prefix of our threads' names, which may show the commands that they run (--echo).
OURS: Final = "kubetasks: "


class _Guarded(io.TextIOBase):
    """Passes on what one thread and our own threads write, and drops what every other one does."""

    def __init__(self, stream: TextIO, owner: int) -> None:
        self._stream = stream
        self._owner = owner

    def _passes(self) -> bool:
        return threading.get_ident() == self._owner or threading.current_thread().name.startswith(OURS)

    def write(self, text: str) -> int:
        return self._stream.write(text) if self._passes() else len(text)

    def flush(self) -> None:
        if self._passes():
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what threads that are not ours print while the block lasts, and give all of them nothing to read.

    Standard output may belong to one JSON document, and a check that waits for a person would wait forever.
    """
    before, stdin = (sys.stdout, sys.stderr), sys.stdin
    others = {*threading.enumerate()}
    owner = threading.get_ident()
    sys.stdout, sys.stderr = _guarded(sys.stdout, owner), _guarded(sys.stderr, owner)
    sys.stdin = io.StringIO()
    try:
        yield
    finally:
        sys.stdin = stdin
        left = {*threading.enumerate()} - others
        # A check that hangs may print later, into the document.
        if all(thread.name.startswith(OURS) for thread in left):
            sys.stdout, sys.stderr = before


def _guarded(stream: TextIO, owner: int) -> TextIO | _Guarded:
    return stream if isinstance(stream, _Guarded) else _Guarded(stream, owner)


def failure_of(error: BaseException) -> str:
    """An exception in a line: ``ValueError: no such user (checks.py, line 12)``."""
    said = " ".join(str(error).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return what
    last = frames[-1]
    return f"{what} ({last.filename.replace(chr(92), '/').rpartition('/')[2]}, line {last.lineno})"
