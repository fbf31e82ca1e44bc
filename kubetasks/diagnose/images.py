"""Image references, and the images that nodes have."""

import re
from collections.abc import Iterator

from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.words import Near, is_slip, nearest

VALID = re.compile(
    r"^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)


def whole(reference: str) -> str:
    """A reference as a node names it: with registry, library and tag."""
    name, at, digest = reference.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    if at:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def short(reference: str) -> str:
    """A reference as a person writes it."""
    return reference.removeprefix("docker.io/library/").removeprefix("docker.io/")


def split(reference: str) -> tuple[str, str]:
    """Repository and tag."""
    name = whole(reference).partition("@")[0]
    head, _, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return f"{head}/{repository}" if head else repository, tag


def registry(reference: str) -> str:
    """The registry's host."""
    return whole(reference).partition("/")[0]


def on_nodes(world: World) -> list[str]:
    """The images that the nodes have, whole."""
    found: dict[str, None] = {}
    for node in world.all("Node"):
        for image in (node.get("status") or {}).get("images") or ():
            for name in image.get("names") or ():
                found[whole(name)] = None
    return list(found)


def in_use(world: World) -> Iterator[str]:
    """The images of containers that run in the namespace."""
    for workload in world.workloads.values():
        for pod in workload.pods:
            for container in pod.containers:
                if container.is_running:
                    yield whole(container.image)


def meant(world: World, workload: Workload, container: str, image: str) -> Near:
    """The image that was most likely meant by one that cannot be had.

    The one of the revision before, if it is near; another tag of the same repository; a typo in the name.
    """
    wanted = whole(image)
    repository, tag = split(image)
    have = list(dict.fromkeys([*in_use(world), *on_nodes(world)]))
    before = [whole(each) for each in earlier(world, workload, container)]
    for each in before:
        if each in have or each != wanted:
            name, _ = split(each)
            if name == repository or is_slip(name, repository):
                return Near(short(each), typo=each in have)
    same = [each for each in have if split(each)[0] == repository]
    if same:
        near = nearest(tag, [split(each)[1] for each in same])
        best = next((each for each in same if split(each)[1] == near.name), same[0])
        return Near(short(best), typo=len(same) == 1 or near.typo)
    names = {split(each)[0]: each for each in have}
    near = _alike(repository, list(names))
    if not near:
        # A registry left out or misspelt: the last part of the name counts.
        last = repository.rpartition("/")[2]
        fitting = [name for name in names if name.rpartition("/")[2] == last]
        near = Near(fitting[0], typo=len(fitting) == 1) if fitting else near
    if not near:
        return Near()
    tags = [each for each in have if split(each)[0] == near.name]
    best = next((each for each in tags if split(each)[1] == tag), tags[0])
    return Near(short(best), typo=near.typo and (len(tags) == 1 or split(best)[1] == tag))


def _alike(repository: str, names: list[str]) -> Near:
    """The repository that was meant: one that differs by a typo, or whose own name is near below the same path.

    The path is not compared: two images of one registry are not alike because it has a long name.
    """
    slips = [name for name in names if is_slip(repository, name)]
    if slips:
        return nearest(repository, slips)
    head, slash, last = repository.rpartition("/")
    beside = {name.rpartition("/")[2]: name for name in names if name.rpartition("/")[0] == head}
    near = nearest(last, beside)
    return Near(f"{head}{slash}{near.name}", typo=near.typo) if near else near


def earlier(world: World, workload: Workload, container: str) -> list[str]:
    """The images that a container had in earlier revisions, the newest first."""
    found = []
    for item in world.earlier(workload) if workload.kind == "Deployment" else []:
        spec = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
        for part in ("containers", "initContainers"):
            found += [str(each.get("image")) for each in spec.get(part) or () if each.get("name") == container]
    return found
