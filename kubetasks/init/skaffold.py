"""``skaffold.yaml``, where there is one: which images are built from where, and what is deployed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.init.walk import Tree, folder_of, joined

NAME: Final = re.compile(r"^skaffold(?:[._-][\w.-]+)?\.ya?ml$", re.IGNORECASE)


@dataclass(frozen=True)
class Artifact:
    """An image that Skaffold builds from a Dockerfile."""

    image: str
    context: str
    dockerfile: str
    args: Mapping[str, str] = field(default_factory=dict)
    file: str = ""


@dataclass(frozen=True)
class Skaffold:
    """What the Skaffold files say: artifacts, and the paths that they deploy."""

    artifacts: tuple[Artifact, ...] = ()
    deploys: tuple[str, ...] = ()


def find(tree: Tree) -> Skaffold:
    """The Skaffold files of a tree, as one."""
    artifacts: list[Artifact] = []
    deploys: list[str] = []
    for path in tree.named(lambda name: bool(NAME.match(name))):
        folder = folder_of(path)
        for document in tree.documents(path):
            if isinstance(document, dict) and str(document.get("apiVersion", "")).startswith("skaffold/"):
                artifacts += _artifacts(document, folder, path)
                deploys += _deploys(document, folder)
    return Skaffold(tuple(artifacts), tuple(dict.fromkeys(deploys)))


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _artifacts(document: Any, folder: str, file: str) -> list[Artifact]:
    found = []
    for each in _list(_at(document, "build", "artifacts")):
        if not isinstance(each, dict) or not isinstance(each.get("image"), str):
            continue
        if {"jib", "buildpacks", "bazel", "ko", "custom"} & set(each):
            continue
        context = joined(folder, str(each.get("context") or "."))
        inner = str(_at(each, "docker", "dockerfile") or "Dockerfile")
        args = _at(each, "docker", "buildArgs")
        plain = (
            {str(key): str(value) for key, value in args.items() if "{{" not in str(value)}
            if isinstance(args, dict)
            else {}
        )
        found.append(Artifact(each["image"], context, joined(context, inner), plain, file))
    return found


def _deploys(document: Any, folder: str) -> list[str]:
    found: list[Any] = []
    for top in ("manifests", "deploy"):
        said = _at(document, top)
        found += _list(_at(said, "rawYaml")) + _list(_at(said, "kubectl", "manifests"))
        found += _list(_at(said, "kustomize", "paths"))
        found += [_at(each, "chartPath") for each in _list(_at(said, "helm", "releases"))]
    return [joined(folder, each) for each in found if isinstance(each, str) and "://" not in each]
