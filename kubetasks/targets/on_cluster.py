"""What every target that is a Kubernetes cluster has in common."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from kubetasks.images.engine import engine_down
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster, Store
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

    def endpoint(self, service: str, port: int) -> AbstractContextManager[str]:
        """A base URL on loopback, forwarded to a Service's port while the block lasts.

        Raises:
            ClusterUnreachable: the API server does not answer.
            ToolFailed: there is no such Service, or no pod behind it.
        """
        from kubetasks.targets.forward import forward  # noqa: PLC0415

        return forward(self.cluster, self.runner, service, port)

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
