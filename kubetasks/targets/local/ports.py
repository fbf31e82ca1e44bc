"""Loopback ports: whether one is free, and who has it when it is not."""

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from kubetasks.errors import PortInUse
from kubetasks.objects import Object, Objects
from kubetasks.targets.local.environment import LOOPBACK

LISTEN = "0A"  # the state's number in /proc/net/tcp: proc(5)


def refusal(port: int) -> int:
    """Why nothing can listen on a port, as an ``errno``; 0 when it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno or errno.EADDRINUSE
    # Elsewhere than on Linux the address can be bound beside a wildcard that somebody listens on.
    return errno.EADDRINUSE if answers(port) else 0


def lowest(setting: Path = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")) -> int:
    """The lowest port that this user may listen on."""
    if os.name != "posix" or os.geteuid() == 0:
        return 0
    try:
        return int(setting.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0 if sys.platform == "darwin" else 1024  # macOS asks for no privilege on the loopback address


def answers(port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections on a loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout):
            return True
    except OSError:
        return False


def listener(port: int, proc: Path = Path("/proc")) -> str:
    """Who listens on a port, as ``name (pid 123)``; empty where this system or its rights do not tell."""
    inodes: set[str] = set()
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return ""
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text(encoding='utf-8').strip()} (pid {folder.name})"
    return ""


def how_to_move(item: Object, services: Objects, known: Iterable[str], port: int) -> str:
    """What to set so that a workload gets another port."""
    from kubetasks.targets.local.workloads import selects  # noqa: PLC0415

    labels = item["spec"]["template"].get("metadata", {}).get("labels") or {}
    names = [service["metadata"]["name"] for service in services if selects(service, labels)]
    for name in [*names, item["metadata"]["name"]]:
        if name in known:
            variable = f"KUBETASKS_SERVICES_{name.upper().replace('-', '_')}_LOCAL_PORT"
            return f"set services.{name}.local_port in invoke.yaml, or {variable}={port + 1}"
    return f"change the containerPort of {item['kind']}/{item['metadata']['name']}"


def check(wanted: Iterable[tuple[int, Object]], ours: set[int], services: Objects, known: Mapping[str, int]) -> None:
    """Refuse when a port that a workload needs cannot be had.

    Args:
        wanted: ports, each with the workload that is about to listen on it.
        ours: ports on which our own processes listen now.
        services: the Services, to name the right setting.
        known: the services in the settings.

    Raises:
        PortInUse: the first one that cannot be had.
    """
    taken: dict[int, str] = {}
    for port, item in wanted:
        name = f"{item['kind']}/{item['metadata']['name']}"
        move = how_to_move(item, services, known, port)
        if port in taken and taken[port] != name:
            raise PortInUse(f"port {port}, which {name} needs, is taken", why=f"{taken[port]} needs it too", fix=move)
        taken[port] = name
        if port in ours:
            continue
        number = refusal(port)
        if number == errno.EACCES:
            raise PortInUse(
                f"port {port}, which {name} needs, is not for you", why="ports below 1024 need root", fix=move
            )
        if number:
            who = listener(port)
            why = f"{who} listens on it" if who else "another program listens on it"
            raise PortInUse(f"port {port}, which {name} needs, is taken", why=why, fix=f"end that program, or {move}")
