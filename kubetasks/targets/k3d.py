"""k3d: its nodes are containers of the host's engine, and get only the layers that they lack, as kind's do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from kubetasks.errors import ClusterUnreachable
from kubetasks.images.content import Content
from kubetasks.targets.base import Progress
from kubetasks.targets.node_images import NodeImages
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider

PREFIX: Final = "k3d-"
# k3d labels its containers (https://k3d.io/stable/design/defaults/); a load balancer and a registry are no nodes.
CLUSTER_LABEL: Final = "k3d.cluster"
ROLE_LABEL: Final = "k3d.role"
ROLES: Final = frozenset({"server", "agent"})


@dataclass(frozen=True)
class K3dTarget(OnCluster):
    """A k3d cluster, whose context is ``k3d-<name>``."""

    name: ClassVar[str] = "k3d"
    pull_policy: ClassVar[str] = "Never"
    bundled_database: ClassVar[bool] = True

    @property
    def k3d_name(self) -> str:
        """The cluster's name as k3d knows it."""
        return self.cluster.context.removeprefix(PREFIX)

    @property
    def nodes_with_images(self) -> Nodes:
        """The cluster's nodes.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        nodes = Nodes.labelled(self.runner, f"{CLUSTER_LABEL}={self.k3d_name}", ROLE_LABEL, ROLES.__contains__)
        if not nodes.names:
            start = f"k3d cluster start {self.k3d_name}"
            raise ClusterUnreachable(f"k3d cluster {self.k3d_name} has no running node", fix=f"start it: {start}")
        return nodes

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What every node has under these names.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        return self.nodes_with_images.contents(references) if references else {}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Deliver images to every node: see ``NodeImages.deliver``."""
        if not references:
            return {}

        def whole(path: str) -> list[str]:
            return ["k3d", "image", "import", path, "--cluster", self.k3d_name]

        images = NodeImages(self.runner, self.nodes_with_images, self.settings.images.repository, whole)
        return images.deliver(references, progress)


PROVIDER: Final = Provider(K3dTarget.name, lambda context, _: context.name.startswith(PREFIX), K3dTarget)
