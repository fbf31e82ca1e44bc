"""What was sent to a model, byte for byte, in a file that only its owner can read, outside the checkout."""

import contextlib
import datetime as dt
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kubetasks import state
from kubetasks.errors import of_os_error

FOLDER: Final = "aiops"
KEPT: Final = 50  # files; older ones are removed


@dataclass
class Audit:
    """The file of one command, created with the first request.

    Args:
        root: the project's root; the file is in the folder for its state.
    """

    root: Path
    path: Path | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, to: str, method: str, body: str) -> None:
        """Add a request; it is on the disk before it is sent.

        Args:
            to: the URL.
            method: the HTTP method.
            body: exactly what is sent; empty for a request without a body.

        Raises:
            StateUnavailable: there is no folder for it.
            DiskFull: no space is left.
        """
        entry = {"time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"), "to": to, "method": method}
        line = json.dumps({**entry, "bytes": len(body.encode()), "body": body}) + "\n"
        with self._lock:
            try:
                if self.path is None:
                    self.path = self._create()
                with self.path.open("a", encoding="utf-8") as stream:
                    stream.write(line)
            except OSError as error:
                raise of_os_error(error) from None

    def _create(self) -> Path:
        folder = state.claim(self.root) / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in sorted(folder.glob("*.jsonl"))[: -KEPT + 1]:
            with contextlib.suppress(OSError):
                old.unlink()
        now = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%f")
        path = folder / f"{now}-{os.getpid()}.jsonl"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def entries(self) -> list[dict[str, Any]]:
        """The requests: ``time``, ``to``, ``method``, ``bytes``, ``body``."""
        if self.path is None:
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def shown(self) -> Iterator[str]:
        """The requests as lines for people: where each went, and its body as indented JSON."""
        for entry in self.entries():
            yield f"{entry['method']} {entry['to']} ({entry['bytes']} bytes)"
            if entry["body"]:
                for line in json.dumps(json.loads(entry["body"]), indent=2, ensure_ascii=False).splitlines():
                    yield f"    {line}"
