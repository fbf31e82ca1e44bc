"""Images in a registry: what it has, and pushing to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubetasks.addresses import is_local_url
from kubetasks.errors import DeliveryFailed
from kubetasks.images.content import CONFIG, MANIFEST, Content, agree, identity
from kubetasks.images.engine import engine_down, inspect
from kubetasks.runner import Runner
from kubetasks.targets.base import Progress
from kubetasks.tools import docker


@dataclass(frozen=True)
class RegistryImages:
    """The registries that references name.

    Args:
        runner: starts docker.
        refused: what to do when one refuses a push; ``{registry}`` stands for its host.
    """

    runner: Runner
    refused: str = "log in with docker login {registry}, or set kubetasks.images.registry"

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
                fix=self.refused.format(registry=reference.partition("/")[0]),
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
