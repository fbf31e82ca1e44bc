"""``minikube tunnel``: addresses for LoadBalancers, as long as it runs."""

from collections.abc import Callable, Sequence

from kubetasks.errors import KubetasksError, ToolFailed, UsageError
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster
from kubetasks.tools import minikube

SUDO = ("sudo", "-n", "true")
SHOWN = 20


def run(cluster: Cluster | None, runner: Runner, show: Callable[[str], None], *, root: bool, terminal: bool) -> None:
    """Run the tunnel until Ctrl-C, or until it ends by itself.

    It adds a route, and on macOS and Windows it listens at low ports: both need root, for which minikube calls sudo.

    Args:
        cluster: what the target is; None for the local target.
        runner: starts minikube.
        show: called with each line that minikube prints.
        root: whether this process is root.
        terminal: whether a person can type a password.

    Raises:
        UsageError: the target has no tunnel, or root is needed and there is no terminal for a password.
        ToolFailed: the tunnel ended by itself, with its last lines.
    """
    if cluster is None or cluster.kind != "minikube":
        raise UsageError(
            "cluster.tunnel",
            why=f"{cluster.context if cluster else 'the local target'} is not a minikube profile",
            fix="inv open prints an address that answers, on every target",
        )
    if not root and not terminal and not _may(runner, SUDO):
        raise UsageError(
            "cluster.tunnel",
            why="minikube tunnel needs root for its route, and there is no terminal to type a password",
            fix="run `sudo -v` in a terminal and this command there, or use inv open",
        )
    lines: list[str] = []
    with runner.spawn(minikube.tunnel(cluster.context), merge=True) as process:
        for raw in process.stdout or ():
            lines.append(runner.redactor(raw.decode(errors="replace").rstrip()))
            show(lines[-1])
        code = process.wait(10)
    raise ToolFailed(
        f"minikube tunnel of profile {cluster.context} ended with {code}",
        why=minikube.reason("\n".join(lines)),
        fix=f"see whether the profile runs: minikube -p {cluster.context} status",
        detail="\n".join(lines[-SHOWN:]),
    )


def _may(runner: Runner, argv: Sequence[str]) -> bool:
    try:
        return runner.run(argv, timeout=10, check=False).ok
    except KubetasksError:  # there is no sudo
        return False
