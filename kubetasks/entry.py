"""The entry of an application: the Service that its users reach first, from the settings or from what is rendered."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.objects import Object, Objects, of_kind, pod_specs
from kubetasks.settings.checking import ROUTES

__all__ = ["ROUTES", "Entry", "candidates", "choose", "unclear"]

# What must be read to choose among live objects.
KINDS: Final = ("Service", "Ingress", "Deployment", "StatefulSet", "DaemonSet", "Pod", "ConfigMap")
ROUTE_KIND: Final = "HTTPRoute.gateway.networking.k8s.io"

# What names a port that speaks HTTP, and what names one that does not.
HTTP_NAME: Final = re.compile(r"(?i)(?:http2?|web|h2c)(?:[-_.].*)?|kubernetes\.io/h2c")
OTHER_NAME: Final = re.compile(
    r"(?i)(?:https|tls|tcp|udp|grpc|postgres(?:ql)?|pg|mysql|mongo(?:db)?|redis|amqp|kafka|smtp|dns|ssh|ldap|sctp|db)"
    r"(?:[-_.].*)?"
)
HTTP_PORTS: Final = frozenset({80, 3000, 3001, 4200, 5000, 5001, 5173, 8000, 8001, 8080, 8081, 8501, 8888})
OTHER_PORTS: Final = frozenset(
    {22, 25, 53, 443, 389, 587, 1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 6443, 8443, 9042, 9092, 11211, 27017}
)


@dataclass(frozen=True)
class Entry:
    """A way into the application.

    Args:
        service: the Service's name.
        port: its port.
        path: the path that leads there, with its leading slash.
        host: the host name that an Ingress or HTTPRoute expects; empty for any.
        through: what leads to the Service: ``Ingress/web``, ``LoadBalancer``, ``NodePort`` or ``ClusterIP``.
        speaks_http: whether anything says that the port speaks HTTP.
    """

    service: str
    port: int
    path: str = "/"
    host: str = ""
    through: str = ""
    speaks_http: bool = True

    @property
    def title(self) -> str:
        """How a report names it."""
        behind = f" through {self.through}" if "/" in self.through else ""
        return f"GET {self.path} of Service {self.service}:{self.port}{behind}"


def choose(objects: Objects, setting: str = "") -> Entry | None:
    """The entry: the one of the setting, else the only one that what is rendered offers.

    Args:
        objects: the rendered objects.
        setting: ``verify.entry``: ``SERVICE``, ``SERVICE:PORT``, ``Ingress/NAME``, ``HTTPRoute/NAME`` or
            ``Gateway/NAME``; empty to infer it.

    Returns:
        None where the setting names nothing that is rendered, or where nothing or several things could be it.
    """
    if not setting:
        offered = candidates(objects)
        return offered[0] if len({each.service for each in offered}) == 1 else None
    kind, slash, name = setting.partition("/")
    if slash:
        return next(_of_route(objects, kind, name), None)
    name, _, port = setting.partition(":")
    for service in of_kind(objects, "Service"):
        if service["metadata"]["name"] == name:
            return _named(service, port)
    return Entry(name, int(port)) if name and port.isdigit() else None


def unclear(objects: Objects, setting: str = "") -> str:
    """Why there is no entry, in one line.

    Args:
        objects: the rendered objects.
        setting: ``verify.entry``.
    """
    if setting:
        return f"`verify.entry` is {setting}, and no such Service is rendered"
    names = list(dict.fromkeys(each.service for each in candidates(objects)))
    if not names:
        return "no Service is rendered that speaks HTTP, and `verify.entry` names none"
    return f"several Services could be the entry ({', '.join(names)}): name one in `verify.entry`"


def candidates(objects: Objects) -> list[Entry]:
    """Everything that a user could reach first: what is exposed, else the Services that nothing else refers to.

    Args:
        objects: the rendered objects.
    """
    routes = [each for kind in ("Ingress", "HTTPRoute") for each in _of_route(objects, kind)]
    if routes:
        return _first_of_each(routes)
    services = [item for item in of_kind(objects, "Service") if item.get("spec", {}).get("type") != "ExternalName"]
    exposed = [
        entry
        for item in services
        if item["spec"].get("type") in ("LoadBalancer", "NodePort")
        for entry in _http_ports(item, objects)
    ]
    if exposed:
        return _first_of_each(exposed)
    inner = [each for item in services for each in _http_ports(item, objects) if each.speaks_http]
    inner = _first_of_each(inner)
    asked = [each for each in inner if not _is_referred_to(each.service, objects)]
    return asked or inner


def _first_of_each(entries: list[Entry]) -> list[Entry]:
    """One entry for each Service, the one with the shortest path."""
    found: dict[str, Entry] = {}
    for each in sorted(entries, key=lambda entry: len(entry.path)):
        found.setdefault(each.service, each)
    return [found[name] for name in dict.fromkeys(each.service for each in entries)]


def _named(service: Object, port: str) -> Entry | None:
    """The port of a Service with this number or name; its first one where there is none of that name."""
    name, ports = service["metadata"]["name"], service["spec"].get("ports") or ()
    if port.isdigit():
        return Entry(name, int(port))
    if not ports:
        return None
    named = [each["port"] for each in ports if port and each.get("name") == port]
    return Entry(name, (named or [ports[0]["port"]])[0], through=str(service["spec"].get("type") or "ClusterIP"))


def _http_ports(service: Object, objects: Objects) -> Iterator[Entry]:
    spec = service.get("spec") or {}
    probed = set(_probed(service, objects))
    for each in spec.get("ports") or ():
        name = str(each.get("appProtocol") or each.get("name") or "")
        leads = {each["port"], each.get("targetPort", each["port"])}
        http = bool(HTTP_NAME.fullmatch(name)) or bool(leads & probed)
        other = bool(OTHER_NAME.fullmatch(name)) or bool(leads & OTHER_PORTS) or each.get("protocol", "TCP") != "TCP"
        if http or not other:
            sure = http or bool(leads & HTTP_PORTS)
            through = str(spec.get("type") or "ClusterIP")
            yield Entry(service["metadata"]["name"], each["port"], through=through, speaks_http=sure)


def _probed(service: Object, objects: Objects) -> Iterator[Any]:
    """The ports, by number and by name, that HTTP probes of the pods behind a Service ask."""
    selector = service.get("spec", {}).get("selector")
    for item in objects:
        labels = _pod_labels(item)
        if not selector or labels is None or any(labels.get(key) != value for key, value in selector.items()):
            continue
        for pod in pod_specs(item):
            for container in pod.get("containers") or ():
                names = {each.get("name"): each.get("containerPort") for each in container.get("ports") or ()}
                for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                    get = (container.get(kind) or {}).get("httpGet") or {}
                    if get and str(get.get("scheme") or "HTTP") == "HTTP":
                        port = get.get("port")
                        yield from (port, names.get(port), *(name for name, number in names.items() if number == port))


def _pod_labels(item: Object) -> Mapping[str, Any] | None:
    if item["kind"] == "Pod":
        return item["metadata"].get("labels") or {}
    template = (item.get("spec") or {}).get("template")
    return ((template.get("metadata") or {}).get("labels") or {}) if isinstance(template, dict) else None


def _is_referred_to(name: str, objects: Objects) -> bool:
    """Whether an environment, an argument or a ConfigMap names a Service: then something in front of it asks it."""
    pattern = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])(?:[.:/]|\"|$)")
    for item in objects:
        if item["kind"] == "ConfigMap":
            texts = item.get("data") or {}
        else:
            texts = [
                [container.get(key) for key in ("command", "args")] + [each.get("value") for each in _env(container)]
                for pod in pod_specs(item)
                for container in pod.get("containers") or ()
            ]
            if name == item["metadata"]["name"]:
                continue
        if texts and pattern.search(json.dumps(texts)):
            return True
    return False


def _env(container: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The variables that a container spells out."""
    return [each for each in container.get("env") or () if isinstance(each, dict)]


def _of_route(objects: Objects, kind: str, name: str = "") -> Iterator[Entry]:
    """The Services that an Ingress, HTTPRoute or Gateway leads to, in its order."""
    if kind == "Gateway":
        for route in of_kind(objects, "HTTPRoute"):
            parents = (route.get("spec") or {}).get("parentRefs") or ()
            if any(each.get("name") == name and each.get("kind", "Gateway") == "Gateway" for each in parents):
                yield from _of_route(objects, "HTTPRoute", route["metadata"]["name"])
        return
    for item in of_kind(objects, kind):
        if name in ("", item["metadata"]["name"]):
            yield from (_from_ingress if kind == "Ingress" else _from_route)(item, objects)


def _from_ingress(item: Object, objects: Objects) -> Iterator[Entry]:
    spec, through = item.get("spec") or {}, f"Ingress/{item['metadata']['name']}"
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            service = (path.get("backend") or {}).get("service") or {}
            where = str(path.get("path") or "/")
            yield from _entry(service.get("name"), service.get("port") or {}, where, rule.get("host"), through, objects)
    default = (spec.get("defaultBackend") or {}).get("service") or {}
    yield from _entry(default.get("name"), default.get("port") or {}, "/", "", through, objects)


def _from_route(item: Object, objects: Objects) -> Iterator[Entry]:
    spec, through = item.get("spec") or {}, f"HTTPRoute/{item['metadata']['name']}"
    host = next(iter(spec.get("hostnames") or ()), "")
    for rule in spec.get("rules") or ():
        matches = [(each.get("path") or {}).get("value") for each in rule.get("matches") or ()]
        for backend in rule.get("backendRefs") or ():
            if backend.get("kind", "Service") == "Service":
                port = {"number": backend.get("port")}
                where = str(next(filter(None, matches), "/"))
                yield from _entry(backend.get("name"), port, where, host, through, objects)


def _entry(name: Any, port: Mapping[str, Any], path: str, host: Any, through: str, objects: Objects) -> Iterator[Entry]:
    """One backend; a path that is a pattern, and a host that is one, are asked as ``/`` and as any."""
    services = {item["metadata"]["name"]: item for item in of_kind(objects, "Service")}
    if not name:
        return
    number = port.get("number")
    if number is None and name in services:
        found = _named(services[name], str(port.get("name") or ""))
        number = found.port if found else None
    if not isinstance(number, int):
        return
    where = path if re.fullmatch(r"/[\w./~-]*", path) else "/"
    known = "" if "*" in str(host or "") else str(host or "")
    yield Entry(str(name), number, where, known, through)
