"""From rendered workloads to the processes that stand for their pods. Pure: nothing is read or started here."""

import base64
import sys
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubetasks.objects import WORKLOADS, Object, Objects, digest, of_kind, pod_template
from kubetasks.settings import ServiceLocal
from kubetasks.targets.local.environment import Maker, Surroundings, Unresolved
from kubetasks.targets.local.images import LocalImages

# What a process gets from the environment of whoever deploys, beside what its container asks for; all else stays out,
# exported secrets above all. Proxy settings are left out: they would send what is meant for loopback elsewhere; an
# application that needs one gets it from its ConfigMap. PYTHON* is left out: it changes which code runs, and how.
KEPT = (
    "PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR",
    "LANG", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
Ports = dict[int, int]


@dataclass(frozen=True)
class Program:
    """One supervised process: a container (for a Job: all of them).

    Args:
        name: its name for supervisord and its files: ``deployment.backend@backend``.
        run: the containers that it runs, each with ``name``, ``argv``, ``cwd`` and ``env``.
    """

    name: str
    run: list[dict[str, Any]]


@dataclass(frozen=True)
class Pod:
    """The processes of one workload, and what they were made from.

    Args:
        group: supervisord's name for it, ``deployment.backend``.
        workload: the object.
        name: the pod's name: the workload's and a digest of its template.
        digest: changes when the processes have to be replaced.
        ports: container port to loopback port.
        init: the init containers, as in ``Program.run``.
        programs: the processes.
        problems: container name to (reason, message), where it cannot be started.
    """

    group: str
    workload: Object
    name: str
    digest: str
    ports: Ports
    init: list[dict[str, Any]] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    problems: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Here:
    """This machine.

    Args:
        root: the project's root: the working directory where no Dockerfile says another.
        python: stands in for ``python`` in a container's command.
        local_ports: service name to the port that settings give it; 0 for the container's own.
        images: what stands for the images that are built from this checkout.
        environ: the environment of whoever deploys.
        lowest_port: the lowest port that this user may listen on.
    """

    root: Path
    python: str = ""
    local_ports: Mapping[str, int] = field(default_factory=dict)
    images: LocalImages = field(default_factory=LocalImages)
    environ: Mapping[str, str] = field(default_factory=dict)
    lowest_port: int = 0

    @property
    def interpreter(self) -> str:
        """The interpreter for containers."""
        return self.python or sys.executable

    def base(self, python: str = "") -> dict[str, str]:
        """What every process has in its environment; ``python`` is its own interpreter, where it has one."""
        kept = {name: self.environ[name] for name in KEPT if name in self.environ}
        # The image's PATH begins with its interpreter's scripts, too.
        kept["PATH"] = f"{Path(python or self.interpreter).parent}:{kept.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
        return {**kept, "PYTHONUNBUFFERED": "1"}


def group_name(item: Object) -> str:
    """The name that a workload has in supervisord."""
    return f"{item['kind'].lower()}.{item['metadata']['name']}"


def program_name(group: str, container: str) -> str:
    """The name that a container has in supervisord. ``@`` is in no Kubernetes name, so that no two are equal."""
    return f"{group}@{container}"


def is_wanted(item: Object) -> bool:
    """Whether a workload asks for a process at all."""
    spec = item.get("spec", {})
    return not spec.get("suspend", False) if item["kind"] == "Job" else spec.get("replicas", 1) > 0


def main_containers(template: Object) -> Objects:
    """The containers that keep running: with them the init containers that are sidecars."""
    spec = template.get("spec", {})
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    return [*sidecars, *(spec.get("containers") or ())]


def init_containers(template: Object) -> Objects:
    """The containers that run to their end before the others start."""
    return [
        each for each in template.get("spec", {}).get("initContainers") or () if each.get("restartPolicy") != "Always"
    ]


def container_ports(item: Object) -> list[tuple[str, int]]:
    """Name and number of every port that a workload's containers declare."""
    return [
        (str(port.get("name", "")), int(port["containerPort"]))
        for container in main_containers(pod_template(item) or {})
        for port in container.get("ports") or ()
    ]


def selects(service: Object, labels: Mapping[str, str]) -> bool:
    """Whether a Service's pods have these labels."""
    selector = service.get("spec", {}).get("selector") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def target_port(port: Object, item: Object) -> int:
    """The container port behind a Service's port; 0 where the workload has none of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    return next((number for name, number in container_ports(item) if name == target), 0)


def own_ports(item: Object, services: Iterable[Object], local_ports: Mapping[str, int]) -> Ports:
    """Container port to loopback port: a service's ``local_port`` for the port its Service leads to, else the same."""
    ports = {number: number for _, number in container_ports(item)}
    labels = (pod_template(item) or {}).get("metadata", {}).get("labels") or {}
    for service in services:
        wanted = local_ports.get(service["metadata"]["name"], 0)
        listed = service.get("spec", {}).get("ports") or ()
        if wanted and listed and selects(service, labels):
            target = target_port(listed[0], item)
            if target:
                ports[target] = wanted
    if len(ports) == 1 and not any(selects(service, labels) for service in services):
        number = next(iter(ports))
        ports[number] = local_ports.get(item["metadata"]["name"], 0) or number
    return ports


def spread(
    ports: Mapping[str, Ports], fixed: Container[int], used: Iterable[int] = (), lowest: int = 0
) -> dict[str, Ports]:
    """The same ports, with others for those that two workloads want, or that this user may not listen on.

    Args:
        ports: the ports of each workload, by ``group_name``; the first one that wants a port keeps it.
        fixed: the loopback ports that settings name, which stay.
        used: the loopback ports of what keeps running.
        lowest: the lowest port that this user may listen on.
    """
    wanted = {own for each in ports.values() for own in each.values()}
    taken = set(used)
    found: dict[str, Ports] = {}
    for group, each in ports.items():
        made: Ports = {}
        for number, own in each.items():
            chosen = own
            if own not in fixed and (own in taken or own < lowest):
                chosen = own + 8000 if own < lowest else own + 1
                while chosen in taken or chosen in wanted:
                    chosen += 1
            taken.add(chosen)
            made[number] = chosen
        found[group] = made
    return found


def service_ports(service: Object, workloads: Iterable[Object], ports: Mapping[str, Ports]) -> Ports:
    """A Service's ports, each with the loopback port behind it. ``ports``: by ``group_name``."""
    for item in workloads:
        template = pod_template(item) or {}
        if item["kind"] == "Job" or not selects(service, template.get("metadata", {}).get("labels") or {}):
            continue
        own = ports.get(group_name(item), {})
        found: Ports = {}
        for port in service.get("spec", {}).get("ports") or ():
            target = target_port(port, item)
            if target:
                found[int(port["port"])] = own.get(target, target)
        return found
    return {}


def decoded(secret: Object) -> dict[str, str]:
    """A Secret's values."""
    data = secret.get("data") or {}
    return {key: base64.b64decode(value).decode("utf-8", errors="replace") for key, value in data.items()}


def surroundings(objects: Objects, namespace: str, ports: Mapping[str, Ports]) -> Surroundings:
    """What the containers' environments are made from."""
    workloads = of_kind(objects, *WORKLOADS)
    services = {
        service["metadata"]["name"]: service_ports(service, workloads, ports) for service in of_kind(objects, "Service")
    }
    return Surroundings(
        namespace=namespace,
        config_maps={item["metadata"]["name"]: item.get("data") or {} for item in of_kind(objects, "ConfigMap")},
        secrets={item["metadata"]["name"]: decoded(item) for item in of_kind(objects, "Secret")},
        services={name: found for name, found in services.items() if found},
    )


def pod_of(item: Object, ports: Ports, around: Surroundings, here: Here, uid: str) -> Pod:
    """The processes for a workload.

    Args:
        item: the workload.
        ports: its ports, as ``own_ports`` gives them.
        around: ConfigMaps, Secrets, Services.
        here: this machine.
        uid: the pod's, for a container that asks for it.
    """
    template = pod_template(item) or {}
    group = group_name(item)
    # A Job's processes are made anew with the Job; any other's with its template. The Services' ports come in below.
    mark = item["metadata"]["uid"] if item["kind"] == "Job" else ""
    # After its checkout was moved a process still looks for its files at the old path.
    basis = [template, sorted(ports.items()), here.interpreter, str(here.root), mark]
    images = map(here.images.get, (*init_containers(template), *main_containers(template)))
    basis += [repr(image.local) for image in images if image is not None and image.local != ServiceLocal()]
    meta = {**template.get("metadata", {}), "namespace": around.namespace, "uid": uid}
    meta["name"] = f"{item['metadata']['name']}-{digest(basis, length=10)}"
    maker = Maker(around, {"metadata": meta, "spec": template.get("spec", {})}, ports)
    problems: dict[str, tuple[str, str]] = {}

    def made(container: Object) -> list[dict[str, Any]]:
        image = here.images.get(container)
        python = str(here.root / image.local.python) if image and image.local.python else ""
        try:
            values = (image.environment() if image else {}) | maker.environment(container)
            argv = maker.command(container, values, python or here.interpreter, image)
        except Unresolved as error:
            problems[container["name"]] = (error.reason, error.message)
            return []
        folder = image.folder(container, here.root) if image else here.root
        return [{"name": container["name"], "argv": argv, "cwd": str(folder), "env": here.base(python) | values}]

    init = [each for container in init_containers(template) for each in made(container)]
    mains = [(container["name"], made(container)) for container in main_containers(template)]
    programs: list[Program] = []
    if item["kind"] == "Job":
        run = [each for _, found in mains for each in found]
        programs = [] if problems else [Program(program_name(group, "job"), run)]
    elif not any(container["name"] in problems for container in init_containers(template)):
        programs = [Program(program_name(group, name), found) for name, found in mains if found]
    if maker.used:
        basis.append({name: sorted(around.services[name].items()) for name in sorted(maker.used)})
    return Pod(group, item, meta["name"], digest(basis, length=16), ports, init, programs, problems)
