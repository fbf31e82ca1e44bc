"""Whether two images hold the same files: a build without the cache gives other times, and so another ID, each time."""

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from kubetasks.errors import ToolError
from kubetasks.runner import Environment, Runner
from kubetasks.tools import docker
from kubetasks.tools.docker import Inspected

_PIECE: Final = 1 << 20
_XATTR: Final = "SCHILY.xattr."


def same_content(one: Inspected, other: Inspected, runner: Runner, env: Environment | None = None) -> bool:
    """Whether two images of the engine differ in nothing but times.

    Args:
        one: an image.
        other: another one.
        runner: starts docker.
        env: the client's environment, to reach another engine than the host's own.
    """
    if one.id == other.id:
        return True
    if one.configuration != other.configuration or len(one.layers) != len(other.layers):
        return False
    if one.layers == other.layers:
        return True
    try:
        with tempfile.TemporaryDirectory(prefix="kubetasks-") as name:
            path = Path(name) / "images.tar"
            runner.run(docker.save([one.id, other.id], str(path)), env=env, timeout=600)
            return same_files(path)
    except (ToolError, OSError, ValueError, KeyError, tarfile.TarError):
        return False  # not known to be the same


def same_files(archive: Path) -> bool:
    """Whether the two images of an archive that ``docker save`` wrote have the same files in each layer.

    Raises:
        ValueError, KeyError: it is no such archive.
    """
    with tarfile.open(archive) as tar:
        file = tar.extractfile("manifest.json")
        if file is None:
            raise ValueError("the archive has no manifest")
        one, other = (each["Layers"] for each in json.load(file))
        pairs = [(first, second) for first, second in zip(one, other, strict=True) if first != second]
        return all(_layer(tar, first) == _layer(tar, second) for first, second in pairs)


def _layer(archive: tarfile.TarFile, name: str) -> dict[str, tuple[Any, ...]]:
    """What a layer holds by path, without times."""
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"the archive has no layer {name}")
    found = {}
    with tarfile.open(fileobj=file) as layer:
        for entry in layer:
            total = hashlib.sha256()
            data = layer.extractfile(entry) if entry.isreg() else None
            while data is not None and (piece := data.read(_PIECE)):
                total.update(piece)
            found[entry.name.rstrip("/")] = (
                *(entry.type, entry.mode, entry.uid, entry.gid, entry.linkname, entry.devmajor, entry.devminor),
                *sorted(_attributes(entry.pax_headers).items()),
                total.digest(),
            )
    return found


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith(_XATTR)}
