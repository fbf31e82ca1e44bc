"""A container's environment and command line, by the rules of the kubelet.

Sources: ``makeEnvironmentVariables`` in pkg/kubelet/kubelet_pods.go, and ``Expand`` in
third_party/forked/golang/expansion/expand.go, both of kubernetes/kubernetes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kubetasks.objects import Object

if TYPE_CHECKING:
    from kubetasks.targets.local.images import LocalImage

REFERENCE: Final = re.compile(r"\$(?:(\$)|\(([^)]*)\))")
LOOPBACK: Final = "127.0.0.1"
EVERY_ADDRESS: Final = re.compile(r"(?<![\w.:])0\.0\.0\.0(?![\w.])")
# How servers are given their port: `--port 80`, `-p 80`, `--port=80`, `--bind 0.0.0.0:80`, `:80`, `PORT=80`.
PORT_FLAG: Final = re.compile(r"(?:--?[\w-]*(?:port|listen|bind|addr|address)|-p|-b)")
PORT_WORD: Final = re.compile(
    r"((?:--?[\w-]*(?:port|listen|bind|addr|address)|-p|-b)[ =](?:[\w.-]*:)?|PORT=|127\.0\.0\.1:|(?<!\S):)(\d+)\b"
)
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
EVERYWHERE: Final = ("0.0.0.0", "::", "[::]")  # noqa: S104  (looked for, in order to replace it)


class Unresolved(Exception):
    """A container's environment cannot be made; the reason as the kubelet gives it in the container's status."""

    def __init__(self, message: str, reason: str = "CreateContainerConfigError") -> None:
        self.reason = reason
        self.message = message
        super().__init__(message)


def expand(text: str, values: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced by its value, ``$$`` by ``$``; a name that is not known stays as it is."""

    def found(match: re.Match[str]) -> str:
        return "$" if match[1] else values.get(match[2], match[0])

    return REFERENCE.sub(found, text)


@dataclass(frozen=True)
class Surroundings:
    """What a container's environment is made from.

    Args:
        namespace: the namespace's name.
        config_maps: name to data.
        secrets: name to data, decoded.
        services: Service name to its ports, each with the loopback port that stands for it.
    """

    namespace: str
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    services: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def source(self, kind: str, reference: Object) -> Mapping[str, str] | None:
        """The data of a ConfigMap or Secret; None where it is optional and missing."""
        held = self.secrets if kind == "secret" else self.config_maps
        data = held.get(reference["name"])
        if data is None and not reference.get("optional"):
            raise Unresolved(f'{kind} "{reference["name"]}" not found')
        return data

    def key(self, kind: str, reference: Object) -> str | None:
        """One value of a ConfigMap or Secret; None where it is optional and missing."""
        data = self.source(kind, reference)
        if data is not None and reference["key"] in data:
            return data[reference["key"]]
        if reference.get("optional"):
            return None
        title = {"secret": "Secret", "configmap": "ConfigMap"}[kind]
        raise Unresolved(f"couldn't find key {reference['key']} in {title} {self.namespace}/{reference['name']}")

    def to_loopback(self, text: str, used: set[str]) -> str:
        """``backend:8000`` and ``http://backend`` with the loopback address in place of a Service's name.

        A Service is also known by its longer names (``backend.NAMESPACE.svc.cluster.local``). A port that the Service
        does not have stays, with the name: that is a mistake, and hiding it would not help.

        Args:
            text: any text that may hold addresses.
            used: gets the names of the Services that were replaced.
        """
        for name, ports in self.services.items():
            if name not in text:
                continue
            host = rf"{re.escape(name)}(?:\.{re.escape(self.namespace)}(?:\.svc(?:\.cluster\.local)?)?)?"
            pattern = rf"(?<![\w.-])(?:(?P<scheme>[a-z]+)://(?P<user>[^\s/@]*@)?)?{host}(?::(?P<port>\d+)|(?![\w.:-]))"

            def replaced(match: re.Match[str], name: str = name, ports: Mapping[int, int] = ports) -> str:
                scheme = match["scheme"]
                port = int(match["port"]) if match["port"] else DEFAULT_PORTS.get(scheme or "", 0)
                if port not in ports:
                    return match[0]
                used.add(name)
                return f"{f'{scheme}://' if scheme else ''}{match['user'] or ''}{LOOPBACK}:{ports[port]}"

            text = re.sub(pattern, replaced, text)
        return text

    def links(self) -> dict[str, str]:
        """The variables that tell of Services: ``BACKEND_SERVICE_HOST`` and ``BACKEND_SERVICE_PORT``."""
        found: dict[str, str] = {}
        for name, ports in self.services.items():
            prefix = name.upper().replace("-", "_")
            found |= {f"{prefix}_SERVICE_HOST": LOOPBACK, f"{prefix}_SERVICE_PORT": str(next(iter(ports.values())))}
        return found


def field_value(path: str, pod: Object) -> str:
    """What ``valueFrom.fieldRef`` gives: a field of the pod."""
    meta = pod["metadata"]
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path)
    if keyed:
        return str((meta.get(keyed[1]) or {}).get(keyed[2], ""))
    known = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": "local",
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": LOOPBACK,
        "status.podIPs": LOOPBACK,
        "status.hostIP": LOOPBACK,
        "status.hostIPs": LOOPBACK,
    }
    if path not in known:
        raise Unresolved(f"unsupported fieldPath: {path}")
    return str(known[path])


@dataclass
class Maker:
    """Makes one container's environment and command line.

    Args:
        around: ConfigMaps, Secrets and Services.
        pod: the pod that the container belongs to.
        ports: the container's own ports, each with the loopback port that it gets.
        used: the Services whose names were replaced.
    """

    around: Surroundings
    pod: Object
    ports: Mapping[int, int]
    used: set[str] = field(default_factory=set)

    def _local(self, name: str, value: str) -> str:
        """A value that came from the rendered objects (not from a Secret), made to fit this machine."""
        if (name == "HOST" or name.endswith("_HOST")) and value in EVERYWHERE:
            return LOOPBACK
        if (name == "PORT" or name.endswith("_PORT")) and value.isdecimal() and int(value) in self.ports:
            return str(self.ports[int(value)])
        return self.around.to_loopback(value, self.used)

    def environment(self, container: Object) -> dict[str, str]:
        """What the container's process gets, without what every process has.

        Raises:
            Unresolved: a ConfigMap, a Secret or a key of theirs is missing.
        """
        made: dict[str, str] = {}
        links = self.around.links() if self.pod["spec"].get("enableServiceLinks", True) else {}
        for each in container.get("envFrom") or ():
            prefix = each.get("prefix", "")
            if "configMapRef" in each:
                data = self.around.source("configmap", each["configMapRef"]) or {}
                made |= {prefix + key: self._local(prefix + key, value) for key, value in data.items()}
            elif "secretRef" in each:
                data = self.around.source("secret", each["secretRef"]) or {}
                made |= {prefix + key: value for key, value in data.items()}
        for each in container.get("env") or ():
            value = self._value(each, links | made)
            if value is not None:
                made[each["name"]] = value
        return links | made

    def _value(self, each: Object, known: Mapping[str, str]) -> str | None:
        name, source = each["name"], each.get("valueFrom") or {}
        if each.get("value") or not source:
            return self._local(name, expand(str(each.get("value") or ""), known))
        if "configMapKeyRef" in source:
            held = self.around.key("configmap", source["configMapKeyRef"])
            return None if held is None else self._local(name, held)
        if "secretKeyRef" in source:
            return self.around.key("secret", source["secretKeyRef"])
        if "fieldRef" in source:
            return field_value(source["fieldRef"]["fieldPath"], self.pod)
        raise Unresolved(f"env {name}: {next(iter(source))} has no meaning on the local target")

    def command(
        self, container: Object, values: Mapping[str, str], python: str, image: "LocalImage | None" = None
    ) -> list[str]:
        """The command line; ``python`` stands in for a container's own.

        Args:
            container: the container.
            values: its environment.
            python: the interpreter.
            image: what stands for its image; None for an image that is not built here.

        Raises:
            Unresolved: nothing says what the container runs.
        """
        spelled: list[Any] = [*(container.get("command") or ()), *(container.get("args") or ())]
        if image is not None:
            spelled = [*image.command(container)]
        elif not container.get("command"):
            spelled = []
        if not spelled:
            raise Unresolved(
                "no command specified: the local target has no images, so the container must spell out its command",
                "CreateContainerError",
            )
        argv = [self.around.to_loopback(expand(str(part), values), self.used) for part in spelled]
        if re.fullmatch(r"(?:/\S+/)?python(?:3(?:\.\d+)?)?", argv[0]):
            argv[0] = python
        elif image is not None:
            argv[0] = image.program(argv[0])
        return self._with_ports(argv)

    def _with_ports(self, argv: list[str]) -> list[str]:
        """The command line with the loopback address and ports in place of the container's own."""
        made = [EVERY_ADDRESS.sub(LOOPBACK, part) for part in argv]
        moved = {str(port): str(own) for port, own in self.ports.items() if port != own}
        for index, part in enumerate(made):
            before = made[index - 1] if index else ""
            if part in moved and PORT_FLAG.fullmatch(before):
                made[index] = moved[part]
            else:
                made[index] = PORT_WORD.sub(lambda match: match[1] + moved.get(match[2], match[2]), part)
        return made
