"""What a target is: a place that runs workloads, and the way images get there."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Cluster:
    """A cluster and the namespace in it, named on every call; never the ambient current context.

    Args:
        context: the kubeconfig context's name.
        namespace: the namespace that everything goes to.
        server: the API server's URL, for messages.
        kubeconfig: the kubeconfig that has the context (a path list as in $KUBECONFIG); kubectl's default where empty.
    """

    context: str
    namespace: str
    server: str = ""
    kubeconfig: str = ""


class Target(Protocol):
    """One place to deploy to. One file per implementation; nothing else asks which one it is."""

    @property
    def name(self) -> str:
        """``kind``, ``minikube``, ``context`` or ``local``."""

    @property
    def reason(self) -> str:
        """Why this one was chosen, in one line."""

    @property
    def cluster(self) -> Cluster | None:
        """The cluster; None where there is none (local)."""

    @property
    def pull_policy(self) -> str:
        """``Never`` where images are delivered into the nodes, ``IfNotPresent`` where they are pulled."""

    @property
    def bundled_database(self) -> bool:
        """Whether a database of its own is the default here."""

    def repository(self, service: str) -> str:
        """The image name (without a tag) for a service on this target."""

    def preflight(self) -> None:
        """Refuse early when the engine or a program that ``missing`` and ``deliver`` need is not there."""

    def build_env(self) -> Mapping[str, str | None]:
        """What the docker client's environment gets for a build: empty for the host's own engine."""

    def missing(self, references: Sequence[str]) -> list[str]:
        """Those of ``repository:tag`` that the target's own store (every node) does not have."""

    def deliver(self, references: Sequence[str], progress: Progress) -> None:
        """Bring built images to every node, then make sure that they arrived; nothing to do where builds happen there."""

    def endpoint(self, service: str, port: int) -> AbstractContextManager[str]:
        """A base URL (``http://127.0.0.1:PORT``) that reaches a Service's port while the block lasts."""
