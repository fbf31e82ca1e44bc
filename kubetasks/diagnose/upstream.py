"""What a workload talks to: a Service of this namespace or another, or a host outside; and where its name is set."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, run, with_again
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.hosts import Host
from kubetasks.diagnose.refs import references
from kubetasks.diagnose.words import Near, nearest
from kubetasks.objects import Object
from kubetasks.redact import HIDDEN

Place = Literal["service", "missing", "elsewhere", "outside", "loopback", "api"]
API: Final = ("kubernetes", "kubernetes.default")


@dataclass(frozen=True)
class Upstream:
    """A host that a program asks, resolved.

    Args:
        host: as the program names it.
        place: a Service here, a Service that does not exist, one of another namespace, the outside, the container
            itself, or the Kubernetes API.
        service: the Service, where there is one here.
        near: the Service that may have been meant, where there is none.
        found_in: ``NAMESPACE/NAME`` of a Service of that name elsewhere.
    """

    host: Host
    place: Place
    service: Object | None = None
    near: Near = dataclasses.field(default_factory=Near)
    found_in: str = ""

    @property
    def key(self) -> str:
        """``Service/name``."""
        return f"Service/{self.service['metadata']['name']}" if self.service else f"Service/{self.host.name}"

    @property
    def ports(self) -> list[int]:
        """The ports of the Service."""
        spec = (self.service or {}).get("spec") or {}
        return [int(port["port"]) for port in spec.get("ports") or ()]


def resolve(world: World, host: Host) -> Upstream:
    """Find out what a host is."""
    if host.is_loopback:
        return Upstream(host, "loopback")
    if host.is_address:
        return _of_address(world, host)
    if host.text.startswith(API):
        return Upstream(host, "api")
    here = world.snapshot.namespace
    if host.is_service_like and host.namespace in {"", here, "svc"}:
        service = world.get("Service", host.name)
        if service is not None:
            return Upstream(host, "service", service)
        found = next((each for each in world.snapshot.elsewhere if each.partition("/")[2] == host.name), "")
        near = nearest(host.name, world.names("Service"))
        return Upstream(host, "elsewhere" if found and not near.typo else "missing", near=near, found_in=found)
    if host.is_service_like and len(host.parts) > 2:
        return Upstream(host, "elsewhere", found_in=f"{host.namespace}/{host.name}")
    if host.is_service_like and world.get("Service", host.name) is not None:
        # name.namespace with a namespace that is not this one.
        return Upstream(host, "elsewhere", near=Near(host.name, typo=True))
    return Upstream(host, "outside")


def _of_address(world: World, host: Host) -> Upstream:
    for service in world.all("Service"):
        if host.text in (
            (service.get("spec") or {}).get("clusterIPs") or [(service.get("spec") or {}).get("clusterIP")]
        ):
            return Upstream(host, "service", service)
    for pod in world.pods:
        if host.text == pod.status.get("podIP"):
            services = world.services_of([pod])
            if services:
                return Upstream(host, "service", services[0])
    return Upstream(host, "outside")


@dataclass(frozen=True)
class Setting:
    """Where a host's name or port is set: a variable, a ConfigMap's key, an argument.

    Args:
        where: the place in words: ``variable DB_HOST``, ``DB_HOST in ConfigMap shop``.
        value: the whole value.
        path: of the JSON patch below the pod's spec; empty for a ConfigMap.
        config_map: the ConfigMap's name; empty for the spec.
        key: the key in it.
    """

    where: str
    value: str
    path: str = ""
    config_map: str = ""
    key: str = ""


def settings(world: World, workload: Workload) -> Iterator[Setting]:
    """The values that a workload's containers are given: variables, ConfigMaps, commands and arguments."""
    for part, index, container in workload.containers():
        at = f"{part}/{index}"
        for number, variable in enumerate(container.get("env") or ()):
            if "value" in variable:
                path = f"{at}/env/{number}/value"
                yield Setting(f"variable {variable['name']}", str(variable["value"]), path)
        for field in ("command", "args"):
            for number, word in enumerate(container.get(field) or ()):
                yield Setting(f"{field} of {container['name']}", str(word), f"{at}/{field}/{number}")
    seen = set()
    for each in references(workload.spec):
        data = ((world.get("ConfigMap", each.name) or {}).get("data") or {}) if each.kind == "ConfigMap" else {}
        for key, value in data.items():
            if (each.name, key) not in seen and (not each.key or each.key == key):
                seen.add((each.name, key))
                yield Setting(f"{key} in ConfigMap {each.name}", str(value), config_map=each.name, key=key)


def find(world: World, workload: Workload, text: str) -> list[Setting]:
    """The settings in which a host's name or a ``host:port`` stands as its own word."""
    text = _as_set(world, workload, text)
    word = re.compile(rf"(?<![\w.-]){re.escape(text)}(?![\w-])(?!\.\w)", re.IGNORECASE)
    return [each for each in settings(world, workload) if word.search(each.value)]


def _as_set(world: World, workload: Workload, text: str) -> str:
    """A loopback address as the settings have it: a log says 127.0.0.1 where they say localhost."""
    for address, name in (("127.0.0.1", "localhost"), ("localhost", "127.0.0.1")):
        if text.startswith(address) and not any(address in each.value for each in settings(world, workload)):
            return name + text.removeprefix(address)
    return text


def replaced(world: World, workload: Workload, old: str, new: str, what: str) -> Fix | None:
    """The fix that puts one host's name, or ``host:port``, in the place of another wherever it is set.

    None if it is not set in the open: in a Secret, in the image.
    """
    old = _as_set(world, workload, old)
    places = find(world, workload, old)
    if not places or any(HIDDEN in each.value for each in places):
        return None
    word = re.compile(rf"(?<![\w.-]){re.escape(old)}(?![\w-])(?!\.\w)", re.IGNORECASE)
    steps: list[Step] = [("replace", each.path, word.sub(new, each.value)) for each in places if each.path]
    maps: dict[str, dict[str, str]] = {}
    for each in places:
        if each.config_map:
            maps.setdefault(each.config_map, {})[each.key] = word.sub(new, each.value)
    fixes = [_of_config_map(world, name, data, what) for name, data in maps.items()]
    if steps:
        fixes.append(change(world, workload, what, steps))
    elif fixes:
        fixes[-1] = with_again(world, fixes[-1], [workload])
    if all(each.kind == "command" for each in fixes):
        note = next((each.note for each in fixes if each.note), "")
        return Fix(kind="command", text=" && ".join(each.text for each in fixes), what=what, note=note)
    return fixes[0]


def _of_config_map(world: World, name: str, data: dict[str, str], what: str) -> Fix:
    from kubetasks.diagnose.fixes import compact, lasting  # noqa: PLC0415

    item: Any = world.get("ConfigMap", name)
    return run(
        world,
        what,
        "patch",
        "configmap",
        name,
        "--type=merge",
        "-p",
        compact({"data": data}),
        note=lasting(world, item) if item else "",
    )
