"""The kind target: images are built on the host and brought into the nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from kubetasks.images.content import Content
from kubetasks.targets.base import Progress
from kubetasks.targets.node_images import NodeImages
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider
from kubetasks.tools import kind

CONTEXT_PREFIX = "kind-"


@dataclass(frozen=True)
class KindTarget(OnCluster):
    """A kind cluster, whose context is ``kind-<name>``."""

    name: ClassVar[str] = "kind"
    pull_policy: ClassVar[str] = "Never"
    bundled_database: ClassVar[bool] = True

    @property
    def kind_name(self) -> str:
        """The cluster's name as kind knows it."""
        return self.cluster.context.removeprefix(CONTEXT_PREFIX)

    @property
    def nodes_with_images(self) -> Nodes:
        """The cluster's nodes."""
        return Nodes.of(self.runner, self.kind_name)

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What every node has under these names.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        return Nodes.of(self.runner, self.kind_name).contents(references) if references else {}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Bring images into every node: see ``NodeImages.deliver``."""
        if not references:
            return {}
        nodes = Nodes.of(self.runner, self.kind_name)
        whole = partial(kind.load_archive, self.kind_name)
        return NodeImages(self.runner, nodes, self.settings.images.repository, whole).deliver(references, progress)


PROVIDER: Final = Provider(KindTarget.name, lambda context, _: context.name.startswith(CONTEXT_PREFIX), KindTarget)
