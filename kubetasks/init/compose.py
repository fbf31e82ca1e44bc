"""Compose files: the services that they name, with their overrides merged in.

See https://github.com/compose-spec/compose-spec: ``compose.yaml`` is preferred to ``docker-compose.yml``, an override
beside it is merged, and other files count only where there is no such file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.init.walk import Tree, folder_of, is_aside, joined

NAME: Final = re.compile(r"^(?:docker-)?compose(?P<word>[._-][\w.-]+)?\.ya?ml$", re.IGNORECASE)
VARIABLE: Final = re.compile(r"\$(?:\$|(?P<bare>\w+)|\{(?P<name>\w+)(?:(?P<sign>:?[-?+])(?P<other>[^}]*))?\})")


@dataclass(frozen=True)
class ComposeService:
    """A service of a compose file.

    Args:
        name: its name.
        file: the compose file.
        image: its image; empty where it is only built.
        context: the build's folder, relative to the root; empty where it is not built.
        dockerfile: the Dockerfile, relative to the root.
        args: build arguments.
        target: the stage that is built.
        data: all that the file says of it.
    """

    name: str
    file: str
    image: str = ""
    context: str = ""
    dockerfile: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Compose:
    """The compose files of an application, as one.

    Args:
        files: which.
        services: their services, by name; the first file that has one decides.
        volumes: the named volumes.
        variables: what the ``.env`` beside the first file sets.
    """

    files: tuple[str, ...] = ()
    services: Mapping[str, ComposeService] = field(default_factory=dict)
    volumes: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


def find(tree: Tree) -> Compose:
    """The compose files of a tree: that of the shallowest folder first, files for tests last."""
    files = sorted(tree.named(lambda name: bool(NAME.match(name))), key=_rank)
    services: dict[str, ComposeService] = {}
    volumes: dict[str, Any] = {}
    used: list[str] = []
    variables: dict[str, str] = {}
    for path in files:
        read = _read(tree, path)
        if read is None or not isinstance(read.get("services"), dict):
            continue
        if not used:
            variables = dotenv(tree.text(joined(folder_of(path), ".env")))
        elif _is_override(path) and any(folder_of(path) == folder_of(each) for each in used):
            used.append(path)
            _merge_into(services, tree, path, read["services"], variables)
            continue
        used.append(path)
        volumes.update(_mapping(read.get("volumes")))
        for name, data in read["services"].items():
            if isinstance(data, dict) and str(name) not in services:
                services[str(name)] = service(tree, path, str(name), data, variables)
    return Compose(tuple(used), services, volumes, variables)


def _rank(path: str) -> tuple[bool, int, int, int, str]:
    name = path.rpartition("/")[2].lower()
    match = NAME.match(name)
    word = (match["word"] or "") if match else ""
    kind = 0 if not word else 1 if "override" in word else 3 if "test" in word else 2
    return is_aside(path), path.count("/"), kind, int(name.startswith("docker-")), path


def _is_override(path: str) -> bool:
    return "override" in path.rpartition("/")[2]


def _read(tree: Tree, path: str) -> dict[str, Any] | None:
    found = [each for each in tree.documents(path) if isinstance(each, dict)]
    return found[0] if found else None


def _merge_into(
    services: dict[str, ComposeService], tree: Tree, path: str, over: Any, variables: Mapping[str, str]
) -> None:
    """Add what an override says of builds and ports; the rest of it is for the developer's machine."""
    for name, data in _mapping(over).items():
        before = services.get(str(name))
        if not isinstance(data, dict):
            continue
        if before is None:
            services[str(name)] = service(tree, path, str(name), data, variables)
        else:
            merged = {**before.data}
            for key in ("build", "ports", "expose", "healthcheck"):
                if key in data and not merged.get(key):
                    merged[key] = data[key]
            services[str(name)] = service(tree, before.file, str(name), merged, variables)


def service(tree: Tree, path: str, name: str, data: Mapping[str, Any], variables: Mapping[str, str]) -> ComposeService:
    """A service as a compose file says it."""
    image = substituted(str(data.get("image") or ""), variables)
    build = data.get("build")
    if build is None or build is False:
        return ComposeService(name, path, image, data=data)
    said = build if isinstance(build, dict) else {"context": build}
    where = substituted(str(said.get("context") or "."), variables)
    if "://" in where or where.startswith("git@"):
        return ComposeService(name, path, image, data=data)
    context = joined(folder_of(path), where)
    inner = substituted(str(said.get("dockerfile") or ""), variables)
    dockerfile = joined(context, inner) if inner else _default(tree, context)
    args = {key: substituted(value, variables) for key, value in pairs(said.get("args")).items() if value is not None}
    target = substituted(str(said.get("target") or ""), variables)
    return ComposeService(name, path, image, context, dockerfile, {k: v for k, v in args.items() if v}, target, data)


def _default(tree: Tree, context: str) -> str:
    names = ("Dockerfile", "Containerfile", "dockerfile")
    return next((joined(context, name) for name in names if tree.has(joined(context, name))), joined(context, names[0]))


def pairs(value: Any) -> dict[str, str | None]:
    """A mapping or a list of ``NAME=VALUE`` as a mapping; None for a name without a value."""
    if isinstance(value, dict):
        return {str(key): None if each is None else _text(each) for key, each in value.items()}
    found: dict[str, str | None] = {}
    for each in value if isinstance(value, list) else ():
        name, sign, text = str(each).partition("=")
        found[name] = text if sign else None
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """A text with its variables replaced: by their value, by the default that the text gives, else by nothing."""

    def value(found: re.Match[str]) -> str:
        name = found["bare"] or found["name"]
        if name is None:
            return "$"
        held, sign = variables.get(name, ""), found["sign"] or ""
        if sign.endswith("+"):
            return found["other"] if held else ""
        return held or (found["other"] or "" if sign.endswith("-") else "")

    return VARIABLE.sub(value, text)


def dotenv(text: str) -> dict[str, str]:
    """The plain ``NAME=VALUE`` lines of an env file."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", line)
        if match:
            found[match[1]] = match[2].strip("\"'")
    return found
