"""The files of an application: a bounded walk that follows no link and leaves out what others wrote."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from kubetasks import documents

MOST_ENTRIES: Final = 40_000
DEEPEST: Final = 12
LARGEST: Final = 4_000_000  # bytes of one file
# Folders of dependencies, of build results, and of what tests read.
IGNORED: Final = frozenset(
    {
        "node_modules", "bower_components", "vendor", "venv", "env", "virtualenv", "site-packages", "__pycache__",
        "target", "dist", "testdata", "fixtures", "__fixtures__", "third_party",
    }
)  # fmt: skip
# Folders whose files are seldom the application itself. They count less.
ASIDE: Final = frozenset(
    {
        "test", "tests", "e2e", "example", "examples", "sample", "samples", "docs", "doc", "hack", "ci", "archive",
        "_archived", "archived", "old", "legacy", "deprecated", "bench", "benchmarks", "load-test", "ui-tests",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """The files of a folder.

    Args:
        root: the folder.
        files: their paths relative to it, with ``/``, those of a folder together, the shallow ones first.
        cut: whether there are more than were looked at.
    """

    root: Path
    files: tuple[str, ...]
    cut: bool = False

    def text(self, path: str) -> str:
        """The text of a file; empty where it cannot be read or is too large. Bytes that are not UTF-8 are replaced."""
        return _text(self.root / path)

    def documents(self, path: str) -> list[Any]:
        """The YAML documents of a file. Those that are not valid are left out."""
        return values_of(self.text(path))

    def named(self, accept: Callable[[str], bool]) -> Iterator[str]:
        """The files whose name (without the folder) is accepted."""
        return (each for each in self.files if accept(each.rpartition("/")[2]))

    def within(self, folder: str) -> list[str]:
        """The files in a folder and below it; ``.`` is the root."""
        return [each for each in self.files if folder in {"", "."} or each.startswith(f"{folder}/")]

    def has(self, path: str) -> bool:
        """Whether a file or folder exists, and is not outside the root."""
        return not path.startswith("../") and (self.root / path).exists()


@cache
def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def values_of(text: str) -> list[Any]:
    """The documents of a YAML text; where one is not valid, the others."""
    try:
        return documents.load_all(text, twice=True)
    except documents.NotYamlError:
        pass
    found: list[Any] = []
    for part in f"\n{text}".split("\n---"):
        try:
            found += documents.load_all(part, twice=True)
        except documents.NotYamlError:
            continue
    return found


def walk(root: Path, most: int = MOST_ENTRIES) -> Tree:
    """The files of a folder, breadth first.

    Hidden folders, links to folders, other repositories within this one, and ``IGNORED`` folders are left out.

    Args:
        root: the folder.
        most: how many entries are looked at.
    """
    files: list[str] = []
    waiting = deque([("", 0)])
    seen = 0
    while waiting:
        folder, depth = waiting.popleft()
        try:
            with os.scandir(root / folder) as entries:
                listed = sorted(entries, key=lambda each: each.name)
        except OSError:
            continue
        for entry in listed:
            seen += 1
            if seen > most:
                return Tree(root, tuple(files), cut=True)
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST and not _is_left_out(root / path, entry.name):
                    waiting.append((path, depth + 1))
            elif _is_file(entry):
                files.append(path)
    return Tree(root, tuple(files))


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_left_out(path: Path, name: str) -> bool:
    return (
        name.startswith(".") or name.lower() in IGNORED or (path / ".git").is_dir() or (path / "pyvenv.cfg").is_file()
    )


def is_aside(path: str) -> bool:
    """Whether a file is in a folder of tests, examples or the like."""
    return any(part.lower() in ASIDE or part.startswith(".") for part in PurePosixPath(path).parts[:-1])


def folder_of(path: str) -> str:
    """The folder of a file; ``.`` for the root."""
    return path.rpartition("/")[0] or "."


def joined(folder: str, path: str) -> str:
    """A path that is relative to a folder of the tree, relative to the root; ``.`` for the root itself."""
    return os.path.normpath(f"{folder}/{path}").replace(os.sep, "/")
