"""Building images side by side, with a progress line each."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kubetasks.errors import BuildFailed, DiskFull, EngineDown, Interrupted, KubetasksError, ToolTimeout
from kubetasks.images import client
from kubetasks.images.plan import Image
from kubetasks.runner import Environment, Process, Runner
from kubetasks.settings import Settings
from kubetasks.tools import docker

# How many lines of a failed build are shown.
SHOWN = 20

Progress = Callable[[str, str], None]


def engine_down(text: str) -> EngineDown:
    """The error for a client that cannot reach its engine."""
    told = [line.strip() for line in text.splitlines() if docker.is_down(line)]
    return EngineDown(
        "the container engine does not answer",
        why=told[0] if told else "",
        fix="start Docker, or use --target local, which needs no engine",
    )


def disk_full(what: str, text: str) -> DiskFull:
    """The error for an engine or a node without space."""
    told = [line.strip() for line in text.splitlines() if docker.is_disk_full(line)]
    return DiskFull(
        what, why=told[-1] if told else "no space left on device", fix="make room: inv image.prune, docker system df"
    )


def absent(images: Sequence[Image], runner: Runner, env: Environment | None = None) -> list[Image]:
    """Those images that the engine does not have.

    Args:
        images: which to look for; one call for all of them.
        runner: starts docker.
        env: the client's environment, to reach another engine than the host's own.

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: docker is not there.
    """
    if not images:
        return []
    argv = docker.image_inspect([image.reference for image in images])
    result = runner.run(argv, env=env, timeout=30, check=False)
    if docker.is_down(result.stderr):
        raise engine_down(result.stderr)
    there = docker.parse_repo_tags(result.stdout)
    return [image for image in images if image.reference not in there]


def labels(image: Image, project: str) -> dict[str, str]:
    """The OCI labels of an image. None depends on the time or the checkout: the same source gives the same image.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    return {
        "org.opencontainers.image.title": f"{project}-{image.service}",
        "org.opencontainers.image.version": image.tag,
        "org.opencontainers.image.base.name": image.build_args.get("BASE_IMAGE", ""),
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
) -> None:
    """Build images side by side; the first that fails ends the others.

    Args:
        images: what to build.
        settings: the settings.
        runner: starts docker.
        env: the target's build environment.
        progress: called with a service and what its build is doing.

    Raises:
        ToolMissing: no docker client that can build.
        EngineDown: the engine does not answer.
        DiskFull: no space was left.
        BuildFailed: a build failed, with its last lines.
        ToolTimeout: a build took longer than ``images.build_timeout``.
        Interrupted: Ctrl-C; every build is ended by then.
    """
    if not images:
        return
    program = client.builder(runner)
    child: Mapping[str, str | None] = {**docker.BUILD_ENV, **(env or {})}
    with contextlib.ExitStack() as running:
        try:
            _wait(
                [_start(image, program, settings, runner, child, running) for image in images],
                settings,
                runner,
                progress,
            )
        except KeyboardInterrupt:
            raise Interrupted("interrupted during the build", fix="run it again; finished layers are kept") from None
    lost = absent(images, runner, env)
    if lost:
        raise BuildFailed(
            f"{lost[0].reference} was built, but the engine does not have it",
            why="the builder in use keeps its results to itself",
            fix="choose the engine's own: docker buildx use default",
        )


def _start(
    image: Image,
    program: str,
    settings: Settings,
    runner: Runner,
    env: Environment,
    running: contextlib.ExitStack,
) -> _Build:
    argv = docker.build(
        program,
        tag=image.reference,
        dockerfile=str(image.dockerfile),
        context=str(image.context),
        build_args=image.build_args,
        labels=labels(image, settings.project),
        platform=image.platform,
    )
    return _Build(image, running.enter_context(runner.spawn(argv, env=env, merge=True)))


def _wait(builds: Sequence[_Build], settings: Settings, runner: Runner, progress: Progress) -> None:
    """Show lines as they come until every build has ended well."""
    told: queue.SimpleQueue[tuple[_Build, str | None]] = queue.SimpleQueue()

    def read(one: _Build) -> None:
        with contextlib.suppress(OSError, ValueError):  # the pipe is closed below us when another build failed
            for raw in one.process.stdout or ():
                told.put((one, raw.decode(errors="replace").rstrip()))
        told.put((one, None))

    for one in builds:
        threading.Thread(target=read, args=(one,), daemon=True).start()
    deadline = time.monotonic() + settings.images.build_timeout
    left = len(builds)
    while left:
        try:
            one, line = told.get(timeout=max(0.0, deadline - time.monotonic()))
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
            raise _failed(one)
        progress(one.image.service, "built")


def _failed(one: _Build) -> KubetasksError:
    text = "\n".join(one.lines)
    if docker.is_down(text):
        return engine_down(text)
    if docker.is_disk_full(text):
        return disk_full(f"no space left while building {one.image.service}", text)
    told = [line for line in one.lines if line.strip() and (docker.progress_line(line) or not line.startswith("#"))]
    fix = f"mend {one.image.dockerfile.name} or the source; nothing was deployed"
    if docker.is_registry_unreachable(text):
        fix = "no image registry answers: try again online, or --offline (see inv --help cluster.up)"
    return BuildFailed(
        f"building {one.image.service} failed",
        why=docker.build_error(one.lines),
        fix=fix,
        detail="\n".join(told[-SHOWN:]),
    )
