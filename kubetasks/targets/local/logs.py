"""Reading the logs that supervisord writes: one file a program, across its restarts."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks.targets.local import entry, files

FOLLOW_EVERY: Final = 0.2  # seconds


def path_of(folder: Path, program: str) -> Path:
    """Where a program's log is."""
    return folder / "logs" / f"{program}.log"


def last_run(folder: Path, program: str, *, previous: bool = False) -> list[str]:
    """The lines of a program's current run, or of its last one where it does not run.

    Args:
        folder: the state folder.
        program: its name.
        previous: the last run that ended: the one before, where it runs.
    """
    run = folder / "run"
    offsets = (files.read_json(run / f"{program}.state") or {}).get("offsets") or [0]
    begin, end = offsets[-1], None
    if previous and entry.is_held(str(run / f"{program}.lock")):
        begin, end = (offsets[0], offsets[1]) if len(offsets) > 1 else (0, 0)
    with contextlib.suppress(FileNotFoundError):
        data = path_of(folder, program).read_bytes()
        part = data[begin:end] if begin <= len(data) else data  # it was rotated since
        return part.decode(errors="replace").splitlines()
    return []


@dataclass
class Tail:
    """Reads what is appended to a log file, also after it was rotated; the first time its last lines.

    Args:
        path: the file.
        prefix: put before each line.
        first: how many lines the first time.
    """

    path: Path
    prefix: str = ""
    first: int = 10
    _position: int = -1
    _rest: bytes = b""

    def fresh(self) -> list[str]:
        """The whole lines that came since the last call."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return []
        begun, start = self._position >= 0, (0 if size < self._position else max(0, self._position))
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = self._rest + stream.read()
            self._position = stream.tell()
        *lines, self._rest = data.split(b"\n")
        chosen = lines if begun else lines[-self.first :]
        return [self.prefix + line.decode(errors="replace") for line in chosen]
