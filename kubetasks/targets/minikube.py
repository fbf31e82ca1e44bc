"""The minikube target: images are built inside its engine where that can be, else built on the host and loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from kubetasks.errors import ClusterUnreachable, DeliveryFailed, EngineDown
from kubetasks.images.content import CONFIG, MANIFEST, Content, agree, identity, of_engine
from kubetasks.images.engine import disk_full, inspect
from kubetasks.targets.base import Progress
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.tools import ctr, docker, minikube


@dataclass(frozen=True)
class MinikubeTarget(OnCluster):
    """A minikube profile, whose context has the profile's name."""

    name: ClassVar[str] = "minikube"
    pull_policy: ClassVar[str] = "Never"
    bundled_database: ClassVar[bool] = True

    @property
    def profile_name(self) -> str:
        """The profile."""
        return self.cluster.context

    @cached_property
    def profile(self) -> minikube.Profile:
        """What minikube says of the profile.

        Raises:
            ClusterUnreachable: there is no such profile.
            ToolMissing: minikube is not there.
        """
        result = self.runner.run(minikube.profile_list(), timeout=60, check=False)
        for profile in minikube.parse_profiles(result.stdout):
            if profile.name == self.profile_name:
                return profile
        raise ClusterUnreachable(
            f"minikube has no profile {self.profile_name}",
            why=minikube.reason(result.stderr),
            fix="make it: inv cluster.up --target minikube",
        )

    @cached_property
    def engine(self) -> Mapping[str, str | None]:
        """The environment that leads a docker client to the engine inside the node; empty where there is none to use.

        minikube gives it for the docker runtime only, for one node only (an image built there would be on one of them),
        and with the driver ``none`` it is the host's own. That it is printed does not mean that the engine answers.
        """
        profile = self.profile
        if profile.runtime != "docker" or profile.nodes != 1 or profile.driver == "none":
            return {}
        result = self.runner.run(minikube.docker_env(self.profile_name), timeout=60, check=False)
        env = minikube.parse_docker_env(result.stdout) if result.ok else {}
        if env:
            try:
                self.ask_engine(env)
            except EngineDown:
                return {}
        return env

    def preflight(self) -> None:
        """Make sure that the engine that builds answers: the one inside the node, else the host's.

        Raises:
            EngineDown: it does not.
            ClusterUnreachable: there is no such profile.
            ToolMissing: docker or minikube is not there.
        """
        if not self.engine:
            self.ask_engine({})

    @property
    def own_engine(self) -> bool:
        """Often the engine inside the node builds; to find that out takes minikube seconds."""
        return False

    def build_env(self) -> Mapping[str, str | None]:
        """For the child only: the engine inside the node, or nothing for the host's own."""
        return self.engine

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What the profile's image store has under these names.

        Raises:
            EngineDown: the engine inside the node does not answer any more.
        """
        if not references:
            return {}
        if self.engine:
            return {name: of_engine(image) for name, image in inspect(references, self.runner, self.engine).items()}
        listed = self.runner.run(minikube.image_ls(self.profile_name), timeout=60, check=False)
        there = {ctr.full_name(name): image for name, image in minikube.parse_images(listed.stdout).items()}
        return {
            reference: _content(there[ctr.full_name(reference)])
            for reference in references
            if ctr.full_name(reference) in there
        }

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Load images from the host into every node; nothing to load where they were built inside.

        Raises:
            DeliveryFailed: an image is not there afterwards, or another one is.
            DiskFull: no space left.
        """
        told = ""
        wanted: dict[str, str] = {}
        if references and not self.engine:
            wanted = {name: identity(image) for name, image in inspect(references, self.runner).items()}
            progress(f"loading {', '.join(references)} into {self.profile_name}")
            result = self.runner.run(minikube.image_load(self.profile_name, references), timeout=900, check=False)
            told = "\n".join(result.lines)
            if docker.is_disk_full(told):
                raise disk_full(f"no space left while loading into {self.profile_name}", told)
        there = self.contents(references)
        lost = [
            each
            for each in references
            if each not in there or (each in wanted and not agree({wanted[each]}, there[each].identities))
        ]
        if lost:
            raise DeliveryFailed(
                f"{', '.join(lost)} is not in minikube profile {self.profile_name}",
                why=minikube.reason(told) or "another image has that name there",
                fix=f"see what it has: minikube -p {self.profile_name} image ls",
            )
        return there


def _content(image: minikube.Listed) -> Content:
    return Content(frozenset({f"{CONFIG}:{image.config}", *(f"{MANIFEST}:{each}" for each in image.manifests)}))
