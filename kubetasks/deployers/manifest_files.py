"""Which files the raw manifests are: files, globs, folders and kustomizations, as one list."""

import os
import re
from pathlib import Path
from typing import Final

from kubetasks.errors import RenderFailed
from kubetasks.settings.sections import Manifests

KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def paths(root: Path, manifests: Manifests, mode: str) -> list[str]:
    """What the raw manifests are rendered from, relative to the root: kustomization folders and single files.

    Args:
        root: the project's root.
        manifests: the setting.
        mode: the database mode.

    Raises:
        RenderFailed: an entry does not resolve.
    """
    files = manifests.files
    if not files:
        overlay = f"{manifests.path}/{mode}"
        plain = root / manifests.path
        if (root / overlay).is_dir():
            return _in_folder(root, root / overlay) or [overlay]  # kustomize says what it lacks
        if any((plain / name).is_file() for name in KUSTOMIZATIONS) or any(
            each.suffix in SUFFIXES for each in plain.glob("*")
        ):
            files = [manifests.path]
        else:
            raise RenderFailed(
                f"there is no folder {overlay}",
                why=f"{manifests.path} holds no kustomization and no manifests, and no overlay `{mode}`",
                fix="set kubetasks.manifests or kubetasks.manifests.path to your files, folders or kustomizations",
            )
    found: list[str] = []
    for entry in files:
        found += _expanded(root, entry)
    return list(dict.fromkeys(found))


def tops(manifests: Manifests) -> list[str]:
    """The files and folders that hold the manifests, and what may be next to them; cheap, and never an error."""
    if not manifests.files:
        return [str(Path(manifests.path).parent) if "/" in manifests.path else manifests.path]
    return [re.split(r"/?[^/]*[*?\[]", each)[0] or "." for each in manifests.files]


def _expanded(root: Path, entry: str) -> list[str]:
    top = root / entry
    if top.is_file():
        if top.name in KUSTOMIZATIONS:
            return [_relative(top.parent, root)]
        return [_relative(top, root)]
    if top.is_dir():
        made = _in_folder(root, top)
        if not made:
            raise _leads_nowhere(entry, "it holds no kustomization and no .yaml, .yml or .json file")
        return made
    if not any(sign in entry for sign in "*?["):
        raise _leads_nowhere(entry, "it does not exist")
    matched = sorted(each for each in root.glob(entry) if each.is_dir() or each.suffix in SUFFIXES)
    if not matched:
        raise _leads_nowhere(entry, "no file matches it")
    return [
        found for each in matched for found in (_in_folder(root, each) if each.is_dir() else [_relative(each, root)])
    ]


def _leads_nowhere(entry: str, why: str) -> RenderFailed:
    return RenderFailed(
        f"setting `kubetasks.manifests` names {entry}", why=why, fix="paths are relative to the folder of invoke.yaml"
    )


def _in_folder(root: Path, folder: Path) -> list[str]:
    """A folder's kustomization, else its files; folders below it likewise, but for charts and hidden ones."""
    if any((folder / name).is_file() for name in KUSTOMIZATIONS):
        return [_relative(folder, root)]
    if (folder / "Chart.yaml").is_file():
        return []
    entries = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    found = [_relative(each, root) for each in entries if each.is_file() and each.suffix in SUFFIXES]
    for each in entries:
        if each.is_dir():
            found += _in_folder(root, each)
    return found


def _relative(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
