"""A target and a store that answer from memory, and a deployed application of two services."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kubetasks.errors import KubetasksError
from kubetasks.images.content import Content
from kubetasks.objects import Object, Objects
from kubetasks.targets.base import Cluster, Progress, Store, Volume


@dataclass
class FakeStore:
    """Gives the live objects of a kind."""

    live: Objects = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    error: KubetasksError | None = None

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        self.asked.append(list(kinds))
        if self.error is not None:
            raise self.error
        return [item for item in self.live if item["kind"] in kinds]

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        raise NotImplementedError

    def create(self, item: Object) -> bool:
        raise NotImplementedError

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        raise NotImplementedError

    def delete_as_read(self, item: Object) -> bool:
        raise NotImplementedError

    def delete_all(self) -> None:
        raise NotImplementedError

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        raise NotImplementedError

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        raise NotImplementedError


@dataclass
class FakeTarget:
    """Leads to base URLs by Service name."""

    urls: Mapping[str, str | KubetasksError] = field(default_factory=dict)
    live: FakeStore = field(default_factory=FakeStore)
    opened: list[tuple[str, int]] = field(default_factory=list)
    closed: list[tuple[str, int]] = field(default_factory=list)
    name: str = "kind"
    reason: str = "a test"
    cluster: Cluster | None = field(default_factory=lambda: Cluster("kind-test", "notes"))
    pull_policy: str = "Never"
    bundled_database: bool = True

    @property
    def store(self) -> Store:
        return self.live

    def repository(self, service: str) -> str:
        return f"test/{service}"

    def preflight(self) -> None:
        pass

    def build_env(self) -> Mapping[str, str | None]:
        return {}

    @property
    def own_engine(self) -> bool:
        return False

    def engine_free(self) -> int | None:
        return None

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        return {}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        return {}

    def volumes(self) -> list[Volume]:
        return []

    @contextmanager
    def endpoint(self, service: str, port: int) -> Iterator[str]:
        url = self.urls[service]
        if isinstance(url, KubetasksError):
            raise url
        self.opened.append((service, port))
        yield url
        self.closed.append((service, port))


def deployment(name: str = "web", image: str = "test/web:1", **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": name,
                            "image": image,
                            "ports": [{"name": "http", "containerPort": 3000}],
                            "env": [{"name": "LEVEL", "value": "info"}],
                            "resources": {"limits": {"memory": "1024Mi", "cpu": 0.5}},
                            "startupProbe": {"httpGet": {"path": "/", "port": "http"}},
                            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                        }
                    ]
                },
            },
            **spec,
        },
    }


def service(name: str = "web", target: Any = "http") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": target}]},
    }


def endpoints(name: str = "web", *, ready: int = 2, unready: int = 0) -> Object:
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-x1", "labels": {"kubernetes.io/service-name": name}},
        "endpoints": [
            {"addresses": [f"10.0.0.{index}"], "conditions": {"ready": index < ready}}
            for index in range(ready + unready)
        ],
    }


def job(name: str = "migrate-1") -> Object:
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 2}}


def rolled_out(item: Object) -> Object:
    """The live form of a rendered workload: defaults filled in, all replicas ready."""
    live = copy.deepcopy(item)
    live["metadata"] |= {"uid": "u", "generation": 3, "resourceVersion": "9"}
    if item["kind"] == "Job":
        return {**live, "status": {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}}
    count = item["spec"]["replicas"]
    for container in live["spec"]["template"]["spec"]["containers"]:
        container["terminationMessagePath"] = "/dev/termination-log"
        container["resources"] = {"limits": {"memory": "1Gi", "cpu": "500m"}}
        for port in container["ports"]:
            port["protocol"] = "TCP"
    live["status"] = {
        "observedGeneration": 3,
        "replicas": count,
        "updatedReplicas": count,
        "readyReplicas": count,
        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
    }
    return live


def application() -> tuple[Objects, Objects]:
    """A small application: (rendered, live)."""
    rendered = [deployment(), service(), job()]
    live_service = copy.deepcopy(rendered[1])
    live_service["spec"] |= {"clusterIP": "10.1.1.1", "type": "ClusterIP"}
    return rendered, [rolled_out(rendered[0]), live_service, rolled_out(rendered[2]), endpoints()]
