"""What images a project has, and what each is to be called: nothing is built here, and no program started."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubetasks.errors import BuildFailed, DockerfileMissing
from kubetasks.images import ignore as ignoring
from kubetasks.images.digest import digest
from kubetasks.settings import Settings

BASE_ARG = "BASE_IMAGE"


@dataclass(frozen=True)
class Image:
    """One image: what it is built from, and its name.

    Args:
        service: the service's name.
        reference: ``repository:tag``; the tag is the digest of everything that goes in.
        dockerfile: the Dockerfile.
        context: the build context.
        build_args: build arguments, ``BASE_IMAGE`` among them.
        platform: e.g. ``linux/arm64``; the engine's own where empty.
    """

    service: str
    reference: str
    dockerfile: Path
    context: Path
    build_args: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""

    @property
    def repository(self) -> str:
        """The name without the tag."""
        return self.reference.rpartition(":")[0]

    @property
    def tag(self) -> str:
        """The digest."""
        return self.reference.rpartition(":")[2]


def plan(settings: Settings, root: Path, repository: Callable[[str], str]) -> dict[str, Image]:
    """The images of every service, by its name.

    Args:
        settings: the settings.
        root: the project's root.
        repository: the target's name for a service's image, without a tag.

    Raises:
        DockerfileMissing: a Dockerfile or a build context is not there.
        BuildFailed: Docker would refuse the ignore file.
    """
    return {name: _image(settings, root, name, repository(name)) for name in settings.services}


def _image(settings: Settings, root: Path, name: str, repository: str) -> Image:
    service = settings.services[name]
    context, dockerfile = root / service.context, root / service.dockerfile
    key = f"kubetasks.services.{name}"
    if not context.is_dir():
        raise DockerfileMissing(
            f"the build context of {name} is not there", why=f"no folder {service.context}", fix=f"set {key}.context"
        )
    try:
        source = dockerfile.read_bytes()
    except OSError as error:
        raise DockerfileMissing(
            f"the Dockerfile of {name} is not there",
            why=f"{service.dockerfile}: {error.strerror or 'cannot be read'}",
            fix=f"make it, or set {key}.dockerfile",
        ) from None
    arguments = {BASE_ARG: settings.base_image, **service.build_args}
    tag = digest(
        context=context,
        dockerfile=source,
        ignore=_ignore(dockerfile, context, name),
        build_args=arguments,
        base_image=arguments[BASE_ARG],
        platform=settings.images.platform,
    )
    return Image(name, f"{repository}:{tag}", dockerfile, context, arguments, settings.images.platform)


def _ignore(dockerfile: Path, context: Path, name: str) -> ignoring.Ignore:
    path = ignoring.find(dockerfile, context)
    if path is None:
        return ignoring.Ignore([])
    try:
        return ignoring.Ignore(ignoring.read(path.read_text(encoding="utf-8", errors="surrogateescape")))
    except ignoring.BadPattern as bad:
        raise BuildFailed(
            f"{path.name} of {name} has a pattern that Docker refuses", why=f"`{bad}`", fix=f"mend it in {path}"
        ) from None
