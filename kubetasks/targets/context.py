"""The context target: any allowed cluster, which pulls its images from a registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from kubetasks.addresses import is_local_url
from kubetasks.errors import DeliveryFailed, RegistryMissing
from kubetasks.images.content import CONFIG, MANIFEST, Content, agree, identity
from kubetasks.images.engine import engine_down, inspect
from kubetasks.targets.base import Progress
from kubetasks.targets.guard import is_known_local
from kubetasks.targets.kind import CONTEXT_PREFIX
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.providers import Provider
from kubetasks.tools import docker
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
        found = {}
        for reference in references:
            insecure = is_local_url(reference.partition("/")[0])
            result = self.runner.run(docker.manifest_inspect(reference, insecure=insecure), timeout=60, check=False)
            if result.ok:
                manifests, configs = docker.parse_manifest(result.stdout)
                known = {f"{MANIFEST}:{each}" for each in manifests} | {f"{CONFIG}:{each}" for each in configs}
                found[reference] = Content(frozenset(known))
        return found

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Push images to the registry.

        Raises:
            DeliveryFailed: the registry refused one, or does not have it afterwards, or has another content.
            EngineDown: the engine does not answer.
        """
        held = inspect(references, self.runner)
        for reference in references:
            progress(f"pushing {reference}")
            result = self.runner.run(docker.push(reference), timeout=1200, check=False)
            if result.ok:
                continue
            if docker.is_down(result.stderr):
                raise engine_down(result.stderr)
            raise DeliveryFailed(
                f"{reference} was not pushed",
                why=(result.lines or ["docker printed nothing"])[-1],
                fix=f"log in with docker login {reference.partition('/')[0]}, or set kubetasks.images.registry",
            )
        there = self.contents(references)
        lost = [each for each in references if each not in there]
        if lost:
            raise DeliveryFailed(
                f"{', '.join(lost)} was pushed, but the registry does not show it",
                fix="see whether you may read from it: docker manifest inspect",
            )
        other = [
            each for each in references if each in held and not agree({identity(held[each])}, there[each].identities)
        ]
        if other:
            raise DeliveryFailed(
                f"{', '.join(other)} was pushed, but the registry has another image under that name",
                why="its tags cannot be changed, or another push came after this one",
                fix="run the same command again",
            )
        return there


PROVIDER: Final = Provider(ContextTarget.name, lambda _context, _profiles: True, ContextTarget)
