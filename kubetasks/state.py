"""The folder for a project's state on this machine, which is never in the checkout.

``$XDG_STATE_HOME/kubetasks/NAME-DIGEST``, by the project's root; ``~/.local/state`` where the variable is not set
(https://specifications.freedesktop.org/basedir-spec/latest/), on macOS ``~/Library/Application Support``, on Windows
``%LOCALAPPDATA%``. A note in the folder names the root, so that a checkout that was moved is recognised, and a new one
at the old path is not mistaken for it.

Earlier versions kept the state of the ``local`` target in the checkout; ``legacy`` says where.
"""

import contextlib
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from kubetasks.errors import StateUnavailable

NOTE: Final = "root.json"
LEGACY: Final = ".kubetasks"
# Files that stay the same when a checkout is moved. The root's own inode number alone may be reused.
_MARKS: Final = (".git", "tasks.py", "invoke.yaml")


def legacy(root: Path) -> Path:
    """The folder in the checkout where earlier versions kept their state."""
    return root / LEGACY


def home(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The folder for the state of every project. It need not exist.

    Args:
        environ: the environment; this process's own where None.
        platform: as ``sys.platform``.

    Raises:
        StateUnavailable: the user has no home folder.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(named):  # noqa: PTH117  (the specification: a relative path is ignored)
        return Path(named) / "kubetasks"
    if platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "kubetasks"
    try:
        own = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except (RuntimeError, KeyError):
        own = Path()
    if not own.is_absolute():
        raise StateUnavailable(
            "there is no folder for the state of local deployments",
            why="HOME is not set, and this user has no home folder",
            fix="set XDG_STATE_HOME to a folder that you own",
        )
    return own / ("Library/Application Support" if platform == "darwin" else ".local/state") / "kubetasks"


def folder(root: Path) -> Path:
    """The folder for the state of one project. It need not exist; ``claim`` makes it.

    Args:
        root: the project's root.

    Raises:
        StateUnavailable: the user has no home folder.
    """
    root, base = root.resolve(), home()
    free = None
    for candidate in _candidates(base, root):
        note = _note(candidate)
        if note.get("root") == str(root):
            return candidate
        if free is None and not note:
            free = candidate
        if not candidate.exists():
            break
    return _moved(base, root) or free or base


def claim(root: Path) -> Path:
    """Make the folder for the state of one project, private to its user, and note the root in it.

    Raises:
        StateUnavailable: the user has no home folder, or the folder cannot be made.
    """
    root, found = root.resolve(), folder(root)
    text = json.dumps({"root": str(root), "device": root.stat().st_dev, "inodes": _inodes(root)}, indent=1)
    path = found / NOTE
    try:
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            part = found / f".{NOTE}.{os.getpid()}.{threading.get_ident()}"
            part.write_text(text, encoding="utf-8")
            part.replace(path)
    except OSError as error:
        raise StateUnavailable(
            f"{found} cannot be used for the state of local deployments",
            why=error.strerror or "",
            fix="set XDG_STATE_HOME to a folder that you own",
        ) from None
    return found


def release(root: Path) -> None:
    """Remove the folder for the state of one project when nothing but the note is left in it.

    Raises:
        StateUnavailable: the user has no home folder.
    """
    found = folder(root)
    with contextlib.suppress(OSError):
        if [each.name for each in found.iterdir()] == [NOTE]:
            (found / NOTE).unlink()
            found.rmdir()


def abandoned() -> list[tuple[Path, str]]:
    """The state folders whose root no longer exists, each with the root's old path."""
    with contextlib.suppress(StateUnavailable):
        found = [(path.parent, str(_note(path.parent).get("root", ""))) for path in sorted(home().glob(f"*/{NOTE}"))]
        return [(place, root) for place, root in found if root and not Path(root).is_dir()]
    return []


def _candidates(base: Path, root: Path) -> Iterator[Path]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.")[:40] or "root"
    key = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    yield base / f"{name}-{key}"
    for number in range(2, 100):  # the folder of that name belongs to a checkout that was here and has been moved
        yield base / f"{name}-{key}-{number}"


def _note(place: Path) -> dict[str, Any]:
    try:
        found = json.loads((place / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _inodes(root: Path) -> dict[str, int]:
    found = {}
    for name in (".", *_MARKS):
        with contextlib.suppress(OSError):
            found[name] = (root / name).stat().st_ino
    return found


def _moved(base: Path, root: Path) -> Path | None:
    """The folder of a checkout that is now at this root."""
    try:
        device, inodes = root.stat().st_dev, _inodes(root)
    except OSError:
        return None
    for path in sorted(base.glob(f"*/{NOTE}")):
        note = _note(path.parent)
        known = note.get("inodes")
        if not isinstance(known, dict) or note.get("device") != device or known.get(".") != inodes["."]:
            continue
        if any(name in known and known[name] == inodes.get(name) for name in _MARKS):
            return path.parent
    return None
