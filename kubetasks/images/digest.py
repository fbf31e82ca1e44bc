"""The digest of everything that goes into an image; its first 16 hex digits are the image's tag.

It is the same on every checkout and system: paths are relative with slashes and sorted by their UTF-8 bytes, times and
owners do not count, a symbolic link counts by its target, and of a file's mode only the executable bit does. Windows
has no such bit; there a file counts as executable when it begins with ``#!``. Bytes count as they are: keep line
endings equal with ``.gitattributes``. Folders count by their files (git keeps no empty ones); sockets, devices
and Python's bytecode caches do not count: the processes of the ``local`` target write those next to their source.
"""

import hashlib
import os
import platform as machine
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from kubetasks.images.ignore import Ignore, Matched

LENGTH: Final = 16
# Changes when the digest is made of other things than before.
FORMAT: Final = b"kubetasks image 1\0"
BYTECODE: Final = "__pycache__"
ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm/v7"}


def own_platform() -> str:
    """The platform that an engine of this machine builds for when it is not told, e.g. ``linux/amd64``."""
    name = machine.machine().lower()
    return f"linux/{ARCHITECTURES.get(name, name)}"


def files(context: Path, ignore: Ignore) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file and link of a context that the ignore file lets through, as (relative path, entry), unsorted."""
    waiting: list[tuple[str, str, Matched]] = [(os.fspath(context), "", ())]
    while waiting:
        folder, above, matched = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = above + entry.name
                ignored, below = ignore.verdict(path, matched) if ignore.rules else (False, ())
                if entry.is_dir(follow_symlinks=False):
                    if entry.name == BYTECODE:
                        continue
                    # An ignored folder can only hold something where a `!` pattern lets it through again.
                    if not ignored or ignore.exclusions:
                        waiting.append((entry.path, f"{path}/", below))
                elif not ignored and (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    yield path, entry


def digest(
    *,
    context: Path,
    dockerfile: bytes,
    ignore: Ignore,
    build_args: Mapping[str, str],
    base_image: str,
    platform: str,
) -> str:
    """SHA-256 over what goes into an image, as ``LENGTH`` hex digits.

    Args:
        context: the build context.
        dockerfile: the Dockerfile's bytes.
        ignore: which files of the context go in.
        build_args: the build arguments.
        base_image: what it is built from.
        platform: e.g. ``linux/arm64``; this machine's own where empty.
    """
    total = hashlib.sha256(FORMAT)
    _add(total, b"dockerfile", dockerfile)
    _add(total, b"base", base_image.encode())
    _add(total, b"platform", (platform or own_platform()).encode())
    for name, value in sorted(build_args.items()):
        _add(total, b"argument", f"{name}={value}".encode())
    found = sorted((path.encode("utf-8", "surrogateescape"), entry) for path, entry in files(context, ignore))
    for path, entry in found:
        if entry.is_symlink():
            target = os.readlink(entry.path).replace(os.sep, "/")  # noqa: PTH115  (a path object costs more than the call)
            _add(total, b"link", path, target.encode("utf-8", "surrogateescape"))
            continue
        with open(entry.path, "rb") as file:  # noqa: PTH123
            data = file.read()
        _add(total, b"program" if _executable(entry, data) else b"file", path, data)
    return total.hexdigest()[:LENGTH]


def _executable(entry: os.DirEntry[str], data: bytes) -> bool:
    if sys.platform == "win32":
        return data.startswith(b"#!")
    return bool(entry.stat(follow_symlinks=False).st_mode & 0o111)


def _add(total: "hashlib._Hash", *parts: bytes) -> None:
    """Each part with its length before it, so that no two lists of parts give the same bytes."""
    for part in parts:
        total.update(b"%d:" % len(part))
        total.update(part)
