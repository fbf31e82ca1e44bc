"""The files of a build context, listed by our own rules and not by the builder's.

The rules are Docker's, with these differences, so that equal sources give equal images on every checkout:

- Modes are git's: 0755 for folders and for files that their owner may execute, else 0644. A umask changes nothing.
- ``.git`` and Python's bytecode caches are left out unless an ``!`` pattern of the ignore file names them: both change
  without any change of the source, and ``.git/config`` may hold a token. A folder that holds nothing but bytecode is
  what git left behind when it switched branches; it is left out too.
- Env files and state folders are withheld (``withheld``).
- Sockets, pipes and devices are rejected. BuildKit would send a socket as an empty file.

On Windows files have no executable bit, and the docker client sends all of them as executable; they count like that.
"""

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from kubetasks.images.ignore import Ignore, Matched
from kubetasks.images.withheld import Filter, Withheld

FILE, PROGRAM, LINK, FOLDER = b"file", b"program", b"link", b"folder"
MODES: Final = {FILE: 0o644, PROGRAM: 0o755, FOLDER: 0o755}
GIT, BYTECODE = ".git", "__pycache__"
# Names of what should be in no image. They are sent, and mentioned.
SUSPECT: Final = frozenset({".aws", ".docker", ".kube", ".netrc", ".ssh", "id_ed25519", "id_rsa", "kubeconfig"})
_SPECIAL_BITS: Final = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


class Item(NamedTuple):
    """One thing that is sent: its path in the context, its kind, where it is, its time in nanoseconds, its size."""

    path: str
    kind: bytes
    source: str
    modified: int
    size: int = 0

    @property
    def name(self) -> bytes:
        """The path as bytes; names that are not UTF-8 keep theirs."""
        return self.path.encode("utf-8", "surrogateescape")


@dataclass
class Listing:
    """A context as it is sent.

    Args:
        items: files, links and empty folders, by the bytes of their paths.
        withheld: paths that are left out because they hold secrets.
        refused: path to why it cannot be sent.
        suspect: paths that look as if they belong in no image.
        modes: paths with permissions that are not kept.
    """

    items: list[Item] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    suspect: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)


@dataclass
class _Folder:
    path: str
    source: str
    above: "_Folder | None"
    ignored: bool
    matched: Matched
    modified: int
    sent: int = 0
    leftover: bool = False


def walk(context: Path, ignore: Ignore, withheld: Withheld | None = None) -> Listing:
    """List what is sent of a context.

    Args:
        context: the build context.
        ignore: the patterns of the ignore file.
        withheld: what is left out whatever the patterns say.
    """
    walker = _Walker(ignore, (withheld or Withheld()).within(context))
    walker.run(os.fspath(context))
    walker.listing.items.sort(key=lambda item: item.name)
    return walker.listing


class _Walker:
    def __init__(self, ignore: Ignore, filtered: Filter) -> None:
        self.ignore = ignore
        self.filtered = filtered
        self.listing = Listing()
        self.folders = 0
        kept = {part for rule in ignore.rules if rule.exclusion for part in rule.pattern.split("/")}
        self.dropped = {name for name in (GIT, BYTECODE) if name not in kept}

    def run(self, context: str) -> None:
        top = _Folder("", context, None, False, (), 0)
        seen = [top]
        for folder in seen:  # grows while it is walked
            seen += self.read(folder)
        for folder in reversed(seen[1:]):  # what is in a folder comes before it
            self.close(folder)
        if len(self.listing.modes) * 2 > self.folders > 1:
            self.listing.modes.clear()  # a file system without modes (a Windows drive in WSL): no one set them

    def read(self, folder: _Folder) -> Iterator[_Folder]:
        try:
            with os.scandir(folder.source) as entries:
                for entry in entries:
                    try:
                        below = self.entry(folder, entry)
                    except FileNotFoundError:  # deleted since it was listed
                        continue
                    if below is not None:
                        yield below
        except OSError as error:
            if not folder.ignored:
                self.listing.refused[folder.path.rstrip("/") or "."] = error.strerror or "cannot be read"

    def entry(self, folder: _Folder, entry: os.DirEntry[str]) -> _Folder | None:
        path = folder.path + entry.name
        if entry.name in self.dropped:
            folder.leftover = True
            return None
        ignored, matched = self.ignore.verdict(path, folder.matched) if self.ignore.rules else (False, ())
        is_folder = entry.is_dir(follow_symlinks=False)
        # An ignored folder can only hold something where a `!` pattern lets it through again.
        if ignored and not (is_folder and self.ignore.exclusions):
            return None
        if self.filtered.holds(path, entry):
            self.listing.withheld.append(path)
            return None
        if entry.name in SUSPECT and not ignored:
            self.listing.suspect.append(path)
        found = entry.stat(follow_symlinks=False)
        if is_folder:
            self.folders += 1
            if not ignored and found.st_mode & (stat.S_IWOTH | stat.S_ISVTX):
                self.listing.modes.append(path)
            return _Folder(f"{path}/", entry.path, folder, ignored, matched, found.st_mtime_ns)
        kind = _kind(found.st_mode)
        if not kind:
            self.listing.refused[path] = _what(found.st_mode)
            return None
        if kind != LINK and found.st_mode & _SPECIAL_BITS:
            self.listing.modes.append(path)
        self.listing.items.append(Item(path, kind, entry.path, found.st_mtime_ns, found.st_size))
        folder.sent += 1
        return None

    def close(self, folder: _Folder) -> None:
        above = folder.above
        assert above is not None  # noqa: S101  (only the context itself has none)
        if not folder.sent:
            if folder.ignored:
                return
            if folder.leftover:
                above.leftover = True
                return
            self.listing.items.append(Item(folder.path.rstrip("/"), FOLDER, folder.source, folder.modified))
        above.sent += 1


def _kind(mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return LINK
    if not stat.S_ISREG(mode):
        return b""
    return PROGRAM if sys.platform == "win32" or mode & stat.S_IXUSR else FILE


def _what(mode: int) -> str:
    for test, name in ((stat.S_ISSOCK, "a socket"), (stat.S_ISFIFO, "a named pipe")):
        if test(mode):
            return f"it is {name}"
    return "it is a device"
