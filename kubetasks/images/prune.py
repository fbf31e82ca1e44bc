"""Which tags of the project's images the engine has, and taking the old ones away."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubetasks.errors import ToolFailed
from kubetasks.images.engine import engine_down
from kubetasks.images.plan import Image
from kubetasks.runner import Environment, Runner
from kubetasks.settings import Settings
from kubetasks.tools import docker


@dataclass(frozen=True)
class Built:
    """One tag of a service's image in the engine.

    Args:
        service: the service's name.
        reference: ``repository:tag``.
        created: when it was built, as docker prints it.
        size: how large it is, as docker prints it.
    """

    service: str
    reference: str
    created: str
    size: str


def built(images: Sequence[Image], runner: Runner, env: Environment | None = None) -> list[Built]:
    """Every tag of these images' repositories in the engine, the newest of each first.

    Args:
        images: the planned images.
        runner: starts docker.
        env: the client's environment, to reach another engine than the host's own.

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: docker is not installed.
        ToolFailed: docker cannot list images.
    """
    result = runner.run(docker.image_ls(), env=env, timeout=30, check=False)
    if docker.is_down(result.stderr):
        raise engine_down(result.stderr)
    if not result.ok:
        raise ToolFailed("docker cannot list images", why=(result.lines or ["it printed nothing"])[-1])
    rows = docker.parse_image_ls(result.stdout)
    found: list[Built] = []
    for image in images:
        own = [row for row in rows if row.repository == image.repository]
        own.sort(key=lambda row: row.created, reverse=True)  # stable: docker lists the newest first
        found += [Built(image.service, row.reference, row.created, row.size) for row in own]
    return found


def spare(
    images: Sequence[Image],
    settings: Settings,
    runner: Runner,
    env: Environment | None = None,
    *,
    in_use: Iterable[str] = (),
) -> list[str]:
    """The references of all but the newest ``images.keep`` tags of each image.

    Args:
        images: the planned images; their own references stay.
        settings: the settings.
        runner: starts docker.
        env: the client's environment, to reach another engine than the host's own.
        in_use: further references that stay whatever their age (what is deployed now).

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: docker is not installed.
        ToolFailed: docker cannot list images.
    """
    kept = {name for image in images for name in (image.reference, image.built_as)} | set(in_use)
    there = built(images, runner, env)
    old: list[str] = []
    for image in images:
        own = [row.reference for row in there if row.service == image.service]
        old += [reference for reference in own[settings.images.keep :] if reference not in kept]
    return old


def prune(
    images: Sequence[Image],
    settings: Settings,
    runner: Runner,
    env: Environment | None = None,
    *,
    in_use: Iterable[str] = (),
) -> list[str]:
    """Remove what ``spare`` lists, and return the removed references; arguments and errors are the same."""
    old = spare(images, settings, runner, env, in_use=in_use)
    # One call each: an image that a container holds must not keep the others.
    return [each for each in old if runner.run(docker.rmi([each]), env=env, timeout=120, check=False).ok]
