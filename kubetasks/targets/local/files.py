"""Private files: written whole or not at all, readable by their owner alone, changed by one process at a time."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubetasks.errors import of_os_error

LOCK = ".lock"
DATA = "data"  # the folder for what processes keep, in the state folder


@contextlib.contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Tell in one line that the system refuses a file: a full or read-only disk, somebody else's folder."""
    try:
        yield
    except (FileExistsError, FileNotFoundError):  # another process was here meanwhile
        raise
    except OSError as error:
        error.filename = error.filename or str(path)
        raise of_os_error(error) from None


def make_private(folder: Path) -> None:
    """Make a folder, with its parents, that only its owner can open."""
    if not folder.is_dir():
        make_private(folder.parent)  # mkdir's own `parents` gives them the default mode
        with _refused(folder):
            folder.mkdir(mode=0o700, exist_ok=True)


def write(path: Path, text: str) -> None:
    """Write a file with mode 0600 in one step: a reader sees the old or the new text, never half of it."""
    make_private(path.parent)
    with _refused(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    try:
        with _refused(path):
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document as ``write`` does."""
    write(path, json.dumps(value, indent=1, sort_keys=True))


def create_json(path: Path, value: Any) -> bool:
    """Write a JSON document only where there is none; False when there is. Atomic, also between processes."""
    make_private(path.parent)
    with _refused(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with _refused(path), os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1, sort_keys=True)
        os.link(name, path)  # fails where the name is taken, unlike a rename
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    return True


def read_json(path: Path) -> Any:
    """The document in a file; None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:  # not ours, or the disk was full: as good as not there
        return None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for changes; others wait. The folder may be deleted meanwhile: then the wait starts anew."""
    import fcntl  # noqa: PLC0415  (not on Windows, where this module must still be importable)

    path = folder / LOCK
    while True:
        make_private(folder)
        with _refused(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                same = os.fstat(handle).st_ino == path.stat().st_ino
            except FileNotFoundError:
                same = False
            if same:
                yield
                return
        finally:
            os.close(handle)
