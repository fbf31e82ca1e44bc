"""A Deployment, a Service, a ConfigMap and claims for one service: what ``kubetasks init --manifests`` writes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from kubetasks.images.names import repository
from kubetasks.init import storage
from kubetasks.init.dockerfiles import Dockerfile
from kubetasks.init.variables import Variables
from kubetasks.objects import Object, Objects

# The ports of well-known images, which their compose files seldom name.
PORTS: Final = {
    "postgres": 5432, "postgis": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "valkey": 6379, "mongo": 27017,
    "rabbitmq": 5672, "memcached": 11211, "nats": 4222, "elasticsearch": 9200, "opensearch": 9200, "kafka": 9092,
    "zookeeper": 2181, "minio": 9000, "nginx": 80, "httpd": 80, "traefik": 80, "adminer": 8080, "mailpit": 8025,
    "mailhog": 8025, "keycloak": 8080, "grafana": 3000, "prometheus": 9090, "zipkin": 9411, "etcd": 2379,
}  # fmt: skip
URL: Final = re.compile(r"https?://[^\s\"'|;&)]+")
PORT: Final = re.compile(r"(?:(?P<outside>[\d.:\[\]a-f-]*):)?(?P<inside>\d+)(?:-\d+)?(?:/(?P<protocol>tcp|udp))?$")


@dataclass(frozen=True)
class Part:
    """One service to write manifests for.

    Args:
        name: its name, a DNS label.
        image: its image.
        variables: its environment.
        secret: the Secret that holds its secret variables.
        data: what the compose file says; empty for a Dockerfile alone.
        dockerfile: what it is built from; None for an image that is pulled.
        volumes: the named volumes of the compose file.
        asked: the ports that other services' variables name.
    """

    name: str
    image: str
    variables: Variables = field(default_factory=Variables)
    secret: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    dockerfile: Dockerfile | None = None
    volumes: Mapping[str, Any] = field(default_factory=dict)
    asked: tuple[int, ...] = ()


def ports(part: Part) -> list[tuple[int, int]]:
    """The ports of a service: the one that others use, and the container's."""
    found: dict[int, int] = {}
    for each in part.data.get("ports") or ():
        if isinstance(each, dict):
            inside = str(each.get("target", ""))
            if inside.isdecimal() and each.get("protocol", "tcp") == "tcp":
                found.setdefault(int(inside), int(inside))
            continue
        text = re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(each))
        match = PORT.fullmatch(text)
        if match and match["protocol"] != "udp" and not str(match["outside"] or "").startswith("127."):
            found.setdefault(int(match["inside"]), int(match["inside"]))
    for each in part.data.get("expose") or ():
        number = str(each).partition("/")[0].partition("-")[0]
        if number.isdecimal():
            found.setdefault(int(number), int(number))
    if not found and part.dockerfile is not None:
        found = {each: each for each in part.dockerfile.ports}
    if not found:
        found = {each: each for each in part.asked}
    if not found:
        known = PORTS.get(repository(part.image).rpartition("/")[2])
        found = {known: known} if known and part.dockerfile is None else {}
    return [(number, inside) for inside, number in found.items() if 0 < inside < 65536]


def objects(part: Part) -> tuple[Objects, list[str]]:
    """The objects of a service, and what of the compose file has no place in them."""
    labels = {"app.kubernetes.io/name": part.name}
    mounts, volumes, claims, notes = storage.of(part.name, part.data)
    container: Object = {"name": part.name, "image": part.image}
    for key, said in (("command", "entrypoint"), ("args", "command")):
        words = _words(part.data.get(said))
        if words:
            container[key] = words
    if isinstance(part.data.get("working_dir"), str):
        container["workingDir"] = part.data["working_dir"]
    opened = ports(part)
    if opened:
        container["ports"] = [
            {"name": _port_name(inside, index), "containerPort": inside} for index, (_, inside) in enumerate(opened)
        ]
    if part.variables.plain:
        container["envFrom"] = [{"configMapRef": {"name": f"{part.name}-config"}}]
    env = [{"name": name, "valueFrom": {"secretKeyRef": _secret_key(part, name)}} for name in part.variables.secret]
    env += [{"name": name, "value": text} for name, text in part.variables.composed.items()]
    if env:
        container["env"] = env
    container |= _probes(part, opened)
    container["resources"] = _resources(part)
    container["securityContext"] = _security(part)
    if mounts:
        container["volumeMounts"] = mounts
    pod: Object = {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}, "containers": [container]}
    if volumes:
        pod["volumes"] = volumes
    spec: Object = {"replicas": _replicas(part), "selector": {"matchLabels": labels}}
    if claims:
        spec["strategy"] = {"type": "Recreate"}
    spec["template"] = {"metadata": {"labels": labels}, "spec": pod}
    meta = {"name": part.name, "labels": labels}
    made: Objects = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}]
    if opened:
        listed = [
            {"name": _port_name(inside, index), "port": number, "targetPort": inside}
            for index, (number, inside) in enumerate(opened)
        ]
        made.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"selector": labels, "ports": listed}}
        )
    if part.variables.plain:
        held = {"name": f"{part.name}-config", "labels": labels}
        made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held, "data": dict(part.variables.plain)})
    return [*made, *claims], notes


def _secret_key(part: Part, name: str) -> Object:
    optional = {"optional": True} if name in part.variables.optional else {}
    return {"name": part.secret, "key": part.variables.secret[name], **optional}


def _words(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each).replace("$$", "$") for each in value]
    if isinstance(value, str) and value.strip():
        if re.search(r"[|&;<>$`]", value):
            return ["sh", "-c", value.replace("$$", "$")]
        import shlex  # noqa: PLC0415

        try:
            return shlex.split(value)
        except ValueError:
            return ["sh", "-c", value]
    return []


def _port_name(port: int, index: int) -> str:
    return "http" if index == 0 and port in {80, 3000, 4200, 5000, 5173, 8000, 8080, 8081, 8888} else f"tcp-{port}"


def _replicas(part: Part) -> int:
    deploy = part.data.get("deploy")
    wanted = deploy.get("replicas") if isinstance(deploy, dict) else None
    return wanted if isinstance(wanted, int) and wanted > 0 else 1


def _probes(part: Part, opened: list[tuple[int, int]]) -> Object:
    check = part.data.get("healthcheck")
    test = check.get("test") if isinstance(check, dict) and not check.get("disable") else None
    words = [str(each) for each in test] if isinstance(test, list) else [str(test)] if test else []
    inside = [each for _, each in opened]
    text = " ".join(words)
    url = URL.search(text)
    probe: Object = {}
    if url:
        parts = urlsplit(url[0])
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            port = 0
        if port in inside:
            asked: Object = {"path": parts.path or "/", "port": port}
            probe = {"httpGet": {**asked, "scheme": "HTTPS"} if parts.scheme == "https" else asked}
    elif words and words[0] in {"CMD", "CMD-SHELL"} and len(words) > 1:
        command = words[1:] if words[0] == "CMD" else ["sh", "-c", " ".join(words[1:])]
        if not _names_files(command, part):
            probe = {"exec": {"command": [each.replace("$$", "$") for each in command]}, "timeoutSeconds": 5}
    if not probe and inside:
        probe = {"tcpSocket": {"port": inside[0]}}
    if not probe:
        return {}
    start = {**probe, "periodSeconds": 5, "failureThreshold": 30}
    return {
        "startupProbe": start,
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 15},
    }


def _names_files(command: list[str], part: Part) -> bool:
    """Whether a check runs something that a folder of the machine mounts into the container."""
    mounted = [
        str(each).split(":")[1]
        for each in part.data.get("volumes") or ()
        if isinstance(each, str) and each.startswith((".", "/")) and ":" in each
    ]
    return any(each in text for each in mounted for text in command)


def _resources(part: Part) -> Object:
    deploy = part.data.get("deploy")
    said = deploy.get("resources") if isinstance(deploy, dict) else None
    limits = said.get("limits") if isinstance(said, dict) else None
    memory = _memory(limits.get("memory")) if isinstance(limits, dict) else ""
    return {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": memory or "512Mi"}}


def _memory(value: Any) -> str:
    match = re.fullmatch(r"(\d+)\s*([kmg]?)b?", str(value or "").lower())
    return f"{match[1]}{ {'k': 'Ki', 'm': 'Mi', 'g': 'Gi', '': ''}[match[2]] }" if match else ""


def _security(part: Part) -> Object:
    made: Object = {"allowPrivilegeEscalation": False}
    user = part.dockerfile.user if part.dockerfile is not None else str(part.data.get("user") or "").partition(":")[0]
    if user and user not in {"0", "root"}:
        made["capabilities"] = {"drop": ["ALL"]}
        if user.isdecimal():
            made |= {"runAsNonRoot": True, "runAsUser": int(user)}
    return made
