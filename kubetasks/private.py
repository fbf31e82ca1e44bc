"""A private folder for the files of one run: mode 0700, removed when the run ends.

A run that is killed cannot remove its folder; the next run does. Each run holds a lock on a file in its folder for as
long as it lives, so that the folder of a run that lives is never taken for a leftover (process ids say nothing where
containers share a folder for temporary files).
"""

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final

from kubetasks.errors import KubetasksError, of_os_error

LOCK: Final = "lock"
# Where files cannot be locked like that (Windows), a folder this old, in seconds, is a leftover.
LEFT_OVER: Final = 24 * 3600


def parent() -> Path:
    """Where the folders of all runs of this user are: in $XDG_RUNTIME_DIR, else among the temporary files.

    Raises:
        KubetasksError: another user owns it, or others may open it.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if sys.platform != "win32" and runtime:
        with contextlib.suppress(OSError):
            # Another user's after `sudo -E`: what root leaves there would be in that user's way.
            if Path(runtime).stat().st_uid == os.getuid() and os.access(runtime, os.W_OK | os.X_OK):
                return _checked(Path(runtime) / "kubetasks")
    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "user")
    return _checked(Path(tempfile.gettempdir()) / f"kubetasks-run-{user}")


def _checked(folder: Path) -> Path:
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise of_os_error(error) from None
    if not stat.S_ISDIR(found.st_mode):
        problem = "it is not a folder"
    elif sys.platform == "win32":
        return folder
    elif found.st_uid != os.getuid():
        problem = f"it belongs to user {found.st_uid}"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        problem = f"its mode is {stat.S_IMODE(found.st_mode):o}, so other users can open it"
    else:
        return folder
    raise KubetasksError(
        f"{folder} is not private",
        why=problem,
        fix="remove it, or set TMPDIR to a folder that you own",
    )


def _lock(folder: Path) -> int | None:
    """Lock the lock file in a folder and return its descriptor; None if a living run holds it."""
    import fcntl  # noqa: PLC0415  (not on Windows)

    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@cache
def folder() -> Path:
    """The folder of this run, created when it is first asked for and removed when Python ends.

    Raises:
        KubetasksError: there is no private place for it.
        DiskFull: no space is left.
    """
    above = parent()
    sweep(above)
    try:
        made = _create(above)
    except OSError as error:
        raise of_os_error(error) from None
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked child
            shutil.rmtree(made, ignore_errors=True)
            with contextlib.suppress(OSError):  # another run's is in it
                above.rmdir()

    atexit.register(remove)
    return made


def _create(above: Path) -> Path:
    while True:
        made = above / os.urandom(8).hex()
        # Another run may end or sweep in the moment before the lock is held: then a new one is made.
        with contextlib.suppress(FileNotFoundError):
            _checked(above)
            made.mkdir(mode=0o700)
            if sys.platform == "win32":
                return made
            handle = _lock(made)  # held until this process ends
            if handle is not None and os.fstat(handle).st_nlink:
                return made


def sweep(above: Path) -> None:
    """Remove the folders of runs that were killed."""
    for each in above.iterdir():
        with contextlib.suppress(OSError):
            if not each.is_dir() or each.is_symlink():
                continue
            if sys.platform == "win32":
                if time.time() - each.stat().st_mtime > LEFT_OVER:
                    shutil.rmtree(each, ignore_errors=True)
                continue
            handle = _lock(each)
            if handle is not None:
                shutil.rmtree(each, ignore_errors=True)
                os.close(handle)


def write(name: str, text: str) -> Path:
    """Write a file of mode 0600 into the folder of this run.

    Raises:
        KubetasksError: there is no private place for it.
        DiskFull: no space is left.
    """
    path = folder() / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise of_os_error(error) from None
    return path
