"""What every target that is a Kubernetes cluster has in common."""

import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from kubetasks.errors import KubetasksError
from kubetasks.images.engine import engine_down
from kubetasks.objects import PART_OF, Objects
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets import engine_disk, strategies
from kubetasks.targets.base import Cluster, Store, Volume
from kubetasks.targets.nodes import Nodes
from kubetasks.targets.strategies import Strategy
from kubetasks.tools import docker


@dataclass(frozen=True)
class OnCluster:
    """A cluster, reached with kubectl.

    Args:
        settings: the settings.
        runner: starts programs.
        cluster: the context and namespace.
        reason: why this target was chosen, in one line.
    """

    settings: Settings
    runner: Runner
    cluster: Cluster
    reason: str = ""

    @property
    def store(self) -> Store:
        """The namespace behind the API server."""
        from kubetasks.targets.kubectl_store import KubectlStore  # noqa: PLC0415

        return KubectlStore(self.cluster, self.runner)

    def volumes(self) -> list[Volume]:
        """See ``Target.volumes``. Who may not list volumes sees none."""
        scope = f"kubectl --context {self.cluster.context}"
        claims: Objects = []
        volumes: Objects = []
        with contextlib.suppress(KubetasksError):
            claims = self.store.get(["PersistentVolumeClaim"])
        with contextlib.suppress(KubetasksError):
            volumes = self.store.get(["PersistentVolume"])
        found = [
            Volume(
                shown=f"PersistentVolumeClaim/{item['metadata']['name']}",
                delete=f"{scope} --namespace {self.cluster.namespace} delete "
                f"persistentvolumeclaim/{item['metadata']['name']}",
                claim=item["metadata"]["name"],
                part_of=(item["metadata"].get("labels") or {}).get(PART_OF, ""),
                claimed=True,
            )
            for item in claims
        ]
        there = {each.claim for each in found}
        for item in volumes:
            claim = item.get("spec", {}).get("claimRef") or {}
            phase = item.get("status", {}).get("phase", "")
            if claim.get("namespace") != self.cluster.namespace or claim.get("name") in there:
                continue
            name = item["metadata"]["name"]
            # Released: the claim it was bound to is gone, and another one of that name does not get it.
            released = phase not in {"Available", "Pending", ""}
            found.append(
                Volume(
                    shown=f"PersistentVolume/{name}",
                    delete=f"{scope} delete persistentvolume/{name}",
                    claim=claim["name"],
                    idle=released,
                    released=released,
                    retained=item["spec"].get("persistentVolumeReclaimPolicy") == "Retain",
                    path=(item["spec"].get("hostPath") or {}).get("path", ""),
                )
            )
        return found

    def endpoint(self, service: str, port: int) -> AbstractContextManager[str]:
        """A base URL on loopback, forwarded to a Service's port while the block lasts.

        Raises:
            ClusterUnreachable: the API server does not answer.
            ToolFailed: there is no such Service, or no pod behind it.
        """
        from kubetasks.targets.forward import forward  # noqa: PLC0415

        return forward(self.cluster, self.runner, service, port)

    @property
    def strategy(self) -> Strategy:
        """How images are built and delivered here."""
        return strategies.choose(self.cluster.kind or "context")

    def get_everywhere(self, kinds: Sequence[str], *, selector: str) -> Objects | None:
        """The objects of these kinds in all namespaces; None where not all of them may be listed."""
        from kubetasks.targets.kubectl_store import KubectlStore  # noqa: PLC0415

        return KubectlStore(self.cluster, self.runner).get_everywhere(kinds, selector=selector)

    @property
    def nodes_with_images(self) -> Nodes | None:
        """The nodes whose image stores can be asked and changed from here; None where they cannot."""
        return None

    def repository(self, service: str) -> str:
        """``<images.repository>/<project>-<service>``."""
        return f"{self.settings.images.repository}/{self.settings.project}-{service}"

    @property
    def own_engine(self) -> bool:
        """The host's own engine builds."""
        return True

    def build_env(self) -> Mapping[str, str | None]:
        """Nothing: the host's own engine builds."""
        return {}

    def engine_free(self) -> int | None:
        """Bytes free on the disk of the host's engine; None where that is not known."""
        return engine_disk.host(self.runner)

    def preflight(self) -> None:
        """Make sure that the engine answers.

        Raises:
            EngineDown: it does not.
            ToolMissing: docker is not there.
        """
        self.ask_engine({})

    def ask_engine(self, env: Mapping[str, str | None]) -> None:
        """Make sure that the engine behind an environment answers."""
        result = self.runner.run(docker.server_version(), env=env, timeout=20, check=False)
        if not result.ok or not result.stdout.strip():
            raise engine_down(result.stderr or result.stdout)
