"""What never enters a build context, whatever ``.dockerignore`` says: env files and the state of local deployments.

Both hold secrets, and an image layer keeps what it was given. A file is withheld

- when it is one of the named paths, under whatever name it appears (a hard link, a name in other case), or
- when it is an editor's copy of a named file (``.env~``, ``.env.swp``), or
- when it is named like an env file and gives a value to a declared secret (``prod.env``, ``.env.local``). An example
  without values, and an env file that a front end's build reads, are sent.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# `.env`, `.env.local`, `.env~`, `.envrc`, `prod.env`, `env.prod`
_NAMED_LIKE: Final = re.compile(r"(?:^|[.#])env(?:rc)?(?:$|[.~#_-])", re.IGNORECASE)
# An env file is small; nothing larger is read.
_LARGEST: Final = 1 << 18


@dataclass(frozen=True)
class Withheld:
    """The files and folders that are left out of every context.

    Args:
        paths: env files and state folders, absolute; they need not exist.
        secrets: the names of the declared secrets.
    """

    paths: tuple[Path, ...] = ()
    secrets: tuple[str, ...] = ()

    def within(self, context: Path) -> "Filter":
        """What decides on the entries of one context."""
        return Filter(self, context)


class Filter:
    """Decides, for one context, which entries are withheld.

    Args:
        withheld: what to leave out.
        context: the build context.
    """

    def __init__(self, withheld: Withheld, context: Path) -> None:
        self._paths = {os.path.normcase(path) for path in _spellings(withheld.paths)}
        self._names = {os.path.basename(path) for path in self._paths}  # noqa: PTH119
        self._roots = (os.fspath(context), os.path.realpath(context))
        self._same = set(_identities(withheld.paths))
        self._inodes = {inode for _, inode in self._same}
        self._copies = _copies(withheld.paths)
        names = "|".join(map(re.escape, withheld.secrets))
        text = rf"^[ \t]*(?:export[ \t]+)?(?:{names})[ \t]*=[ \t]*(?:'[^']+|\"[^\"]+|[^\s'\"#])"
        self._gives_value = re.compile(text.encode(), re.MULTILINE) if names else None

    def holds(self, path: str, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is withheld.

        Args:
            path: relative to the context, with slashes.
            entry: the entry.
        """
        if entry.inode() in self._inodes:
            found = entry.stat(follow_symlinks=False)
            if (found.st_dev, found.st_ino) in self._same:
                return True
        if os.path.normcase(entry.name) in self._names and any(
            os.path.normcase(os.path.join(root, path)) in self._paths  # noqa: PTH118
            for root in self._roots
        ):
            return True
        if self._copies is not None and self._copies.fullmatch(entry.name):
            return True
        return bool(_NAMED_LIKE.search(entry.name)) and self._has_values(entry)

    def _has_values(self, entry: os.DirEntry[str]) -> bool:
        if self._gives_value is None or not entry.is_file(follow_symlinks=False):
            return False
        try:
            if entry.stat(follow_symlinks=False).st_size > _LARGEST:
                return False
            return self._gives_value.search(Path(entry.path).read_bytes().replace(b"\r", b"\n")) is not None
        except OSError:
            return False  # the walk reports that it cannot be read


def _spellings(paths: Iterable[Path]) -> Iterable[str]:
    for path in paths:
        yield os.path.abspath(path)  # noqa: PTH100  (a link stays a link)
        yield os.path.realpath(path)


def _identities(paths: Iterable[Path]) -> Iterable[tuple[int, int]]:
    """Device and inode of each path, and of what it links to."""
    for path in paths:
        for follow in (False, True):
            try:
                found = os.stat(path, follow_symlinks=follow)  # noqa: PTH116
            except OSError:
                continue
            yield found.st_dev, found.st_ino


def _copies(paths: Iterable[Path]) -> re.Pattern[str] | None:
    """The names that editors give to their copies of these files."""
    names = "|".join(re.escape(path.name.removeprefix(".")) for path in paths if path.name)
    if not names:
        return None
    return re.compile(rf"\.?(?:{names})~|\.+(?:{names})\.sw[a-p]|#\.?(?:{names})#|\.#\.?(?:{names})")
