"""What stands for an image where there is none: what its Dockerfile says of running it, and this checkout's files."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubetasks.images import runtime
from kubetasks.images.names import repository
from kubetasks.images.runtime import Runtime
from kubetasks.objects import Object
from kubetasks.settings import ServiceLocal, Settings

INITS: Final = frozenset({"tini", "tini-static", "dumb-init", "catatonit"})
# Their flags that take a value of their own: tini's signal and exit code, dumb-init's rewriting of a signal.
INIT_VALUES: Final = frozenset({"-p", "-e", "-r", "--rewrite"})


@dataclass(frozen=True)
class LocalImage:
    """The image of one service.

    Args:
        service: the service's name.
        context: its build context.
        runtime: what its Dockerfile says.
        local: what the settings say instead.
    """

    service: str
    context: Path
    runtime: Runtime = field(default_factory=Runtime)
    local: ServiceLocal = field(default_factory=ServiceLocal)

    def folder(self, container: Object, root: Path) -> Path:
        """The working directory of a container.

        Args:
            container: its ``workingDir`` goes before the Dockerfile's.
            root: what the setting is relative to.
        """
        if self.local.cwd:
            return root / self.local.cwd
        path = posixpath.join(self.runtime.workdir, str(container.get("workingDir") or ""))
        found = self.runtime.source(path, self.context)
        return found if found is not None and found.is_dir() else self.context

    def environment(self) -> dict[str, str]:
        """ENV, with paths of this checkout in place of the image's. PATH is left to this machine."""
        return {name: self._here(value) for name, value in self.runtime.env.items() if name != "PATH"}

    def command(self, container: Object) -> list[str]:
        """What the container runs: its own ``command`` and ``args``, else ENTRYPOINT and CMD.

        Empty where neither says so. ``$`` of the Dockerfile's own words is doubled: Kubernetes expands no variables
        there. An init process such as ``tini`` is left out: the supervisor reaps the children here.
        """
        if self.local.command:
            return list(self.local.command)
        own, given = container.get("command") or [], container.get("args") or []
        if own:
            return without_init([*map(str, own), *map(str, given)])
        entry = [_quoted(each) for each in self.runtime.entrypoint or ()]
        rest = list(map(str, given)) or [_quoted(each) for each in self.runtime.cmd or ()]
        return without_init([*entry, *rest])

    def program(self, name: str) -> str:
        """A program of the command: the file of this checkout that it was copied from, where there is one."""
        found = self.runtime.source(name, self.context) if name.startswith("/") else None
        return str(found) if found is not None and found.is_file() else name

    def _here(self, text: str) -> str:
        """A text with the folders of this checkout in place of those of the image that they were copied to."""

        def replaced(match: re.Match[str]) -> str:
            found = self.runtime.source(match[0], self.context)
            return str(found) if found is not None and found.exists() else match[0]

        return re.sub(r"(?<![^:=,;\s])/[\w./-]+", replaced, text)


def without_init(argv: list[str]) -> list[str]:
    """A command line without ``tini``, ``dumb-init`` or ``catatonit`` and their flags in front of the real command."""
    if not argv or posixpath.basename(argv[0]) not in INITS:
        return argv
    rest = argv[1:]
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag == "--":
            break
        if flag in INIT_VALUES and rest:
            rest.pop(0)
    return rest or argv


def _quoted(text: str) -> str:
    return text.replace("$", "$$")


@dataclass(frozen=True)
class LocalImages:
    """The images of all services.

    Args:
        by_repository: the image of each service by every name that stands for it.
    """

    by_repository: Mapping[str, LocalImage] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, root: Path, name: Mapping[str, str]) -> "LocalImages":
        """Read the Dockerfiles of all services.

        Args:
            settings: say where they are.
            root: the project's root.
            name: service to the repository of the image that is built for it.
        """
        found: dict[str, LocalImage] = {}
        for service, item in settings.services.items():
            try:
                text = (root / item.dockerfile).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""  # said elsewhere: its bytes are a part of the image's digest
            image = LocalImage(service, root / item.context, runtime.read(text, item.build_args), item.local)
            for each in (settings.image_names.get(service, service), name[service]):
                found[repository(each)] = image
        return cls(found)

    def get(self, container: Object) -> LocalImage | None:
        """The image of a container; None where it is not built here."""
        return self.by_repository.get(repository(str(container.get("image") or "")))
