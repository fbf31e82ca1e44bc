"""Kustomizations: what each brings, as far as reading alone can say, and which stand by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.images.names import repository
from kubetasks.init.manifests import objects_of
from kubetasks.init.walk import Tree, folder_of, joined
from kubetasks.objects import Object, Objects, pod_specs

FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
DEEPEST: Final = 20


@dataclass
class Kustomization:
    """A kustomization's folder.

    Args:
        folder: where it is.
        component: whether it is a Component, which cannot stand alone.
        below: the kustomizations that it is made from.
        files: the files that it names.
        remote: what it names by a URL.
        missing: what it names and does not exist.
        objects: what it brings.
    """

    folder: str
    component: bool = False
    below: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    objects: Objects = field(default_factory=list)


def find(tree: Tree) -> dict[str, Kustomization]:
    """The kustomizations of a tree, by folder."""
    data: dict[str, dict[str, Any]] = {}
    for path in tree.named(FILES.__contains__):
        read = [each for each in tree.documents(path) if isinstance(each, dict)]
        data[folder_of(path)] = read[0] if read else {}
    found = {folder: _read(tree, folder, said, data) for folder, said in data.items()}
    for folder, made in found.items():
        made.objects = _objects(tree, folder, found, data, ())
    return found


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _read(tree: Tree, folder: str, said: Mapping[str, Any], known: Mapping[str, Any]) -> Kustomization:
    made = Kustomization(folder, said.get("kind") == "Component")
    for entry in [*_texts(said.get("resources")), *_texts(said.get("bases")), *_texts(said.get("components"))]:
        path = joined(folder, entry)
        if path in known:
            made.below.append(path)
        elif "://" in entry or "?ref=" in entry or entry.startswith(("github.com/", "git@")):
            made.remote.append(entry)
        elif tree.has(path) and (tree.root / path).is_file():
            made.files.append(path)
        else:
            made.missing.append(entry)
    return made


def _objects(
    tree: Tree, folder: str, found: Mapping[str, Kustomization], data: Mapping[str, Any], above: tuple[str, ...]
) -> Objects:
    if folder in above or len(above) > DEEPEST:
        return []
    objects: Objects = []
    for each in found[folder].below:
        objects += _objects(tree, each, found, data, (*above, folder))
    for path in found[folder].files:
        objects += objects_of(tree.documents(path))
    said = data[folder]
    for key, kind in (("secretGenerator", "Secret"), ("configMapGenerator", "ConfigMap")):
        objects += [
            {"apiVersion": "v1", "kind": kind, "metadata": {"name": generator["name"]}}
            for generator in _dicts(said.get(key))
            if isinstance(generator.get("name"), str)
        ]
    names = {
        repository(str(each["name"])): str(each["newName"])
        for each in _dicts(said.get("images"))
        if each.get("name") and each.get("newName")
    }
    return [_renamed(item, names) for item in objects] if names else objects


def _renamed(item: Object, names: Mapping[str, str]) -> Object:
    """An object with the images that ``images`` of a kustomization renames."""
    from copy import deepcopy  # noqa: PLC0415

    copy = deepcopy(item)
    for spec in pod_specs(copy):
        for key in ("initContainers", "containers"):
            for each in _dicts(spec.get(key)):
                new = names.get(repository(str(each.get("image", ""))))
                if new:
                    each["image"] = new
    return copy


def tops(found: Mapping[str, Kustomization]) -> list[Kustomization]:
    """The ones that can be applied: no components."""
    return [each for each in found.values() if not each.component and each.objects]


def is_overlay(each: Kustomization) -> bool:
    """Whether it is made from other kustomizations."""
    return bool(each.below)
