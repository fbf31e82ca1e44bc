"""What the container engine has under the planned names, and whether it is what they stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kubetasks.errors import DiskFull, EngineDown
from kubetasks.images.content import LABEL, identity
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.runner import Environment, Runner
from kubetasks.tools import ctr, docker
from kubetasks.tools.docker import Inspected


def engine_down(text: str) -> EngineDown:
    """The error for a client that cannot reach its engine."""
    matching = [line.strip() for line in text.splitlines() if docker.is_down(line)]
    return EngineDown(
        "the container engine does not answer",
        why=matching[0] if matching else "",
        fix="start Docker, or use --target local, which needs no engine",
    )


def disk_full(what: str, text: str) -> DiskFull:
    """The error for an engine or a node without space."""
    matching = [line.strip() for line in text.splitlines() if docker.is_disk_full(line)]
    return DiskFull(
        what,
        why=matching[-1] if matching else "no space left on device",
        fix="make room: inv image.prune, docker system df",
    )


def inspect(references: Iterable[str], runner: Runner, env: Environment | None = None) -> dict[str, Inspected]:
    """The engine's images by the names that were asked for; one call for all.

    Args:
        references: ``repository:tag``, or any name that docker knows.
        runner: starts docker.
        env: the client's environment, to reach another engine than the host's own.

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: docker is not installed.
    """
    wanted = list(dict.fromkeys(references))
    if not wanted:
        return {}
    result = runner.run(docker.image_inspect(wanted), env=env, timeout=30, check=False)
    if docker.is_down(result.stderr):
        raise engine_down(result.stderr)
    there = {_whole(tag): image for image in docker.parse_inspect(result.stdout) for tag in image.tags}
    return {name: there[_whole(name)] for name in wanted if _whole(name) in there}


def _whole(reference: str) -> str:
    """A reference with what docker adds to it: the registry, and ``:latest``."""
    name = ctr.full_name(reference)
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


@dataclass(frozen=True)
class View:
    """What the engine has of some images, and of what they are built from.

    Args:
        ledger: what this machine built.
        held: name to image.
    """

    ledger: Ledger
    held: dict[str, Inspected] = field(default_factory=dict)

    def of(self, image: Image, name: str = "") -> Inspected | None:
        """The engine's image under a name, by default the one in use; None unless it is what the name stands for.

        That is: it has the label of this source, is for the platform, and is one of those that this machine built from
        that source, where it built any.
        """
        found = self.held.get(name or image.reference)
        if found is None or found.labels.get(LABEL) != image.mark or not for_platform(image, found):
            return None
        built = self.ledger.built(image.built_as)
        return found if not built or identity(found) in built else None

    def bases(self, image: Image) -> dict[str, str]:
        """Name to ID of what an image is built from, as far as the engine lists it."""
        return {name: self.held[name].id for name in base_names(image) if name in self.held}

    def moved(self, image: Image) -> list[str]:
        """The bases that have another content than when the engine's image was built."""
        found = self.of(image)
        then = self.ledger.built(image.built_as).get(identity(found), {}) if found is not None else {}
        now = self.bases(image)
        return [name for name, base in then.items() if now.get(name, base) != base]


def base_names(image: Image) -> list[str]:
    """The images that an image is built from, without those whose name holds a digest: they cannot change."""
    return [name for name in image.recipe.named.bases if "@" not in name]


def for_platform(image: Image, found: Inspected) -> bool:
    """Whether an image is for the planned platform; a variant (``linux/arm/v7``) is not compared."""
    return found.platform.split("/")[:2] == image.recipe.for_platform.split("/")[:2]


def view(images: Sequence[Image], ledger: Ledger, runner: Runner, env: Environment | None = None) -> View:
    """Ask the engine for images and their bases; one call.

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: docker is not installed.
    """
    names = [name for image in images for name in (image.built_as, image.reference, *base_names(image))]
    return View(ledger, inspect(names, runner, env))
