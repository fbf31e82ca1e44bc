"""Which Service a user opens, as far as the objects tell."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from kubetasks.init.manifests import name_of
from kubetasks.objects import Object, Objects, pod_specs

# Names of what users open, the surer one first.
OPENED: Final = (
    "web",
    "www",
    "ui",
    "front",
    "gateway",
    "site",
    "portal",
    "proxy",
    "nginx",
    "app",
    "dashboard",
    "client",
)
DATA: Final = re.compile(r"(^|-)(db|database|redis|postgres\w*|mysql|mongo\w*|rabbitmq|kafka|cache|queue)(-|$)")


def infer(objects: Objects, built: Collection[str]) -> str:
    """The Service that a user opens, as SERVICE or SERVICE:PORT; empty where none stands out.

    An Ingress or route decides; then the type of a Service, its name, and whether it leads to what is built here.

    Args:
        objects: what is deployed.
        built: ``Kind/name`` of the workloads with an image that is built here.
    """
    services = {name_of(item): item for item in objects if item["kind"] == "Service" and _ports(item)}
    routed = list(dict.fromkeys(name for item in objects for name in _routed(item) if name in services))
    if routed:
        best = max(routed, key=lambda name: (_named(name), -routed.index(name)))
        return _with_port(services[best])
    worth = {name: _worth(item, objects, built) for name, item in services.items()}
    ranked = sorted(worth, key=lambda name: worth[name], reverse=True)
    if not ranked or worth[ranked[0]][:2] == (0, 0):
        return _with_port(services[ranked[0]]) if len(ranked) == 1 and worth[ranked[0]][2] else ""
    if len(ranked) > 1 and worth[ranked[0]] == worth[ranked[1]]:
        return ""
    return _with_port(services[ranked[0]])


def _spec(item: Object) -> Object:
    return item["spec"] if isinstance(item.get("spec"), dict) else {}


def _ports(item: Object) -> list[Object]:
    ports = _spec(item).get("ports")
    return (
        [each for each in ports if isinstance(each, dict) and each.get("protocol", "TCP") == "TCP"]
        if isinstance(ports, list)
        else []
    )


def _with_port(item: Object) -> str:
    ports = _ports(item)
    if len(ports) == 1:
        return name_of(item)
    best = next((each for each in ports if str(each.get("name", "")).startswith("http")), ports[0])
    return f"{name_of(item)}:{best.get('name') or best.get('port')}"


def _named(name: str) -> int:
    for index, word in enumerate(OPENED):
        if re.search(rf"(^|-){word}", name):
            return len(OPENED) - index
    return 0


def _worth(item: Object, objects: Objects, built: Collection[str]) -> tuple[int, int, int, int]:
    name = name_of(item)
    outside = {"LoadBalancer": 2, "NodePort": 1}.get(str(_spec(item).get("type")), 0)
    if DATA.search(name):
        outside = 0
    ours = int(_leads_to(item, objects, built))
    http = any(
        each.get("port") in {80, 443, 8080, 3000, 5000, 8000} or "http" in str(each.get("name"))
        for each in _ports(item)
    )
    return outside, _named(name), ours, int(http)


def _leads_to(item: Object, objects: Objects, built: Collection[str]) -> bool:
    selector = _spec(item).get("selector")
    if not isinstance(selector, dict) or not selector:
        return False
    for each in objects:
        if f"{each['kind']}/{name_of(each)}" in built and any(True for _ in pod_specs(each)):
            template = _spec(each).get("template")
            labels = ((template if isinstance(template, dict) else each).get("metadata") or {}).get("labels") or {}
            if isinstance(labels, dict) and selector.items() <= labels.items():
                return True
    return False


def _routed(item: Object) -> Iterator[str]:
    """The Services that an Ingress or an HTTPRoute leads to, that of the path ``/`` first."""
    if item["kind"] not in {"Ingress", "HTTPRoute"}:
        return
    found: list[tuple[bool, str]] = []

    def visit(value: Any, path: str) -> None:
        if isinstance(value, list):
            for each in value:
                visit(each, path)
        elif isinstance(value, dict):
            inner = value.get("path")
            here = str(inner.get("value", "/")) if isinstance(inner, dict) else str(inner or path)
            service = value.get("service")
            if isinstance(service, dict) and isinstance(service.get("name"), str):
                found.append((here != "/", service["name"]))
            elif isinstance(value.get("serviceName"), str):
                found.append((here != "/", value["serviceName"]))
            elif (
                item["kind"] == "HTTPRoute"
                and isinstance(value.get("name"), str)
                and value.get("kind", "Service") == "Service"
                and "port" in value
            ):
                found.append((here != "/", value["name"]))
            for each in value.values():
                visit(each, here)

    visit(_spec(item), "/")
    yield from (name for _, name in sorted(found, key=lambda each: each[0]))
