"""Local clusters: making one, deleting it, and which there are. Clusters of other names are never touched."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks.console import Console, Step
from kubetasks.errors import (
    ClusterCreateFailed,
    EngineDown,
    Interrupted,
    NotEffective,
    ToolMissing,
    ToolTimeout,
    UsageError,
)
from kubetasks.runner import Result, Runner
from kubetasks.settings import Settings
from kubetasks.targets import kind_ready, minikube_up
from kubetasks.targets.creation import DOWNLOAD_LIMIT, failed, follow
from kubetasks.targets.detect import default_kubeconfig
from kubetasks.tools import docker, kind, minikube

# What stands in for an image registry (docker/offline/README.md), and how long it may take: it compiles Kubernetes.
OFFLINE_KIT: Final = Path("docker") / "offline"
OFFLINE_LIMIT: Final = 5400.0


def up(
    settings: Settings,
    runner: Runner,
    console: Console,
    root: Path,
    target: str,
    offline: bool,
    before_create: Callable[[], None] = lambda: None,
) -> str:
    """Make a local cluster, or keep the one of that name.

    Args:
        settings: the cluster's name, node image and size.
        runner: starts the programs.
        console: shows the steps.
        root: the project's root.
        target: ``kind`` or ``minikube``.
        offline: make everything out of package registries first (kind only).
        before_create: called before a minikube profile is created; it may refuse.

    Returns:
        The kubeconfig context.

    Raises:
        ClusterCreateFailed: it did not end with a Ready cluster.
        EngineDown: the container engine does not answer.
        ToolMissing: kind, minikube or docker is not there.
        UsageError: no such kind of cluster, or no offline one.
    """
    if target == "minikube":
        paths = default_kubeconfig()
        return minikube_up.up(
            settings.minikube,
            runner,
            console,
            offline=offline,
            kubeconfig=paths,
            before_create=before_create,
        )
    if target != "kind":
        raise UsageError(f"--target {target}", why="no cluster of that kind can be made", fix="choose kind or minikube")
    if offline and not _is_running(settings, runner):
        _make_offline(runner, console, root)
    return _kind_up(settings, runner, console, root, offline=offline)


def down(settings: Settings, runner: Runner, console: Console, target: str) -> None:
    """Delete the cluster that ``up`` made; nothing to do when there is none.

    Raises:
        ToolFailed: it could not be deleted.
        ToolMissing: kind, minikube or docker is not there.
        UsageError: no such kind of cluster.
    """
    if target not in {"kind", "minikube"}:
        raise UsageError(f"--target {target}", why="no cluster of that kind can be made", fix="choose kind or minikube")
    name = settings.kind.name if target == "kind" else settings.minikube.profile
    with console.step(f"delete {target} cluster {name}") as step:
        if not any(row[1] == name for row in _rows(runner, target)):
            step.skip("there is none")
            return
        argv = kind.delete(name) if target == "kind" else minikube.delete(name)
        runner.run(argv, timeout=300, on_line=follow(step))
        if any(row[1] == name for row in _rows(runner, target)):
            raise NotEffective(
                f"{target} reported the cluster {name} as deleted, but it is still there",
                fix="see its containers: docker ps --all",
            )


@dataclass(frozen=True)
class Listed:
    """A local cluster.

    Args:
        target: ``kind`` or ``minikube``.
        name: the cluster's or profile's name.
        state: ``Running``, ``Stopped``, ``Paused``, or minikube's own word.
        context: its kubeconfig context.
        ours: whether the settings name it.
    """

    target: str
    name: str
    state: str
    context: str
    ours: bool


def listing(settings: Settings, runner: Runner) -> list[Listed]:
    """The local clusters."""
    ours = {("kind", settings.kind.name), ("minikube", settings.minikube.profile)}
    there: list[Listed] = []
    for target in ("kind", "minikube"):
        try:
            rows = _rows(runner, target)
        except (ToolMissing, EngineDown):
            continue  # without the program there are no clusters of that kind to see
        there += [Listed(*row, ours=row[:2] in ours) for row in rows]
    return there


def _rows(runner: Runner, target: str) -> list[tuple[str, str, str, str]]:
    if target == "minikube":
        profiles = minikube.parse_profiles(runner.run(minikube.profile_list(), timeout=60, check=False).stdout)
        return [("minikube", each.name, "Running" if each.running else each.status, each.name) for each in profiles]
    states: dict[str, set[str]] = {}
    for each in _containers(runner):
        states.setdefault(each.cluster, set()).add(each.state)
    return [
        ("kind", name, "Running" if held == {"running"} else "Stopped", kind.context(name))
        for name, held in sorted(states.items())
    ]


def _containers(runner: Runner) -> list[kind.Container]:
    """The containers of every kind cluster.

    Raises:
        EngineDown: the engine does not answer.
        ToolMissing: there is no docker.
    """
    result = runner.run(kind.containers(), timeout=30, check=False)
    if not result.ok:
        raise EngineDown(
            "the container engine does not answer",
            why=_last(result) if docker.is_down(result.stderr) else "",
            fix="start Docker, or run `inv cluster.up --target kind --offline`, which starts one",
        )
    return kind.parse_containers(result.stdout)


def _is_running(settings: Settings, runner: Runner) -> bool:
    try:
        held = [each for each in _containers(runner) if each.cluster == settings.kind.name]
    except (EngineDown, ToolMissing):
        return False
    return bool(held) and all(each.state == "running" for each in held)


def _make_offline(runner: Runner, console: Console, root: Path) -> None:
    """Run docker/offline/up: what is there already it keeps."""
    script = root / OFFLINE_KIT / "up"
    if not script.is_file():
        raise UsageError(
            "--offline", why=f"the project has no {OFFLINE_KIT / 'up'}", fix="copy the folder from kubetasks"
        )
    with console.step("make engine, images and programs from package registries") as step:

        def show(line: str) -> None:
            step.update(line.strip())
            if not console.live:  # it may take minutes: a log wants to see where it is
                console.line(f"  {line}")

        try:
            result = runner.run(["bash", str(script)], timeout=OFFLINE_LIMIT, check=False, on_line=show)
        except ToolTimeout as error:
            raise ClusterCreateFailed(error.what, fix="run it again: it goes on from where it stopped") from None
        if not result.ok:
            raise failed(result, "docker/offline/up failed", _last(result), "mend that and run it again")
        step.done(_last(result))


def _kind_up(settings: Settings, runner: Runner, console: Console, root: Path, *, offline: bool) -> str:
    name = settings.kind.name
    with console.step(f"kind cluster {name}") as step:
        held = [each for each in _containers(runner) if each.cluster == name]
        stopped = [each.name for each in held if each.state != "running"]
        if not held:
            _kind_create(settings, runner, step, root, offline=offline)
            step.done("created, Ready")
            return kind.context(name)
        if stopped:
            step.update("starting its nodes")
            runner.run(kind.start(stopped), timeout=120)
        step.update("waiting for its nodes")
        _checked(kind_ready.wait(settings, runner, fresh=bool(stopped)), name)
        if stopped:
            step.done("was stopped; started again, Ready")
        else:
            step.skip("it is there and Ready; kept")
    return kind.context(name)


def _kind_create(settings: Settings, runner: Runner, step: Step, root: Path, *, offline: bool) -> None:
    name, wait = settings.kind.name, settings.kind.wait
    config = root / settings.kind.config if settings.kind.config else None
    if config is None and offline:
        config = root / OFFLINE_KIT / "kind.yaml"
    image = settings.kind.offline_node_image if offline else settings.kind.node_image
    argv = kind.create(name, image=image, config=str(config or ""), wait=wait)
    fix = "where no image registry answers: inv cluster.up --target kind --offline" if not offline else ""
    try:
        result = runner.run(argv, timeout=wait + DOWNLOAD_LIMIT, check=False, on_line=follow(step))
        if not result.ok:
            raise failed(result, f"kind cluster {name} was not made", kind.reason("\n".join(result.lines)), fix)
        ready = kind_ready.wait(settings, runner, fresh=True)  # kind only warns when the node is not Ready by then
        if not ready.ok:
            raise failed(ready, f"kind cluster {name} is not Ready after {wait} s", _last(ready), _again("kind"))
    except ToolTimeout as error:
        _remove(runner, name)
        raise ClusterCreateFailed(error.what, fix=fix) from None
    except Interrupted:
        _remove(runner, name)  # half a cluster would pass for a whole one
        raise


def _remove(runner: Runner, name: str) -> None:
    runner.run(kind.delete(name), timeout=120, check=False)


def _again(target: str) -> str:
    return f"begin again: inv cluster.down --target {target}, then cluster.up"


def _checked(result: Result, name: str) -> None:
    if not result.ok:
        raise failed(result, f"kind cluster {name} is there but not Ready", _last(result), _again("kind"))


def _last(result: Result) -> str:
    return (result.lines or ["it printed nothing"])[-1]
