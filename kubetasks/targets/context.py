"""The context target: any allowed cluster, which pulls its images from a registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from kubetasks.addresses import is_local_url
from kubetasks.errors import RegistryMissing
from kubetasks.images.content import Content
from kubetasks.targets.base import Progress
from kubetasks.targets.guard import is_known_local
from kubetasks.targets.kind import CONTEXT_PREFIX
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider
from kubetasks.targets.registry_images import RegistryImages
from kubetasks.tools.kubeconfig import Context


@dataclass(frozen=True)
class ContextTarget(OnCluster):
    """A cluster of any kind, by its context."""

    name: ClassVar[str] = "context"
    pull_policy: ClassVar[str] = "IfNotPresent"

    @property
    def bundled_database(self) -> bool:
        """Only on a local cluster: elsewhere nobody wants a database that they did not ask for."""
        context = Context(self.cluster.context)
        return is_known_local(context) and is_local_url(self.cluster.server)

    def repository(self, service: str) -> str:
        """``<images.registry>/<project>-<service>``.

        Raises:
            RegistryMissing: no registry is set.
        """
        registry = self.settings.images.registry.rstrip("/")
        if not registry:
            raise RegistryMissing(
                f"context {self.cluster.context} pulls its images, and no registry is set",
                why="kubetasks.images.registry is empty",
                fix="set it, e.g. to ghcr.io/<you>, and log in: docker login" + self._instead(),
            )
        return f"{registry}/{self.settings.project}-{service}"

    def _instead(self) -> str:
        """What brings images to a local cluster without a registry."""
        name = self.cluster.context
        kind = "kind" if name.startswith(CONTEXT_PREFIX) else "minikube" if name == "minikube" else ""
        return f"; or add --target {kind}, which needs none" if kind else ""

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What the registry has under these names, as far as it shows it to us. It does not show labels."""
        return RegistryImages(self.runner).contents(references)

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Push images to the registry: see ``RegistryImages.deliver``."""
        return RegistryImages(self.runner).deliver(references, progress)


PROVIDER: Final = Provider(ContextTarget.name, lambda _context, _profiles: True, ContextTarget)
