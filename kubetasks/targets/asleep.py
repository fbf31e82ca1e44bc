"""Local clusters that are stopped or paused: what state each is in, and the command that starts it.

Such a cluster is there, with all that was deployed to it. To take another one in its place without a word would look
as if everything were gone.
"""

from dataclasses import dataclass

from kubetasks.errors import ClusterUnreachable, KubetasksError
from kubetasks.runner import Runner
from kubetasks.tools import kind, minikube


@dataclass(frozen=True)
class Asleep:
    """A cluster that does not run.

    Args:
        what: which one and its state, for people: ``minikube profile dev is stopped``.
        start: the command that starts it.
    """

    what: str
    start: str

    @property
    def error(self) -> ClusterUnreachable:
        """The error where this cluster was asked for."""
        return ClusterUnreachable(self.what, fix=f"start it: {self.start}")


def of_profile(name: str, state: str) -> Asleep:
    """A minikube profile in one of minikube's own states."""
    command = "unpause" if state == "Paused" else "start"
    return Asleep(f"minikube profile {name} is {state.lower() or 'stopped'}", f"minikube {command} -p {name}")


def profile(name: str, runner: Runner) -> Asleep | None:
    """The state of a minikube profile that does not answer; None where it runs, or minikube has no such profile."""
    try:
        state = minikube.parse_status(runner.run(minikube.status(name), timeout=60, check=False).stdout)
    except KubetasksError:  # no minikube, or it does not come to an end
        return None
    if state is None or state.running:
        return None
    return of_profile(name, "Paused" if state.paused else "Stopped")


def of_kind(name: str, held: list[kind.Container], ours: str) -> Asleep | None:
    """A kind cluster of which no container runs; None where one does.

    Args:
        name: the cluster's name.
        held: the containers of all kind clusters.
        ours: the name in the settings, which ``cluster.up`` starts.
    """
    own = [each for each in held if each.cluster == name]
    if any(each.state == "running" for each in own):
        return None
    start = "inv cluster.up --target kind" if name == ours else f"docker start {' '.join(each.name for each in own)}"
    return Asleep(f"kind cluster {name} is stopped", start)
