"""Trouble with what a workload talks to: which host was asked, what it is in the cluster, and who is to blame."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.hosts import Host, hosts_in
from kubetasks.diagnose.logs import Match
from kubetasks.diagnose.upstream import Upstream, resolve, settings

# Ports by which a name without one tells what it is.
PAIR: Final = re.compile(r"_?(?:HOST(?:NAME)?|PORT|SERVER|ADDR(?:ESS)?|SERVICE_HOST|SERVICE_PORT)$")
KNOWN_PORTS: Final = {5432: "Postgres", 3306: "MySQL", 6379: "Redis", 27017: "MongoDB", 5672: "RabbitMQ", 9092: "Kafka"}


def asked(match: Match) -> Upstream | None:
    """The host that a line complains of: named in it, near it, or the only one in the container's configuration."""
    for line in match.around():
        for host in hosts_in(line):
            if _is_upstream(match, host):
                return resolve(match.world, _with_port(match, host))
    mentioned = [host for host in configured_hosts(match.world, match.workload) if _is_upstream(match, host)]
    known = [resolve(match.world, host) for host in mentioned]
    # Of several configured hosts, the one that cannot be reached is not a guess.
    dead = [each for each in known if each.place in {"missing", "elsewhere"}]
    if len({each.host.text for each in dead}) == 1:
        return dead[0]
    return known[0] if len({each.host.text for each in known}) == 1 else None


def _is_upstream(match: Match, host: Host) -> bool:
    """Not the address that the container listens on itself."""
    if host.text in {"0.0.0.0", match.container.pod.status.get("podIP")}:  # noqa: S104  (compared, not bound)
        return False
    return not (host.is_loopback and host.port in match.container.ports)


def _with_port(match: Match, host: Host) -> Host:
    """The host with its port, where only the settings name that."""
    if host.port:
        return host
    ports = {
        each.port for each in configured_hosts(match.world, match.workload) if each.text == host.text and each.port
    }
    return Host(host.text, ports.pop()) if len(ports) == 1 else host


def configured_hosts(world: World, workload: Workload) -> Iterator[Host]:
    """The hosts that a workload's settings name, each once."""
    seen: set[Host] = set()
    bare: list[tuple[str, str]] = []
    for setting in settings(world, workload):
        for host in hosts_in(setting.value):
            if host not in seen:
                seen.add(host)
                yield host
        bare.append((setting.where, setting.value))
    # STORE_HOST and STORE_PORT belong together.
    ports = {
        PAIR.sub("", name.upper()): int(value)
        for where, value in bare
        if (name := _name(where)).upper().endswith("PORT") and value.isdigit()
    }
    for where, value in bare:
        # DB_HOST=db: a name on its own counts by the variable's name.
        name = _name(where)
        if any(part in name.upper() for part in ("HOST", "SERVER", "ADDR", "ENDPOINT", "SERVICE")) and _is_name(value):
            host = Host(value.lower(), ports.get(PAIR.sub("", name.upper()), 0))
            if host not in seen and not any(each.text == host.text for each in seen):
                seen.add(host)
                yield host


def _name(where: str) -> str:
    """The variable or the key of a setting."""
    return where.split(" ")[1] if where.startswith("variable ") else where.split(" ", maxsplit=1)[0]


def _is_name(value: str) -> bool:

    return re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?", value) is not None


def blame(world: World, upstream: Upstream | None) -> tuple[str, ...]:
    """The Service that is asked, and so what is behind it."""
    return (upstream.key,) if upstream is not None and upstream.service is not None else ()
