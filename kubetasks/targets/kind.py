"""The kind target: images are built on the host, and brought into the nodes or pushed to the local registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, Final

from kubetasks.images.content import Content
from kubetasks.targets import strategies
from kubetasks.targets.base import Progress
from kubetasks.targets.node_images import NodeImages
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider
from kubetasks.targets.registry_images import RegistryImages
from kubetasks.targets.strategies import Strategy
from kubetasks.tools import kind

CONTEXT_PREFIX = "kind-"


@dataclass(frozen=True)
class KindTarget(OnCluster):
    """A kind cluster, whose context is ``kind-<name>``."""

    name: ClassVar[str] = "kind"
    bundled_database: ClassVar[bool] = True

    @property
    def kind_name(self) -> str:
        """The cluster's name as kind knows it."""
        return self.cluster.context.removeprefix(CONTEXT_PREFIX)

    @property
    def nodes_with_images(self) -> Nodes:
        """The cluster's nodes."""
        return Nodes.of(self.runner, self.kind_name)

    @cached_property
    def registry(self) -> str:
        """The local registry that the cluster advertises, such as ``localhost:5001``; empty for none."""
        from kubetasks.targets import hosting  # noqa: PLC0415  (asked for only where images are)

        return hosting.find(self.cluster, self.runner)

    @property
    def strategy(self) -> Strategy:
        """How images are built and delivered here."""
        return strategies.choose(strategies.WITH_REGISTRY if self.registry else self.name)

    @property
    def pull_policy(self) -> str:
        """See ``Target.pull_policy``."""
        return "IfNotPresent" if self.registry else "Never"

    def repository(self, service: str) -> str:
        """As elsewhere, behind the host of the local registry where there is one.

        Raises:
            NoContact: the API server does not answer.
        """
        own = super().repository(service)
        return f"{self.registry}/{own}" if self.registry else own

    def _in_registry(self, references: Sequence[str]) -> list[str]:
        """The references that name the local registry; the others are brought into the nodes."""
        prefix = f"{self.registry}/" if references and self.registry else ""
        return [each for each in references if prefix and each.startswith(prefix)]

    @property
    def _registry_images(self) -> RegistryImages:
        return RegistryImages(
            self.runner,
            "start the registry {registry}; or, where the cluster no longer has one, "
            f"kubectl --context {self.cluster.context} --namespace kube-public delete configmap/local-registry-hosting",
        )

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What every node has under these names, and what the local registry has of those that it holds.

        Raises:
            EngineDown: the engine does not answer.
            ClusterUnreachable: no node runs.
        """
        pulled = self._in_registry(references)
        found = dict(self._registry_images.contents(pulled))
        rest = [each for each in references if each not in pulled]
        return {**found, **(Nodes.of(self.runner, self.kind_name).contents(rest) if rest else {})}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Push images to the local registry, and bring others into every node: see ``NodeImages.deliver``."""
        pulled = self._in_registry(references)
        there = dict(self._registry_images.deliver(pulled, progress)) if pulled else {}
        rest = [each for each in references if each not in pulled]
        if not rest:
            return there
        nodes = Nodes.of(self.runner, self.kind_name)
        whole = partial(kind.load_archive, self.kind_name)
        images = NodeImages(self.runner, nodes, self.settings.images.repository, whole)
        return {**there, **images.deliver(rest, progress)}


PROVIDER: Final = Provider(KindTarget.name, lambda context, _: context.name.startswith(CONTEXT_PREFIX), KindTarget)
