"""The files that a deploy depends on, and their digest."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from kubetasks import documents
from kubetasks.deployers.manifest_files import KUSTOMIZATIONS


def files_digest(root: Path, paths: Iterable[str]) -> str:
    """SHA-256 over the relative names and bytes of files and of everything in folders."""
    total = hashlib.sha256()
    for path in paths:
        top = root / path
        files = sorted(each for each in top.rglob("*") if each.is_file()) if top.is_dir() else [top]
        for each in files:
            if "__pycache__" in each.parts or not each.is_file():
                continue
            # What was pulled lies outside of the project, in another folder on each machine.
            name = each.relative_to(root if each.is_relative_to(root) else top)
            total.update(f"{name.as_posix()}\0".encode())
            total.update(hashlib.sha256(each.read_bytes()).digest())
    return total.hexdigest()


def kustomizations(root: Path, folder: str) -> list[str]:
    """A kustomization's folder and all those that it draws on, relative to the root; kustomize reads no others."""
    found: list[str] = []
    waiting = [os.path.normpath(folder)]
    while waiting:
        each = waiting.pop()
        if each in found:
            continue
        found.append(each)
        for name in KUSTOMIZATIONS:
            file = root / each / name
            try:
                document = documents.load(file.read_text(encoding="utf-8")) if file.is_file() else None
            except (ValueError, OSError):
                document = None  # rendering will say what is wrong with it
            if isinstance(document, dict):
                lists = [document.get(key) for key in ("resources", "components", "bases")]
                drawn = [str(path) for listed in lists if isinstance(listed, list) for path in listed]
                near = [os.path.normpath(root / each / path) for path in drawn]
                waiting += [os.path.relpath(path, root) for path in near if Path(path).is_dir()]
    return sorted(found)
