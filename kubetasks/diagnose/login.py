"""The login of a database: what its server was set up with, and what its clients use."""

import re
from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import change
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.talk import configured_hosts
from kubetasks.diagnose.upstream import Upstream, resolve
from kubetasks.diagnose.views import Container
from kubetasks.redact import HIDDEN

# The variables that configure the images of databases, and those that configure clients.
SERVER: Final = {
    "password": (
        "POSTGRES_PASSWORD",
        "MYSQL_PASSWORD",
        "MYSQL_ROOT_PASSWORD",
        "MARIADB_PASSWORD",
        "MONGO_INITDB_ROOT_PASSWORD",
        "REDIS_PASSWORD",
    ),
    "user": ("POSTGRES_USER", "MYSQL_USER", "MARIADB_USER", "MONGO_INITDB_ROOT_USERNAME"),
    "database": ("POSTGRES_DB", "MYSQL_DATABASE", "MARIADB_DATABASE", "MONGO_INITDB_DATABASE"),
}
CLIENT: Final = {
    "password": re.compile(r"PASS(?:WORD|WD)?$|PASS(?:WORD)?_|_PWD$"),
    "user": re.compile(r"USER(?:NAME)?$"),
    "database": re.compile(r"(?:DATABASE|DB_?NAME|_DB)$"),
}


def clients_of(world: World, server: Workload) -> list[str]:
    """The workloads that are configured with a Service in front of a server."""
    services = {f"Service/{each['metadata']['name']}" for each in world.services_of(server.pods)}
    return [
        each.key
        for each in world.workloads.values()
        if each is not server and any(resolve(world, host).key in services for host in configured_hosts(world, each))
    ]


def align(world: World, workload: Workload, container: Container, upstream: Upstream, what: str) -> Fix | None:
    """Have a client use what the server was set up with; None if that is not in the open.

    Args:
        world: the snapshot.
        workload: the client.
        container: its container.
        upstream: the database that it asks.
        what: ``password``, ``user`` or ``database``.
    """
    pods = world.selected(upstream.service) if upstream.service else []
    place = workload.where(container.name)
    if not pods or place is None:
        return None
    held: dict[str, Any] = {name: each for one in pods[0].containers for name, each in one.env.items()}
    source = next((held[name] for name in SERVER[what] if name in held), None)
    names = [name for name in container.env if CLIENT[what].search(name.upper())]
    if source is None or len(names) != 1 or HIDDEN in str(source.get("value", "")):
        return None
    has = container.env[names[0]]
    given = {key: source[key] for key in ("value", "valueFrom") if key in source}
    if {key: has[key] for key in ("value", "valueFrom") if key in has} == given:
        return None  # the same already: the server keeps what it was set up with at first
    index = list(container.env).index(names[0])
    entry = {"name": names[0], **given}
    return change(
        world,
        workload,
        f"use the {what} that the database was set up with",
        [("replace", f"{place[0]}/{place[1]}/env/{index}", entry)],
    )
