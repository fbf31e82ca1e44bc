"""Whether an image is built for the processors of the nodes that are to run it."""

from collections.abc import Iterable
from typing import Final

from kubetasks.errors import Forbidden, ToolFailed, WrongArchitecture
from kubetasks.images.plan import Image
from kubetasks.objects import Objects, of_kind
from kubetasks.targets.base import Store

# Other names that Docker takes (https://pkg.go.dev/github.com/containerd/platforms).
ALSO: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm"}


def architectures(nodes: Objects) -> set[str]:
    """The architectures of nodes that take pods, as Go names them: ``amd64``, ``arm64``."""
    taking = (node for node in of_kind(nodes, "Node") if not (node.get("spec") or {}).get("unschedulable"))
    named = (((node.get("status") or {}).get("nodeInfo") or {}).get("architecture") for node in taking)
    return {str(each) for each in named if each}


def check(images: Iterable[Image], store: Store) -> None:
    """Refuse to build what no node can run. A user who is not allowed to list nodes is not stopped.

    Args:
        images: the images that are about to be built.
        store: where the nodes are asked for; one call, and none where nothing is to be built.

    Raises:
        WrongArchitecture: no node has the architecture of an image.
    """
    wanted = list(images)
    if not wanted:
        return
    try:
        there = architectures(store.get(["Node"]))
    except (Forbidden, ToolFailed):
        return
    for image in wanted:
        system, _, rest = image.recipe.for_platform.partition("/")
        named = rest.partition("/")[0].lower()
        own = ALSO.get(named, named)
        if there and own not in there:
            platform = f"{system}/{min(there)}"
            raise WrongArchitecture(
                f"{image.service} would be built for {own}, and the nodes are {', '.join(sorted(there))}",
                why="kubetasks.images.platform says so" if image.recipe.platform else "this machine builds for its own",
                fix=f"set kubetasks.images.platform to {platform} (KUBETASKS_IMAGES_PLATFORM={platform})",
            )
