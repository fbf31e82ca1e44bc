"""Dockerfiles: which there are, what each is called, and which folder it is built from."""

import re
from dataclasses import dataclass, field
from typing import Final

from kubetasks.images import dockerfile as reader
from kubetasks.init.walk import Tree, folder_of, is_aside, joined

NAME: Final = re.compile(
    r"^(?:Docker|Container)file(?:[._-](?P<after>.+))?$|^(?P<before>.+)\.(?:Docker|Container)file$", re.IGNORECASE
)
NOT: Final = re.compile(
    r"\.(?:dockerignore|md|j2|jinja2?|tmpl|tpl|template|erb|bak|orig|swp|txt|sh|py|ya?ml|json)$", re.IGNORECASE
)
# Words after a Dockerfile's name that say how it is built, and not what it is.
VARIANTS: Final = frozenset(
    {
        "debug", "dev", "devel", "development", "test", "tests", "testing", "ci", "local", "prod", "production", "base",
        "alpine", "slim", "debian", "ubuntu", "arm", "arm64", "armv7", "amd64", "windows", "nano", "gpu", "cpu", "cuda",
        "release", "build", "builder", "distroless", "scratch", "ubi", "rhel", "multi", "multistage", "xx", "native",
        "jvm", "legacy-jar", "native-micro", "chiseled", "nightly", "staging", "offline",
    }
)  # fmt: skip
PRODUCTION: Final = frozenset({"prod", "production", "release", "multistage"})
# Folders that say nothing of what is in them.
GENERIC: Final = frozenset(
    {
        "", ".", "src", "app", "apps", "application", "docker", "dockerfiles", "container", "containers", "image",
        "images", "build", "builds", "package", "packages", "deploy", "deployment", "source", "code", "services",
        "service", "components", "cmd", "main", "dockerfile", "infra", "ops", "projects", "modules",
    }
)  # fmt: skip
# What the root of a source tree has.
PROJECT_FILES: Final = (
    "package.json", "requirements.txt", "pyproject.toml", "go.mod", "pom.xml", "build.gradle", "build.gradle.kts",
    "Cargo.toml", "Gemfile", "composer.json", "mix.exs", "setup.py", "Pipfile", "uv.lock", "gradlew", "mvnw",
)  # fmt: skip


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile of the application.

    Args:
        path: where it is.
        context: the folder that it is built from, as far as its own lines tell.
        names: what it is called, the best name first.
        above: the names of the folders further up.
        variant: how it is built (``debug``), where its name says so.
        bases: the images that it is built from.
        ports: the ports that it exposes.
        user: the user that its last stage runs as; empty for root.
        base_arg: what its ``ARG BASE_IMAGE`` is by default; None where it has none.
        arguments: build arguments without a default.
    """

    path: str
    context: str = "."
    names: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    variant: str = ""
    bases: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    user: str = ""
    base_arg: str | None = None
    arguments: tuple[str, ...] = field(default=())

    @property
    def aside(self) -> bool:
        """Whether it is of tests, examples or the like."""
        return is_aside(self.path)


def find(tree: Tree) -> list[Dockerfile]:
    """The Dockerfiles of a tree, with one ``FROM`` at least."""
    found = []
    for path in tree.named(lambda name: bool(NAME.match(name)) and not NOT.search(name)):
        text = tree.text(path)
        read = reader.read(text, {})
        if any(word == "FROM" for word, _ in reader.instructions(text)):
            found.append(_made(tree, path, text, read))
    return found


def _made(tree: Tree, path: str, text: str, read: reader.Named) -> Dockerfile:
    name = path.rpartition("/")[2]
    match = NAME.match(name)
    word = ((match["after"] or match["before"] or "") if match else "").strip("._-")
    variant = word.lower() if word.lower() in VARIANTS else ""
    names = [] if variant or not word else [word]
    parts = folder_of(path).split("/")
    folders = [part for part in reversed(parts) if part.lower() not in GENERIC | VARIANTS]
    names += folders[:1]
    ports, user, base, arguments = _said(text)
    context = _context(tree, path, read.paths, names)
    return Dockerfile(
        path,
        context,
        tuple(dict.fromkeys(names)),
        tuple(folders[1:]),
        variant,
        read.bases,
        ports,
        user,
        base,
        arguments,
    )


def _said(text: str) -> tuple[tuple[int, ...], str, str | None, tuple[str, ...]]:
    ports: list[int] = []
    user, base = "", None
    values: dict[str, str] = {}
    open_: list[str] = []
    for word, rest in reader.instructions(text):
        if word in {"ARG", "ENV"} and rest:
            name, sign, value = rest.partition("=")
            if not sign and word == "ENV":
                name, _, value = rest.partition(" ")
            name, value = name.strip(), value.strip().strip("\"'")
            if name.isidentifier():
                values[name] = reader.expand(value, values)
                if word == "ARG" and not sign:
                    open_.append(name)
                if word == "ARG" and name == "BASE_IMAGE" and base is None:
                    base = values[name]
        elif word == "FROM":
            ports, user = [], ""
        elif word == "USER":
            user = reader.expand(rest, values).partition(":")[0].strip()
        elif word == "EXPOSE":
            for each in reader.expand(rest, values).split():
                number = each.partition("/")[0]
                if number.isdigit() and 0 < int(number) < 65536 and not each.endswith("/udp"):
                    ports.append(int(number))
    return tuple(dict.fromkeys(ports)), "" if user in {"0", "root"} else user, base, tuple(open_)


def _context(tree: Tree, path: str, sources: tuple[str, ...], names: list[str]) -> str:
    """The nearest folder from the Dockerfile's own upwards in which most of what it copies exists."""
    own = folder_of(path)
    folders = [own]
    while folders[-1] != ".":
        folders.append(folder_of(folders[-1]))
    # docker/web/Dockerfile for web/.
    beside = [
        each
        for name in names
        for each in (name, f"src/{name}", f"apps/{name}", f"services/{name}")
        if each not in folders
    ]
    folders += [each for each in dict.fromkeys(beside) if (tree.root / each).is_dir()]
    bare = {each for each in folders if each != "." and _is_alone(tree, each)}
    alone = own in bare
    named = [each for each in sources if each not in {".", "./", ""}]

    def worth(folder: str) -> tuple[int, int]:
        there = sum(_is_there(tree, folder, each) for each in named)
        if folder == own and alone:
            return there, -1 if own.rpartition("/")[2].lower() in GENERIC else 0
        if folder in bare:
            return there, -2
        holds_project = any((tree.root / folder / each).is_file() for each in PROJECT_FILES)
        return there, 2 * holds_project + (folder in beside) if alone else 0

    if named and not any(worth(folder)[0] for folder in folders):
        # All of it is built before: from the nearest folder that is a project.
        projects = (each for each in folders if any((tree.root / each / name).is_file() for name in PROJECT_FILES))
        return next(projects, own)
    return max(folders, key=lambda folder: (*worth(folder), -folders.index(folder)))


def _is_alone(tree: Tree, folder: str) -> bool:
    """Whether a folder holds nothing to build from: Dockerfiles and scripts alone."""
    return not any(
        not (NAME.match(each.rpartition("/")[2]) or each.endswith((".dockerignore", ".md", ".sh", ".conf")))
        for each in tree.within(folder)
    )


def _is_there(tree: Tree, folder: str, source: str) -> bool:
    place = tree.root / joined(folder, source)
    if set("*?[") & set(source):
        try:
            return any(True for _ in (tree.root / folder).glob(source.lstrip("/")))
        except (OSError, ValueError, NotImplementedError):
            return False
    return place.exists()
