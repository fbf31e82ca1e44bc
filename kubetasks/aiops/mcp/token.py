"""The bearer token of the server over HTTP: a file of the user's own, made once and kept for the client's settings."""

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Final

from kubetasks import state
from kubetasks.errors import McpTokenUnsafe
from kubetasks.redact import Sensitive

NAME: Final = "mcp-token"
BYTES: Final = 32
SHORTEST: Final = 32
SHAPE: Final = f"write {SHORTEST} or more printable characters into it, without spaces"


def path(root: Path) -> Path:
    """Where the token of a project is kept."""
    return state.folder(root) / NAME


def read_or_make(root: Path) -> tuple[Sensitive, Path]:
    """The token of a project, and the file that holds it.

    Raises:
        McpTokenUnsafe: others can read the file, it is not a file of this user, or it contains no token.
        StateUnavailable: there is no folder for it.
    """
    file = state.claim(root) / NAME
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file), file
    token = secrets.token_urlsafe(BYTES)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(token + "\n")
    return Sensitive(token), file


def read_given(file: Path) -> Sensitive:
    """The token in a file that is named: mounted from a Secret, it belongs to root, and its group may read it.

    Raises:
        McpTokenUnsafe: everyone can read the file, or it contains no token.
        OSError: it cannot be read.
    """
    if sys.platform != "win32" and stat.S_IMODE(file.stat().st_mode) & 0o007:
        problem = "every user of this machine can read it"
        raise McpTokenUnsafe(f"the token file {file} cannot be used", why=problem, fix=f"chmod 600 {file}")
    token = _token(file)
    if token is None:
        raise McpTokenUnsafe(f"the token file {file} cannot be used", why="it contains no token", fix=SHAPE)
    return token


def _token(file: Path) -> Sensitive | None:
    token = file.read_text(encoding="ascii", errors="replace").strip()
    whole = len(token) >= SHORTEST and token.isascii() and token.isprintable() and " " not in token
    return Sensitive(token) if whole else None


def _read(file: Path) -> Sensitive:
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode):
        problem = "it is not a regular file"
    elif sys.platform != "win32" and found.st_uid != os.getuid():
        problem = f"it belongs to user {found.st_uid}"
    elif sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
        problem = f"its mode is {stat.S_IMODE(found.st_mode):o}, so others may have read it"
    else:
        token = _token(file)
        if token is not None:
            return token
        problem = "it contains no token"
    raise McpTokenUnsafe(f"the token file {file} cannot be used", why=problem, fix=f"create a new token: rm {file}")
