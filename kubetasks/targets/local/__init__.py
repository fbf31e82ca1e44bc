"""The embedded target: the rendered workloads as supervised processes on loopback. No container engine, no cluster.

A folder stands for the namespace (``store``) and processes for the pods: ``workloads`` says which, ``processes`` makes
it so, ``supervisor`` keeps them running through supervisord, ``entry`` prepares each. ``pods`` and ``status`` report
them in Kubernetes' own fields, so that whatever reads a cluster reads this.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kubetasks.errors import SupervisorFailed
from kubetasks.images.content import Content
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster, Progress, Volume
from kubetasks.targets.local import files, ports

if TYPE_CHECKING:
    from kubetasks.targets.local.store import LocalStore
    from kubetasks.targets.local.workloads import Here

LEFT_OUT = (
    "LoadBalancer: every Service is a port on 127.0.0.1; nothing is reachable from other machines",
    "probes by a kubelet: readiness is asked when status is read, and a process that hangs is not restarted",
    "replicas: one process stands for all of a workload's replicas",
    "rolling updates: the old process ends before the new one starts",
    "images: processes run this checkout as it is now; a rollback brings back objects and settings, not source",
    "isolation: processes run as you; resources, securityContext and volumes do nothing",
    "NetworkPolicy, PodDisruptionBudget and other kinds are kept and shown, but do nothing",
)


@dataclass(frozen=True)
class LocalTarget:
    """See ``Target``.

    Args:
        settings: the settings.
        runner: starts supervisord.
        root: the project's root: the processes' working directory, and where the state folder is.
        reason: why this target was chosen.
    """

    settings: Settings
    runner: Runner
    root: Path
    reason: str = ""

    @property
    def name(self) -> str:
        """See ``Target.name``."""
        return "local"

    @property
    def cluster(self) -> Cluster | None:
        """See ``Target.cluster``: there is none."""
        return None

    @property
    def pull_policy(self) -> str:
        """See ``Target.pull_policy``."""
        return "Never"

    @property
    def bundled_database(self) -> bool:
        """See ``Target.bundled_database``: SQLite stands in."""
        return False

    def repository(self, service: str) -> str:
        """See ``Target.repository``."""
        return f"{self.settings.images.repository}/{self.settings.project}-{service}"

    def preflight(self) -> None:
        """See ``Target.preflight``.

        Raises:
            SupervisorFailed: on Windows, where supervisord does not run.
        """
        if sys.platform == "win32":
            raise SupervisorFailed(
                "the local target does not run on Windows",
                why="its process supervisor needs a Unix",
                fix="run the same command in WSL (https://learn.microsoft.com/windows/wsl/install)",
            )

    def build_env(self) -> Mapping[str, str | None]:
        """See ``Target.build_env``."""
        return {}

    @property
    def own_engine(self) -> bool:
        """See ``Target.own_engine``: no image is needed."""
        return False

    def engine_free(self) -> int | None:
        """See ``Target.engine_free``: nothing is built."""
        return None

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """See ``Target.contents``: no image is needed."""
        return {}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """See ``Target.deliver``: nothing to do."""
        return {}

    @property
    def store(self) -> "LocalStore":
        """See ``Target.store``.

        Raises:
            SupervisorFailed: on Windows.
        """
        self.preflight()
        from kubetasks.targets.local.store import LocalStore  # noqa: PLC0415  (not importable on Windows)

        return LocalStore(self.root.resolve(), self.settings.in_namespace, self.runner, self.here)

    @cached_property
    def here(self) -> "Here":
        """This machine, and what stands for the images."""
        from kubetasks.targets.local.images import LocalImages  # noqa: PLC0415
        from kubetasks.targets.local.workloads import Here  # noqa: PLC0415

        root = self.root.resolve()
        local_ports = {name: service.local_port for name, service in self.settings.services.items()}
        names = {service: self.repository(service) for service in self.settings.services}
        images = LocalImages.of(self.settings, root, names)
        return Here(root, self.settings.local.python, local_ports, images, dict(os.environ), ports.lowest())

    def volumes(self) -> list[Volume]:
        """See ``Target.volumes``: the folder in which all processes keep their data."""
        data = self.store.folder / files.DATA
        if not any(path.is_file() for path in data.rglob("*")):
            return []
        return [Volume(str(data), "inv destroy --target local")]

    @contextlib.contextmanager
    def endpoint(self, service: str, port: int) -> Iterator[str]:
        """See ``Target.endpoint``.

        Raises:
            SupervisorFailed: there is no such Service, or no workload of it.
        """
        store = self.store
        live = store.stored("Service", "Deployment", "StatefulSet")
        from kubetasks.targets.local.workloads import service_ports  # noqa: PLC0415

        for item in live:
            if item["kind"] == "Service" and item["metadata"]["name"] == service:
                found = service_ports(
                    item, [each for each in live if each["kind"] != "Service"], store.processes.ports(live)
                )
                if port in found:
                    yield f"http://127.0.0.1:{found[port]}"
                    return
        raise SupervisorFailed(f"there is no Service {service} with a port {port}", fix="run inv deploy --target local")

    def sqlite_url(self) -> str:
        """What stands in for the database's URL. The folder that it is in is made with the first process."""
        return self.settings.local.sqlite.format(data=self.store.folder / files.DATA)

    def left_out(self) -> list[str]:
        """What a cluster has and this target has not, one line each."""
        return list(LEFT_OUT)
