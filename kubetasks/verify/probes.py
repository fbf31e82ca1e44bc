"""The layer that asks every probe's path, as a kubelet does, through the Service that selects the workload."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubetasks.errors import KubetasksError
from kubetasks.objects import Object, Objects, identity, of_kind, pod_template
from kubetasks.verify.client import Client, NoAnswer, Request
from kubetasks.verify.cluster import selects
from kubetasks.verify.doors import Door
from kubetasks.verify.results import Layer

KINDS = ("startup", "readiness", "liveness")


@dataclass
class Probe:
    """One path that probes ask, and the way to it.

    Args:
        workload: ``Kind/name``.
        path: the path with its leading slash.
        port: the container's port, by number.
        headers: what the probe sends.
        scheme: HTTP or HTTPS.
        kinds: which probes ask it.
        door: the Service and its port; None if no Service leads there.
    """

    workload: str
    path: str
    port: int | None
    scheme: str
    headers: dict[str, str] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    door: Door | None = None

    @property
    def name(self) -> str:
        """Its name in the report."""
        return f"{self.workload} {self.path}"


def _number(port: Any, container: Mapping[str, Any]) -> int | None:
    """A port as a number; a name is looked up in the container's ports."""
    if isinstance(port, int):
        return port
    if str(port).isdigit():
        return int(port)
    found = [each["containerPort"] for each in container.get("ports") or () if each.get("name") == port]
    return found[0] if found else None


def _of_workload(item: Object) -> Iterator[Probe]:
    """The distinct paths that a workload's probes ask."""
    found: dict[tuple[int | None, str, str], Probe] = {}
    for container in (pod_template(item) or {}).get("spec", {}).get("containers") or ():
        for kind in KINDS:
            get = (container.get(f"{kind}Probe") or {}).get("httpGet")
            if not get:
                continue
            path = "/" + str(get.get("path") or "/").lstrip("/")
            port, scheme = _number(get.get("port"), container), str(get.get("scheme") or "HTTP")
            headers = {each["name"]: each["value"] for each in get.get("httpHeaders") or ()}
            probe = found.setdefault((port, path, scheme), Probe(identity(item), path, port, scheme, headers))
            probe.kinds.append(kind)
    yield from found.values()


def _door(item: Object, port: int | None, services: Objects) -> Door | None:
    """The Service and its port that lead to a container's port of a workload."""
    template = pod_template(item) or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    containers = template.get("spec", {}).get("containers") or ()
    for service in services:
        selector = selects(service)
        if not selector or any(labels.get(key) != value for key, value in selector.items()):
            continue
        for each in service["spec"].get("ports") or ():
            leads = each.get("targetPort", each["port"])
            if port is not None and port in {_number(leads, container) for container in containers}:
                return service["metadata"]["name"], each["port"]
    return None


def find(objects: Objects) -> list[Probe]:
    """The probes of all Deployments and StatefulSets."""
    services = of_kind(objects, "Service")
    probes = []
    for item in of_kind(objects, "Deployment", "StatefulSet"):
        for probe in _of_workload(item):
            probe.door = _door(item, probe.port, services)
            probes.append(probe)
    return probes


def check_probe(layer: Layer, probe: Probe, client: Callable[[Door], Client]) -> None:
    """A path answers 2xx or 3xx, the statuses that a kubelet accepts.

    Args:
        layer: gets the result.
        probe: the path.
        client: gives a client for a Service's port.
    """
    kinds = " and ".join(probe.kinds)
    if probe.door is None:
        layer.skipped(probe.name, f"no Service leads to port {probe.port or '?'} of it")
        return
    if probe.scheme != "HTTP":
        layer.skipped(probe.name, f"the {kinds} probe speaks {probe.scheme}")
        return
    try:
        with client(probe.door) as opened:
            answer = opened.send(Request("GET", probe.path, headers=probe.headers))
    except (KubetasksError, NoAnswer) as error:
        layer.failed(probe.name, f"{kinds}: {getattr(error, 'line', error)}")
        return
    evidence = f"{kinds}: {answer.status} through {probe.door[0]}:{probe.door[1]}"
    if 200 <= answer.status < 400:
        layer.passed(probe.name, evidence)
    else:
        layer.failed(probe.name, f"{evidence}: {layer.excerpt(answer.text)}")
