"""Scripts with Windows line endings, which no container can run.

The kernel takes the carriage return for a part of the interpreter's name, and says "no such file or directory". A shell
that is given the script finds one at the end of each line's last word. A build says nothing.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from kubetasks.images import dockerfile as parsing
from kubetasks.images.context import FILE, PROGRAM
from kubetasks.images.digest import Recipe

SHELL: Final = re.compile(rb"^#!.*\b(?:sh|bash|dash|ash|ksh|zsh)\b")
SUFFIXES: Final = frozenset({".sh", ".bash", ".ash", ".ksh", ".zsh"})
LONGEST_LINE: Final = 512


def scripts(recipe: Recipe) -> Iterator[str]:
    """The paths of scripts that go into an image and cannot run there.

    Those of a shell, which break however they are started; and those of any interpreter that ``ENTRYPOINT`` or ``CMD``
    names. What the Dockerfile does not copy does not count.
    """
    text = recipe.source.decode("utf-8", "replace")
    started = " ".join(rest for word, rest in parsing.instructions(text) if word in {"ENTRYPOINT", "CMD"})
    for item in recipe.listing.items:
        if item.kind not in {FILE, PROGRAM} or not _copied(item.path, recipe):
            continue
        path = PurePosixPath(item.path)
        shell = path.suffix in SUFFIXES
        named = re.search(rf"(?<![\w.-]){re.escape(path.name)}(?![\w.-])", started) is not None
        # Nearly everything else is not a program: only files that could be one are opened.
        if shell or named or not path.suffix or item.kind == PROGRAM:
            first = _first_line(Path(item.source))
            if first.endswith(b"\r") and (shell or SHELL.match(first) or (named and first.startswith(b"#!"))):
                yield item.path


def _copied(path: str, recipe: Recipe) -> bool:
    for named in recipe.named.paths:
        wanted = named.rstrip("/")
        if wanted in {"", ".", path} or path.startswith(f"{wanted}/") or any(sign in wanted for sign in "*?["):
            return True
    return False


def _first_line(path: Path) -> bytes:
    """The first line without its end; empty for one that is too long for a script, or a file that cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_LINE)
    except OSError:  # the build reports it
        return b""
    line, end, _ = start.partition(b"\n")
    return line if end else b""
