"""Docker Desktop, and others whose node uses the host's own engine: what is built there is there."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from kubetasks.errors import DeliveryFailed, Forbidden
from kubetasks.images.content import Content, of_engine
from kubetasks.images.engine import inspect
from kubetasks.targets.base import Progress
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider

# Their Kubernetes runs on the engine that their docker context leads to.
CONTEXTS: Final = ("docker-desktop", "docker-for-desktop", "orbstack", "rancher-desktop", "colima")
DOCKER: Final = "docker://"


@dataclass(frozen=True)
class SharedEngineTarget(OnCluster):
    """A cluster of one node that runs its containers in the engine that builds."""

    name: ClassVar[str] = "docker-desktop"
    pull_policy: ClassVar[str] = "Never"
    bundled_database: ClassVar[bool] = True

    def preflight(self) -> None:
        """Make sure that the engine answers, and that the node uses it.

        Raises:
            EngineDown: the engine does not answer.
            ToolMissing: docker is not installed.
            DeliveryFailed: the node has another runtime.
        """
        super().preflight()
        nodes = []
        with contextlib.suppress(Forbidden):
            nodes = self.store.get(["Node"])
        for node in nodes:
            runtime = str((node.get("status", {}).get("nodeInfo") or {}).get("containerRuntimeVersion") or DOCKER)
            if not runtime.startswith(DOCKER):
                raise DeliveryFailed(
                    f"node {node['metadata']['name']} of context {self.cluster.context} has its own image store",
                    why=f"its runtime is {runtime}, and images are built in the Docker engine",
                    fix="choose the runtime dockerd (moby) there, or set images.registry and add --target context",
                )

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What the engine has under these names.

        Raises:
            EngineDown: the engine does not answer.
        """
        return (
            {name: of_engine(image) for name, image in inspect(references, self.runner).items()} if references else {}
        )

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Nothing to deliver: see ``contents``."""
        return self.contents(references)


PROVIDER: Final = Provider(
    SharedEngineTarget.name,
    lambda context, _: context.name in CONTEXTS or context.name.startswith("colima-"),
    SharedEngineTarget,
)
