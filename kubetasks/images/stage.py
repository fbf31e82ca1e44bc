"""The copy of a context that the builder gets.

The builder reads this copy instead of the checkout:

- What it gets is what the tag was computed from, even when a file is saved meanwhile; the copy is hashed as it is made.
- BuildKit takes a file as unchanged when its size and time are those of the last build. In the copy a file's time has
  nanoseconds made from its content, so that another content of the same size and time is sent.
- Modes are git's, and nothing that is withheld exists.

The copy is at the same path for every build, because BuildKit keeps what it received by path and is sent only what
changed; it is deleted afterwards.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from kubetasks.errors import SourceChanged, of_os_error
from kubetasks.images.context import FOLDER, LINK, MODES, Item
from kubetasks.images.digest import Recipe, digest, target

_PIECE: Final = 1 << 20
_SECOND: Final = 10**9


@dataclass(frozen=True)
class Staged:
    """A context as it was written: both paths for the builder."""

    context: Path
    dockerfile: Path


@contextlib.contextmanager
def staged(recipe: Recipe, tag: str, folder: Path) -> Iterator[Staged]:
    """Write a context while the block lasts.

    Args:
        recipe: what goes into the image.
        tag: the digest that it is to have.
        folder: the folder for it; another one where a second build uses this one now.

    Raises:
        SourceChanged: what was written has another digest.
    """
    with _held(folder) as own:
        place = Staged(own / "context", own / "Dockerfile")
        place.context.mkdir(mode=0o755)
        place.context.chmod(0o755)
        place.dockerfile.write_bytes(recipe.source)
        writer = _Writer(place.context)
        fresh = replace(recipe)  # lists the context again
        found = digest(fresh, writer.write)
        writer.finish()
        if found != tag or recipe.dockerfile.read_bytes() != recipe.source:
            raise SourceChanged(
                f"{recipe.context} changed while it was being built",
                why=f"its digest was {tag} and is now {found}" if found != tag else f"{recipe.dockerfile} changed",
                fix="run the same command again",
            )
        yield place


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """An empty folder that nothing else uses: this one, or one of another name next to it."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder.with_name(f"{folder.name}.lock")) as ours:
        if not ours:
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as other:
                yield Path(other)
            return
        shutil.rmtree(folder, ignore_errors=True)  # a build that was killed left it
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether no one else holds this file; held while the block lasts."""
    try:
        import fcntl  # noqa: PLC0415  (not on Windows)
    except ImportError:
        yield False
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


class _Writer:
    """Writes items as they are read.

    Args:
        root: the folder that stands for the context.
    """

    def __init__(self, root: Path) -> None:
        self.root = os.fspath(root)
        self.folders = {self.root}
        self.newest = 0

    def write(self, item: Item) -> bytes:
        """Write one item, and return what of it counts (``digest.content``).

        Raises:
            OSError: it cannot be read or written.
            DiskFull: no space left for the copy.
        """
        try:
            return self._write(item)
        except OSError as error:
            if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
                raise of_os_error(error) from None
            raise

    def _write(self, item: Item) -> bytes:
        path = os.path.join(self.root, item.path)  # noqa: PTH118
        self.folder(os.path.dirname(path) if item.kind != FOLDER else path)  # noqa: PTH120
        seconds = item.modified // _SECOND
        self.newest = max(self.newest, seconds)
        if item.kind == FOLDER:
            return b""
        if item.kind == LINK:
            text = target(item)
            os.symlink(os.readlink(item.source), path)  # noqa: PTH115, PTH211
            if os.utime in os.supports_follow_symlinks:
                os.utime(path, (seconds, seconds), follow_symlinks=False)
            return text
        found = self.copy(item, path)
        moment = seconds * _SECOND + int.from_bytes(found[:8]) % _SECOND
        os.utime(path, ns=(moment, moment))
        return found

    def copy(self, item: Item, path: str) -> bytes:
        """Copy a file's bytes; its SHA-256."""
        total = hashlib.sha256()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), MODES[item.kind])
        with open(item.source, "rb", buffering=0) as source, open(handle, "wb", buffering=0) as file:  # noqa: PTH123
            if hasattr(os, "fchmod"):
                os.fchmod(handle, MODES[item.kind])  # whatever the umask
            if item.size <= _PIECE:
                pieces: Iterator[bytes] = iter((source.readall(),))
            else:
                pieces = iter(lambda: source.read(_PIECE), b"")
            for piece in pieces:
                total.update(piece)
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]
        return total.digest()

    def folder(self, path: str) -> None:
        """Make a folder and those above it."""
        if path in self.folders:
            return
        self.folder(os.path.dirname(path))  # noqa: PTH120
        os.mkdir(path)  # noqa: PTH102
        os.chmod(path, MODES[FOLDER])  # noqa: PTH101
        self.folders.add(path)

    def finish(self) -> None:
        """Give the folders one time that follows from what is in them: their own changes with bytecode, for example."""
        for path in sorted(self.folders, reverse=True):
            os.utime(path, (self.newest, self.newest))
