"""The docker client that can build with BuildKit.

A client from Docker 23 on needs the buildx plugin for it; an older one has BuildKit built in. Where several are
installed, the first on PATH need not be the one that works.
"""

import os
from collections.abc import Iterable
from shutil import which

from kubetasks.errors import ToolMissing
from kubetasks.runner import HINTS, Runner
from kubetasks.tools import docker


def candidates(runner: Runner, path: str | None = None) -> list[str]:
    """Every docker client there is: the one the runner takes (settings, then PATH), then the others on PATH.

    Args:
        runner: finds programs.
        path: folders to search, as in $PATH; this process's own where None.
    """
    folders = (os.environ.get("PATH", "") if path is None else path).split(os.pathsep)
    found = [runner.which("docker"), *(which("docker", path=folder) for folder in folders if folder)]
    return list(dict.fromkeys(each for each in found if each))


def builder(runner: Runner, clients: Iterable[str] | None = None) -> str:
    """The first client that can build.

    Args:
        runner: starts them.
        clients: paths to choose from; ``candidates`` where None.

    Raises:
        ToolMissing: there is none, or none that can build.
    """
    tried: list[str] = []
    for client in candidates(runner) if clients is None else clients:
        version = runner.run(docker.client_version(client), timeout=20, check=False).stdout.strip()
        if 0 < docker.parse_major(version) < docker.FIRST_WITHOUT_BUILDKIT:
            return client
        if runner.run(docker.buildx_version(client), timeout=20, check=False).ok:
            return client
        tried.append(f"{client} {version}".strip())
    if not tried:
        raise ToolMissing("docker is not installed", why="it is not on PATH", fix=HINTS["docker"])
    raise ToolMissing(
        "no docker client can build here",
        why=f"{', '.join(tried)} has no buildx plugin",
        fix="install docker-buildx (https://docs.docker.com/go/buildx/)",
    )
