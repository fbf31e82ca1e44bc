"""What a Dockerfile says of running its last stage: ENTRYPOINT, CMD, WORKDIR, ENV, and where its files come from.

The rules are those of https://docs.docker.com/reference/dockerfile/: a stage that begins with an earlier one inherits
from it, ENTRYPOINT drops an inherited CMD, and the shell form runs in the shell of SHELL.
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kubetasks.images.dockerfile import arguments_of, assignments, expand, instructions

SHELL: Final = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Runtime:
    """How an image runs.

    Args:
        entrypoint: ENTRYPOINT; None where there is none.
        cmd: CMD; None where there is none.
        workdir: the absolute path of WORKDIR.
        env: ENV.
        copies: what COPY and ADD put where: a path of the build context and a path of the image, in their order. The
            second one ends with a slash where it is a folder that the first one is put into.
    """

    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    workdir: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[tuple[str, str], ...] = ()

    def source(self, path: str, context: Path) -> Path | None:
        """The file or folder of the build context that a path of the image was copied from.

        Args:
            path: an absolute path of the image.
            context: the build context's folder.

        Returns:
            None where no COPY or ADD says so.
        """
        wanted = posixpath.normpath(path)
        for origin, target in reversed(self.copies):
            found = context / origin
            place = posixpath.normpath(target)
            if found.is_dir():
                if wanted == place or wanted.startswith(f"{place.rstrip('/')}/"):
                    return found / posixpath.relpath(wanted, place)
                # `COPY src ./src` into the folder that is looked for: its counterpart holds src.
                below = posixpath.relpath(place, wanted)
                parts, own = Path(below).parts, found.absolute().parts
                if not below.startswith("..") and own[len(own) - len(parts) :] == parts:
                    return Path(*own[: len(own) - len(parts)])
            elif found.exists():
                file = posixpath.join(place, Path(origin).name) if target.endswith("/") else place
                if wanted == file:
                    return found
                if wanted == posixpath.dirname(file) and Path(origin).name == posixpath.basename(file):
                    return found.parent
        return None


def read(text: str, arguments: Mapping[str, str]) -> Runtime:
    """What a Dockerfile says of running its last stage.

    Args:
        text: the Dockerfile.
        arguments: the build arguments.
    """
    reader = _Reader(arguments)
    for word, rest in instructions(text):
        reader.take(word, rest)
    return reader.now.runtime


@dataclass
class _Stage:
    runtime: Runtime = field(default_factory=Runtime)
    shell: tuple[str, ...] = SHELL
    values: dict[str, str] = field(default_factory=dict)
    has_cmd: bool = False


class _Reader:
    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.before: dict[str, str] = {}
        self.stages: dict[str, _Stage] = {}
        self.number = 0
        self.now = _Stage()

    def take(self, word: str, rest: str) -> None:
        now = self.now
        if word == "FROM":
            self._begin(rest)
        elif word == "ARG":
            for name, value in assignments(rest):
                held = self.arguments.get(name, self.before.get(name) if value is None else value)
                if held is not None:
                    now.values[name] = expand(held, now.values)
            if not self.number:
                self.before = dict(now.values)
        elif word == "ENV":
            pairs = list(assignments(rest))
            if pairs and pairs[0][1] is None:
                pairs = [(pairs[0][0], rest.partition(" ")[2].strip())]
            made = {name: expand(value or "", now.values) for name, value in pairs}
            now.values |= made
            now.runtime = replace(now.runtime, env={**now.runtime.env, **made})
        elif word == "WORKDIR":
            path = expand(rest.strip("\"'"), now.values)
            now.runtime = replace(now.runtime, workdir=posixpath.normpath(posixpath.join(now.runtime.workdir, path)))
        elif word in {"COPY", "ADD"}:
            self._copy(rest)
        else:
            self._take_command(word, rest)

    def _take_command(self, word: str, rest: str) -> None:
        now = self.now
        if word == "SHELL":
            now.shell = _list(rest) or now.shell
        elif word == "CMD":
            now.runtime, now.has_cmd = replace(now.runtime, cmd=self._command(rest)), True
        elif word == "ENTRYPOINT":
            cmd = now.runtime.cmd if now.has_cmd else None
            now.runtime = replace(now.runtime, entrypoint=self._command(rest), cmd=cmd)

    def _begin(self, rest: str) -> None:
        _, found = arguments_of(rest)
        base = expand(found[0], self.before) if found else ""
        parent = self.stages.get(base.lower())
        self.now = _Stage(parent.runtime, parent.shell, dict(parent.runtime.env)) if parent else _Stage()
        if len(found) >= 3 and found[1].upper() == "AS":
            self.stages[found[2].lower()] = self.now
        self.stages[str(self.number)] = self.now
        self.number += 1

    def _command(self, rest: str) -> tuple[str, ...]:
        """The exec form as it is; the shell form in the stage's shell. Variables in either are left to the shell."""
        spelled = _list(rest)
        return (*self.now.shell, rest) if spelled is None else spelled

    def _copy(self, rest: str) -> None:
        flags, found = arguments_of(rest)
        if len(found) < 2 or any(each.startswith("<<") for each in found):
            return
        *origins, target = (expand(each, self.now.values) for each in found)
        place = posixpath.join(self.now.runtime.workdir, target)
        into = target.endswith(("/", ".")) or len(origins) > 1
        stage = self.stages.get(expand(flags["from"][-1], self.now.values).lower()) if "from" in flags else None
        if "from" in flags and stage is None:
            return  # of another image
        copies = list(self.now.runtime.copies)
        for origin in origins:
            if stage is None:
                own = posixpath.normpath(origin.lstrip("/") or ".")
                copies.append((own, f"{posixpath.normpath(place)}/" if into else place))
            else:
                copies += _through(stage.runtime, posixpath.join("/", origin), place)
        self.now.runtime = replace(self.now.runtime, copies=tuple(copies))


def _through(stage: Runtime, origin: str, place: str) -> list[tuple[str, str]]:
    """What an earlier stage copied from the context, as far as it is below a folder that is copied on."""
    found = []
    top = posixpath.normpath(origin)
    for own, target in stage.copies:
        below = posixpath.relpath(posixpath.normpath(target), top)
        if not below.startswith(".."):
            end = "/" if target.endswith("/") else ""
            found.append((own, posixpath.normpath(posixpath.join(place, below)) + end))
    return found


def _list(text: str) -> tuple[str, ...] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return tuple(map(str, found)) if isinstance(found, list) else None
