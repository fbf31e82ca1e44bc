"""Starting a minikube profile: creating it, or starting the one there is as it is.

The creation flags of minikube (runtime, driver, CPUs, memory, base image) are given only where there is no such
profile: minikube applies some of them to an existing one, and another container runtime breaks its node for good.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from kubetasks.console import Console, Step
from kubetasks.errors import ClusterCreateFailed, KubeconfigError, NotEffective, ToolTimeout, UsageError
from kubetasks.runner import Result, Runner
from kubetasks.settings.sections import Minikube
from kubetasks.targets import kubeconfigs
from kubetasks.targets.creation import DOWNLOAD_LIMIT, failed, follow
from kubetasks.tools import minikube

CALL_LIMIT: Final = 60.0


def up(
    wanted: Minikube,
    runner: Runner,
    console: Console,
    *,
    offline: bool,
    kubeconfig: str,
    before_create: Callable[[], None] = lambda: None,
) -> str:
    """Create a profile, or start the one of that name with the settings that it has.

    Args:
        wanted: the profile's name, and what it is created with.
        runner: starts minikube.
        console: shows the step.
        offline: whether no image registry answers; then the node image must be given.
        kubeconfig: the kubeconfig files, as in $KUBECONFIG.
        before_create: called before a profile is created; it may refuse.

    Returns:
        The kubeconfig context.

    Raises:
        ClusterCreateFailed: the profile did not start.
        NotEffective: it runs, but the kubeconfig has no context for it.
        ToolMissing: minikube is not installed.
        UsageError: there is no offline profile to create.
    """
    name = wanted.profile
    with console.step(f"minikube profile {name}") as step:
        result = runner.run(minikube.status(name), timeout=CALL_LIMIT, check=False)
        state = minikube.parse_status(result.stdout)
        if state is None and result.code != minikube.NO_PROFILE:
            raise _failed(result, f"minikube does not say what state profile {name} is in", _logs(name))
        if state is None and offline and not wanted.base_image:
            raise UsageError(
                "--offline",
                why="only a kind cluster is created from package registries",
                fix="inv cluster.up --target kind --offline",
            )
        if state is None:
            before_create()
            _start(wanted, runner, step, fresh=True)
        elif state.paused:
            step.update("unpausing it")
            _run(runner, minikube.unpause(name), f"minikube profile {name} is still paused", _logs(name))
        elif not state.running:
            _start(wanted, runner, step, fresh=False)
        repaired = _reachable(name, runner, kubeconfig, stale=state is not None and state.kubeconfig == "Misconfigured")
        if state is not None and state.running and not repaired:
            step.skip("it is running; kept")
        else:
            step.done(_what_happened(state))
    return name


def _what_happened(state: minikube.Status | None) -> str:
    if state is None:
        return "created"
    if state.paused:
        return "was paused; unpaused"
    return "running; its context was written to the kubeconfig" if state.running else "was stopped; started"


def _start(wanted: Minikube, runner: Runner, step: Step, *, fresh: bool) -> None:
    name = wanted.profile
    argv = minikube.start(name)
    if fresh:
        argv = minikube.start(
            name,
            driver=wanted.driver,
            runtime=wanted.runtime,
            cpus=wanted.cpus,
            memory=wanted.memory,
            base_image=wanted.base_image,
        )
    # What was not created here is not ours to delete.
    fix = "begin again: inv cluster.down --target minikube, then cluster.up" if fresh else _logs(name)
    try:
        result = runner.run(argv, timeout=DOWNLOAD_LIMIT, check=False, on_line=follow(step))
    except ToolTimeout as error:
        raise ClusterCreateFailed(error.what, fix=fix) from None
    if not result.ok:
        raise _failed(result, f"minikube profile {name} did not start", fix)


def _logs(name: str) -> str:
    return f"see what is wrong: minikube -p {name} logs --problems"


def _run(runner: Runner, argv: list[str], what: str, fix: str) -> None:
    result = runner.run(argv, timeout=CALL_LIMIT, check=False)
    if not result.ok:
        raise _failed(result, what, fix)


def _reachable(name: str, runner: Runner, kubeconfig: str, *, stale: bool) -> bool:
    """Have minikube write the profile's context where the kubeconfig lacks it; whether that was needed.

    Raises:
        NotEffective: the kubeconfig still lacks it.
    """
    if not stale and _has_context(name, kubeconfig):
        return False
    _run(runner, minikube.update_context(name), f"minikube cannot write the context {name}", _logs(name))
    if not _has_context(name, kubeconfig):
        files = ", ".join(map(str, kubeconfigs.locate(kubeconfig, Path.cwd())))
        raise NotEffective(
            f"minikube profile {name} runs, but the kubeconfig has no context {name}",
            why=f"{files} lacks it, and minikube reported that it was written",
            fix=f"minikube -p {name} update-context, with the KUBECONFIG of this shell",
        )
    return True


def _has_context(name: str, kubeconfig: str) -> bool:
    try:
        return name in kubeconfigs.load(kubeconfigs.locate(kubeconfig, Path.cwd())).contexts
    except KubeconfigError:
        return False


def _failed(result: Result, what: str, fix: str) -> ClusterCreateFailed:
    return failed(result, what, minikube.reason("\n".join(result.lines)) or "it printed nothing", fix)
