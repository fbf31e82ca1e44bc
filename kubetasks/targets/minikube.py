"""The minikube target: images are built inside its engine where that can be, else built on the host and loaded."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar, Final

from kubetasks.errors import DeliveryFailed
from kubetasks.images.content import CONFIG, MANIFEST, Content, agree, identity, of_engine
from kubetasks.images.engine import disk_full, inspect
from kubetasks.targets import engine_disk, strategies
from kubetasks.targets.base import Progress, Volume
from kubetasks.targets.node_images import NodeImages
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.on_cluster import OnCluster
from kubetasks.targets.profile_facts import ProfileFacts
from kubetasks.targets.providers import Provider
from kubetasks.targets.strategies import Strategy
from kubetasks.tools import ctr, docker, minikube
from kubetasks.tools.kubeconfig import MINIKUBE, Context

# Where minikube's storage-provisioner puts a claim's data: in a folder named by namespace and claim.
HOST_PATHS: Final = "/tmp/hostpath-provisioner"  # noqa: S108  (on the node)


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
    def _facts(self) -> ProfileFacts:
        return ProfileFacts(self.profile_name, self.runner)

    @property
    def profile(self) -> minikube.Profile:
        """What the profile is made of.

        Raises:
            ClusterUnreachable: there is no such profile.
            ToolMissing: minikube is not there.
        """
        return self._facts.profile()

    @cached_property
    def _engine_inside(self) -> Mapping[str, str | None]:
        """The environment that leads a docker client to the engine inside the node; empty where it does not answer."""
        inside = self._facts.engine()
        if not inside.env:
            why = f" ({inside.why})" if inside.why else ""
            self.cluster.link.notify(
                f"the engine inside minikube profile {self.profile_name} does not answer{why}: images are built on the "
                "host and loaded, which takes longer"
            )
        return inside.env

    @cached_property
    def strategy(self) -> Strategy:
        """How images are built and delivered here."""
        profile = self.profile
        return strategies.choose(
            self.name,
            runtime=profile.runtime,
            driver=profile.driver,
            nodes=profile.nodes,
            engine_answers=lambda: bool(self._engine_inside),
        )

    @property
    def engine(self) -> Mapping[str, str | None]:
        """The environment that leads a docker client to the engine that builds; empty for the host's own."""
        return self._engine_inside if self.strategy.build == strategies.INSIDE else {}

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

    def engine_free(self) -> int | None:
        """Bytes free on the disk of the engine that builds: the one inside the node, else the host's."""
        return engine_disk.inside(self.runner, self.profile) if self.engine else super().engine_free()

    def build_env(self) -> Mapping[str, str | None]:
        """For the child only: the engine inside the node, or nothing for the host's own."""
        return self.engine

    @cached_property
    def _nodes(self) -> Nodes | None:
        """The nodes, where they are containers of the host's engine with a containerd inside; None where not.

        The host's engine may be another one than the one that minikube used: a node is asked before it counts.
        """
        if self.strategy.deliver != strategies.LAYERS:
            return None
        nodes = Nodes(self.runner, self.profile.machines)
        return nodes if nodes.reachable() else None

    @property
    def nodes_with_images(self) -> Nodes | None:
        """The machines, where they are containers with a containerd inside."""
        return self._nodes

    def volumes(self) -> list[Volume]:
        """See ``Target.volumes``: the next claim of the same name gets the folder of one that is gone.

        After ``minikube stop`` and ``start`` the provisioner has a new identity. It leaves the volumes alone that it
        made before, so they are removed here, with their folders.
        """
        return [self._by_name(each) for each in super().volumes()]

    def _by_name(self, volume: Volume) -> Volume:
        folder = f"{HOST_PATHS}/{self.cluster.namespace}/{volume.claim}"
        if not volume.released or volume.retained or volume.path != folder:
            return volume
        removals = [minikube.remove(self.profile_name, machine, folder) for machine in self.profile.machines]

        def erase() -> None:
            name = volume.shown.partition("/")[2]
            self.store.delete([{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}])
            for argv in removals:
                self.runner.run(argv, timeout=60)

        commands = "; ".join([volume.delete, *map(shlex.join, removals)])
        return replace(volume, idle=False, delete=commands, erase=erase)

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What the profile's image store has under these names: every node, where the nodes can be asked.

        Raises:
            EngineDown: the engine that the node uses does not answer any more.
        """
        if not references:
            return {}
        if self.strategy.deliver == strategies.NOTHING:
            return {name: of_engine(image) for name, image in inspect(references, self.runner, self.engine).items()}
        if self._nodes is not None:
            return self._nodes.contents(references)
        listed = self.runner.run(minikube.image_ls(self.profile_name), timeout=60, check=False)
        there = {ctr.full_name(name): image for name, image in minikube.parse_images(listed.stdout).items()}
        return {
            reference: _content(there[ctr.full_name(reference)])
            for reference in references
            if ctr.full_name(reference) in there
        }

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Bring images from the host to every node; nothing to bring where the node uses the engine that built them.

        Raises:
            DeliveryFailed: an image is not there afterwards, or another one is.
            DiskFull: no space left.
        """
        if not references:
            return {}
        if self._nodes is not None:
            whole = partial(minikube.image_load_archive, self.profile_name)
            images = NodeImages(self.runner, self._nodes, self.settings.images.repository, whole)
            return images.deliver(references, progress)
        printed = ""
        wanted: dict[str, str] = {}
        if self.strategy.deliver != strategies.NOTHING:
            wanted = {name: identity(image) for name, image in inspect(references, self.runner).items()}
            progress(f"loading {', '.join(references)} into {self.profile_name}")
            result = self.runner.run(minikube.image_load(self.profile_name, references), timeout=900, check=False)
            printed = "\n".join(result.lines)
            if docker.is_disk_full(printed):
                raise disk_full(f"no space left while loading into {self.profile_name}", printed)
        there = self.contents(references)
        lost = [
            each
            for each in references
            if each not in there or (each in wanted and not agree({wanted[each]}, there[each].identities))
        ]
        if lost:
            raise DeliveryFailed(
                f"{', '.join(lost)} is not in minikube profile {self.profile_name}",
                why=minikube.reason(printed) or "another image has that name there",
                fix=f"see what it has: minikube -p {self.profile_name} image ls",
            )
        return there


def _content(image: minikube.Listed) -> Content:
    return Content(frozenset({f"{CONFIG}:{image.config}", *(f"{MANIFEST}:{each}" for each in image.manifests)}))


def _is_profile(context: Context, profiles: Collection[str]) -> bool:
    return context.provider == MINIKUBE or context.name in {"minikube", *profiles}


PROVIDER: Final = Provider(MinikubeTarget.name, _is_profile, MinikubeTarget)
