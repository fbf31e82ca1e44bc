"""What can be built: each Dockerfile, with what compose files and Skaffold say of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubetasks.init.compose import Compose
from kubetasks.init.dockerfiles import Dockerfile
from kubetasks.init.skaffold import Skaffold
from kubetasks.init.walk import Tree, folder_of


@dataclass(frozen=True)
class Build:
    """An image that can be built.

    Args:
        dockerfile: what from.
        context: the build context.
        args: build arguments.
        images: the names that a compose file or Skaffold gives it.
        names: what it is called, the best name first.
        file: the file that says so; empty where only the Dockerfile is known.
        target: the stage that a compose file builds; kubetasks builds the last one.
    """

    dockerfile: Dockerfile
    context: str
    args: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    file: str = ""
    target: str = ""

    @property
    def path(self) -> str:
        """The Dockerfile's path."""
        return self.dockerfile.path

    @property
    def described(self) -> str:
        """The Dockerfile, and the arguments where it has some."""
        return self.path + (
            f" ({', '.join(f'{key}={value}' for key, value in self.args.items())})" if self.args else ""
        )


def find(tree: Tree, found: Iterable[Dockerfile], compose: Compose, skaffold: Skaffold) -> list[Build]:
    """Everything that can be built. A Dockerfile that serves several services is there once for each image."""
    by_path = {each.path: each for each in found}
    made: list[Build] = []
    for service in compose.services.values():
        dockerfile = by_path.get(service.dockerfile)
        if dockerfile is not None:
            images = (service.image,) if service.image else ()
            names = _unique([service.name, *_other_names(dockerfile, compose)])
            context = service.context if tree.has(service.context) else dockerfile.context
            made.append(Build(dockerfile, context, service.args, images, names, service.file, service.target))
    for artifact in skaffold.artifacts:
        dockerfile = by_path.get(artifact.dockerfile)
        if dockerfile is not None:
            names = _unique([artifact.image.rpartition("/")[2].partition(":")[0], *dockerfile.names])
            context = artifact.context if tree.has(artifact.context) else dockerfile.context
            made.append(Build(dockerfile, context, artifact.args, (artifact.image,), names, artifact.file))
    known = {each.path for each in made}
    made += [Build(each, each.context, names=each.names) for each in by_path.values() if each.path not in known]
    at_root = _project_names(tree)
    named = [each if each.names else replace(each, names=at_root) for each in made]
    if len({each.path for each in named if not each.dockerfile.aside and not each.dockerfile.variant}) == 1:
        named = [replace(each, names=_unique([*each.names, *at_root])) for each in named]
    return _merged(named)


def _other_names(dockerfile: Dockerfile, compose: Compose) -> tuple[str, ...]:
    """The Dockerfile's own names, unless several services are built from it."""
    several = sum(each.dockerfile == dockerfile.path for each in compose.services.values()) > 1
    return () if several else dockerfile.names


def _merged(builds: list[Build]) -> list[Build]:
    """One for several services that are built alike, and for what two files say of the same build."""
    found: dict[Any, Build] = {}
    for each in builds:
        key = (each.path, tuple(sorted(each.args.items())))
        before = found.get(key)
        if before is None:
            found[key] = each
        elif before.images and each.images and not {*before.images} & {*each.images} and before.file == each.file:
            found[*key, each.images] = each
        else:
            images, names = _unique([*before.images, *each.images]), _unique([*before.names, *each.names])
            found[key] = replace(before, images=images, names=names)
    return list(found.values())


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in values if each))


def _project_names(tree: Tree) -> tuple[str, ...]:
    """What the application itself is called: its folder, its module or package, its remote repository."""
    found = [tree.root.name]
    for file, pattern in (
        ("go.mod", r"^module\s+\S*?([\w.-]+?)(?:/v\d+)?\s*$"),
        ("package.json", r'^\s*"name"\s*:\s*"(?:@[^/"]+/)?([^"]+)"'),
        ("pyproject.toml", r'^name\s*=\s*"([^"]+)"'),
        ("Cargo.toml", r'^name\s*=\s*"([^"]+)"'),
        (".git/config", r"^\s*url\s*=\s*\S+/([\w.-]+?)(?:\.git)?\s*$"),
    ):
        for path in sorted(each for each in tree.files if each == file) or ([file] if file.startswith(".git/") else []):
            match = re.search(pattern, tree.text(path), re.MULTILINE)
            if match:
                found.append(match[1])
    return _unique(found)


def folder_name(build: Build) -> str:
    """The folder that a Dockerfile is in."""
    return folder_of(build.path)
