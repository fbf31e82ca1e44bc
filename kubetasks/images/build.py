"""Building images in parallel, with a progress line each."""

import contextlib
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubetasks import state
from kubetasks.errors import BuildFailed, Interrupted, KubetasksError, SecretInImage, StateUnavailable, ToolTimeout
from kubetasks.images import client
from kubetasks.images.content import LABEL, identity
from kubetasks.images.engine import View, base_names, disk_full, engine_down, for_platform, view
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.images.stage import Staged, staged
from kubetasks.images.supply import supply
from kubetasks.runner import Environment, Process, Runner
from kubetasks.settings import Settings
from kubetasks.tools import docker
from kubetasks.tools.docker import Inspected

# How many lines of a failed build are shown.
SHOWN = 20

Progress = Callable[[str, str], None]


def labels(image: Image, project: str) -> dict[str, str]:
    """The OCI labels of an image. None depends on the time or the checkout: the same source gives the same image.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    return {
        "org.opencontainers.image.title": f"{project}-{image.service}",
        "org.opencontainers.image.version": image.tag,
        "org.opencontainers.image.base.name": image.recipe.build_args.get("BASE_IMAGE", ""),
        LABEL: image.mark,
    }


@dataclass
class _Build:
    """One build while it runs."""

    image: Image
    process: Process
    lines: list[str] = field(default_factory=list)


def build(
    images: Sequence[Image],
    settings: Settings,
    runner: Runner,
    env: Environment | None,
    progress: Progress,
    ledger: Ledger,
    *,
    cache: bool = True,
    pending: bool = False,
) -> dict[str, Inspected]:
    """Build images in parallel; the first that fails ends the others. Returns the engine's image of each service.

    Args:
        images: what to build.
        settings: the settings.
        runner: starts docker.
        env: the target's build environment.
        progress: called with a service and what its build is doing.
        ledger: where the results are noted.
        cache: whether layers of earlier builds may be used.
        pending: whether the next deploy is to take these instead of what is deployed.

    Raises:
        ToolMissing: no docker client that can build.
        EngineDown: the engine does not answer.
        DiskFull: no space was left.
        ContextUnusable: a file of a context cannot be sent.
        SecretInImage: a Dockerfile copies an env file.
        SourceChanged: a file was changed meanwhile.
        BuildFailed: a build failed, with its last lines.
        ToolTimeout: a build took longer than ``images.build_timeout``.
        Interrupted: Ctrl-C; every build is ended by then.
    """
    if not images:
        return {}
    for image in images:
        image.check()
    if settings.offline:
        bases = [name for image in images for name in base_names(image)]
        supply(bases, runner, env, lambda line: progress("bases", line))
    program = client.builder(runner)
    child: Mapping[str, str | None] = {**docker.BUILD_ENV, **(env or {})}
    with contextlib.ExitStack() as running:
        try:
            place = running.enter_context(_staging(ledger.root))
            contexts = [running.enter_context(staged(each.recipe, each.tag, place / each.service)) for each in images]
            _wait(
                [
                    _start(image, context, program, settings, runner, child, running, cache=cache)
                    for image, context in zip(images, contexts, strict=True)
                ],
                settings,
                runner,
                progress,
            )
        except KeyboardInterrupt:
            raise Interrupted("interrupted during the build", fix="run it again; finished layers are kept") from None
    there = view(images, ledger, runner, env)
    return {image.service: _built(image, there, pending=pending) for image in images}


@contextlib.contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """The folder for the copies of contexts: the same for every build, where the user has a folder for state."""
    try:
        yield state.claim(root) / "context"
    except StateUnavailable:
        with tempfile.TemporaryDirectory(prefix="kubetasks-") as name:
            yield Path(name)


def _built(image: Image, there: View, *, pending: bool) -> Inspected:
    """The engine's image after a build, noted in the ledger."""
    found = there.held.get(image.built_as)
    if found is None or found.labels.get(LABEL) != image.mark:
        raise BuildFailed(
            f"{image.built_as} was built, but the engine does not have it",
            why="the current builder does not put its results into the engine",
            fix="choose the engine's own: docker buildx use default",
        )
    if not for_platform(image, found):
        raise BuildFailed(
            f"{image.built_as} is for {found.platform}, not for {image.recipe.for_platform}",
            why="the engine builds for another platform than this machine's",
            fix=f"set kubetasks.images.platform to {found.platform}",
        )
    there.ledger.note(image.built_as, identity(found), there.bases(image), pending=pending)
    return found


def _start(
    image: Image,
    context: Staged,
    program: str,
    settings: Settings,
    runner: Runner,
    env: Environment,
    running: contextlib.ExitStack,
    *,
    cache: bool,
) -> _Build:
    argv = docker.build(
        program,
        tag=image.built_as,
        dockerfile=str(context.dockerfile),
        context=str(context.context),
        build_args=image.recipe.build_args,
        labels=labels(image, settings.project),
        platform=image.recipe.platform,
        cache=cache,
    )
    return _Build(image, running.enter_context(runner.spawn(argv, env=env, merge=True)))


def _wait(builds: Sequence[_Build], settings: Settings, runner: Runner, progress: Progress) -> None:
    """Show lines as they come until every build has ended well."""
    lines_read: queue.SimpleQueue[tuple[_Build, str | None]] = queue.SimpleQueue()

    def read(one: _Build) -> None:
        with contextlib.suppress(OSError, ValueError):  # the pipe is closed below us when another build failed
            for raw in one.process.stdout or ():
                lines_read.put((one, raw.decode(errors="replace").rstrip()))
        lines_read.put((one, None))

    for one in builds:
        threading.Thread(target=read, args=(one,), daemon=True).start()
    deadline = time.monotonic() + settings.images.build_timeout
    left = len(builds)
    while left:
        try:
            one, line = lines_read.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise ToolTimeout(
                f"building did not end in {settings.images.build_timeout} s",
                fix="set kubetasks.images.build_timeout to more seconds",
            ) from None
        if line is not None:
            one.lines.append(runner.redactor(line))
            shown = docker.progress_line(one.lines[-1])
            if shown:
                progress(one.image.service, shown)
            continue
        left -= 1
        if one.process.wait(30) != 0:
            raise _failed(one, offline=settings.offline)
        progress(one.image.service, "built")


def _failed(one: _Build, *, offline: bool) -> KubetasksError:
    text = "\n".join(one.lines)
    if docker.is_down(text):
        return engine_down(text)
    if docker.is_disk_full(text):
        return disk_full(f"no space left while building {one.image.service}", text)
    lines_read = [
        line for line in one.lines if line.strip() and (docker.progress_line(line) or not line.startswith("#"))
    ]
    dockerfile = one.image.recipe.dockerfile.name
    secret = next((path for path in one.image.recipe.listing.withheld if f'"/{path}"' in text), "")
    if secret:
        return SecretInImage(
            f"{dockerfile} of {one.image.service} needs {secret}",
            why="it contains secrets and is not sent to the builder",
            fix="remove that line; the application gets its secrets from the Secret when it runs",
        )
    fix = f"correct {dockerfile} or the source; nothing was deployed"
    if '"/.git' in text:
        fix = "add the line !.git to .dockerignore: it is left out otherwise"
    if docker.is_registry_unreachable(text):
        fix = (
            "the base image is not in any engine here: docker/offline/up creates it, then run the same command again"
            if offline
            else "no image registry is reachable: try again online, or --offline (see inv --help cluster.up)"
        )
    return BuildFailed(
        f"building {one.image.service} failed",
        why=docker.build_error(one.lines),
        fix=fix,
        detail="\n".join(lines_read[-SHOWN:]),
    )
