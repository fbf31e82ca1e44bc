"""Whether the disk of the engine that builds has room for a build.

How much a build adds is not known before it ran. What counts is the whole size of the newest image of the same
repository, as if no layer were shared, or ``UNKNOWN`` where there is none; once more where the image is also copied to
nodes on the same disk.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from kubetasks.errors import KubetasksError
from kubetasks.images.plan import Image
from kubetasks.runner import Runner
from kubetasks.targets import strategies
from kubetasks.targets.base import Target
from kubetasks.tools import docker
from kubetasks.tools.docker import Listed

GIB: Final = 2**30
# An image that was never built here, with its dependencies and the builder's cache.
UNKNOWN: Final = GIB
# Left free: with less, builds and containers begin to fail, and a kubelet on this disk evicts pods.
RESERVE: Final = GIB


def estimate(repositories: Iterable[str], listed: Sequence[Listed], copies: int = 1) -> int:
    """How many bytes building one image of each repository may take.

    Args:
        repositories: image names without tags.
        listed: what the engine has, newest first.
        copies: how many times each image is stored on the same disk.
    """
    sizes: dict[str, int] = {}
    for row in listed:
        sizes.setdefault(row.repository, docker.parse_size(row.size))
    return copies * sum(sizes.get(name) or UNKNOWN for name in repositories)


def shortage(images: Sequence[Image], target: Target, runner: Runner) -> str:
    """One line where building these images may fill the engine's disk; empty where it has room, or cannot be asked."""
    if not images:
        return ""
    try:
        free = target.engine_free()
        if free is None:
            return ""
        env = target.build_env()
        listed = docker.parse_image_ls(runner.run(docker.image_ls(), env=env, timeout=30, check=False).stdout)
    except KubetasksError:  # a warning is no reason to stop
        return ""
    copied = target.cluster is not None and not env and copies_images(target.cluster.kind)
    wanted = estimate([image.repository for image in images], listed, 2 if copied else 1)
    if free >= wanted + RESERVE:
        return ""
    return (
        f"the disk of the engine that builds has {shown(free)} free, and this build may take {shown(wanted)}: make "
        "room with inv image.prune, or docker system prune"
    )


def copies_images(provider: str) -> bool:
    """Whether built images are copied to nodes that are on the disk of the host's engine."""
    return any(row.provider == provider and row.deliver == strategies.LAYERS for row in strategies.TABLE)


def shown(size: float) -> str:
    """A size for people."""
    return f"{size / GIB:.1f} GiB"
