"""What images a project has, and what each is to be called: nothing is built here, and no program started."""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubetasks import state
from kubetasks.errors import (
    BuildFailed,
    ContextUnusable,
    DockerfileMissing,
    LineEndings,
    SecretInImage,
    StateUnavailable,
)
from kubetasks.images import ignore as ignoring
from kubetasks.images import line_endings
from kubetasks.images.digest import Recipe, digest
from kubetasks.images.withheld import Withheld
from kubetasks.settings import Settings

BASE_ARG = "BASE_IMAGE"
ASKS_BASE = re.compile(rb"^\s*ARG\s+(?:\S+\s+)*BASE_IMAGE\b", re.MULTILINE | re.IGNORECASE)
# How many paths a note names.
SHOWN = 3


@dataclass(frozen=True)
class Image:
    """One image: what it is built from, and its name.

    Args:
        service: the service's name.
        repository: the name without a tag.
        tag: the digest of everything that goes in.
        recipe: what goes in.
        name: the tag in use where that is another: ``tag-CONTENT``, when ``tag`` stands for another content.
    """

    service: str
    repository: str
    tag: str
    recipe: Recipe = field(compare=False)
    name: str = ""

    @property
    def reference(self) -> str:
        """``repository:tag`` as it is deployed."""
        return f"{self.repository}:{self.name or self.tag}"

    @property
    def built_as(self) -> str:
        """``repository:tag`` as it is built."""
        return f"{self.repository}:{self.tag}"

    @property
    def mark(self) -> str:
        """What it is labelled with: ``project-service:tag``, whatever the registry."""
        return f"{self.repository.rpartition('/')[2]}:{self.tag}"

    def names(self, reference: str) -> bool:
        """Whether a reference is a name of this image: its own, or one with a content's digest after it."""
        return reference == self.built_as or reference.startswith(f"{self.built_as}-")

    def check(self) -> None:
        """Refuse what no builder may get.

        Raises:
            ContextUnusable: a file cannot be read, or is a socket, a pipe or a device.
            SecretInImage: the Dockerfile copies an env file.
            LineEndings: a script that it copies has Windows line endings.
        """
        for path, why in sorted(self.recipe.listing.refused.items()):
            raise ContextUnusable(
                f"{self.recipe.context / path} cannot go into the image of {self.service}",
                why=why,
                fix="add it to .dockerignore",
            )
        for path in _copied_secrets(self.recipe):
            raise SecretInImage(
                f"{self.recipe.dockerfile.name} of {self.service} copies {path}",
                why="it contains secrets, and an image keeps everything that is copied into it",
                fix="remove that line; the application gets its secrets from the Secret when it runs",
            )

        for path in line_endings.scripts(self.recipe):
            attribute = f"`{_pattern(path)} text eol=lf` in .gitattributes"
            raise LineEndings(
                f"{self.recipe.context / path} has Windows line endings",
                why=f"it is a script, and the image of {self.service} could not run it",
                fix=f"convert it (sed -i 's/\\r$//' {path}) and keep it that way: {attribute}",
            )

    def notes(self) -> Iterator[str]:
        """What looks wrong with the context, a line each."""
        listing = self.recipe.listing
        if listing.suspect:
            yield f"{self.service}: the context holds {_some(listing.suspect)}; add it to .dockerignore"
        if listing.modes:
            yield (
                f"{self.service}: the modes of {_some(listing.modes)} are not kept (git would not keep them either); "
                "set them in the Dockerfile"
            )


def _pattern(path: str) -> str:
    """What .gitattributes calls files like this one."""
    suffix = Path(path).suffix
    return f"*{suffix}" if suffix else path


def plan(
    settings: Settings, root: Path, repository: Callable[[str], str], env_files: Sequence[Path] = ()
) -> dict[str, Image]:
    """The images of every service, by its name.

    Args:
        settings: the settings.
        root: the project's root.
        repository: the target's name for a service's image, without a tag.
        env_files: env files beside the one that the settings name.

    Raises:
        DockerfileMissing: a Dockerfile or a build context does not exist.
        BuildFailed: Docker would refuse the ignore file.
        SecretInImage: a build argument is a declared secret.
    """
    withheld = withheld_paths(settings, root, env_files)
    return {name: _image(settings, root, name, repository(name), withheld) for name in settings.services}


def withheld_paths(settings: Settings, root: Path, env_files: Iterable[Path] = ()) -> Withheld:
    """What no context of a project may hold: its env files, and the state of local deployments."""
    paths = [root / settings.env_file] if settings.env_file else []
    # A profile's is left out whichever profile applies.
    named = (each.get("env_file") for each in settings.profiles.values())
    paths += [root / each for each in named if isinstance(each, str) and each]
    paths += [*env_files, state.legacy(root)]
    with contextlib.suppress(StateUnavailable):
        paths.append(state.home())
    return Withheld(tuple(dict.fromkeys(paths)), tuple(settings.secrets))


def _image(settings: Settings, root: Path, name: str, repository: str, withheld: Withheld) -> Image:
    service = settings.services[name]
    context, dockerfile = root / service.context, root / service.dockerfile
    key = f"kubetasks.services.{name}"
    if not context.is_dir():
        raise DockerfileMissing(
            f"the build context of {name} does not exist", why=f"no folder {service.context}", fix=f"set {key}.context"
        )
    try:
        source = dockerfile.read_bytes()
    except OSError as error:
        raise DockerfileMissing(
            f"the Dockerfile of {name} does not exist",
            why=f"{service.dockerfile}: {error.strerror or 'cannot be read'}",
            fix=f"make it, or set {key}.dockerfile",
        ) from None
    base = {BASE_ARG: settings.base_image} if ASKS_BASE.search(source) else {}
    arguments = {**base, **service.build_args}
    for argument in arguments:
        if argument in settings.secrets:
            raise SecretInImage(
                f"build argument {argument} of {name} is a declared secret",
                why="an image keeps its build arguments in its history",
                fix=f"remove it from {key}.build_args; the application gets its secrets from the Secret when it runs",
            )
    recipe = Recipe(
        context=context,
        dockerfile=dockerfile,
        source=source,
        ignore=_ignore(dockerfile, context, name),
        build_args=arguments,
        platform=settings.images.platform,
        withheld=withheld,
    )
    return Image(name, repository, digest(recipe), recipe)


def _ignore(dockerfile: Path, context: Path, name: str) -> ignoring.Ignore:
    path = ignoring.find(dockerfile, context)
    if path is None:
        return ignoring.Ignore([])
    try:
        return ignoring.Ignore(ignoring.read(path.read_text(encoding="utf-8", errors="surrogateescape")))
    except ignoring.BadPattern as bad:
        raise BuildFailed(
            f"{path.name} of {name} has a pattern that Docker refuses", why=f"`{bad}`", fix=f"correct it in {path}"
        ) from None


def _copied_secrets(recipe: Recipe) -> Iterator[str]:
    """The withheld paths that a Dockerfile names."""
    inside = [Path(os.path.relpath(path, recipe.context)) for path in recipe.withheld.paths]
    secret = {*recipe.listing.withheld, *(path.as_posix() for path in inside if ".." not in path.parts)} - {"."}
    for path in recipe.named.paths:
        wanted = path.rstrip("/")
        found = next((each for each in sorted(secret) if wanted == each or wanted.startswith(f"{each}/")), "")
        if not found and any(sign in wanted for sign in "*?["):
            found = _only_secret(wanted, secret, recipe)
        if found:
            yield found


def _only_secret(pattern: str, secret: Iterable[str], recipe: Recipe) -> str:
    """The withheld path that a pattern matches when it matches nothing that is sent."""
    try:
        matches = ignoring.Rule(pattern, exclusion=False).matches
    except ignoring.BadPattern:
        return ""
    found = next((each for each in sorted(secret) if matches(each)), "")
    sent = found and any(matches(item.path) or matches(item.path.partition("/")[0]) for item in recipe.listing.items)
    return "" if sent else found


def _some(paths: Sequence[str]) -> str:
    rest = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
