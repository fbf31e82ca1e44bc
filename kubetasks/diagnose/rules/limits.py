"""Workloads that are to serve and have no pod."""

from collections.abc import Iterator

from kubetasks.diagnose.fixes import run
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.rule import SYMPTOM, Candidate, check, define
from kubetasks.diagnose.talk import configured_hosts
from kubetasks.diagnose.upstream import resolve
from kubetasks.diagnose.words import listed

ZERO = define(
    "SCALED_TO_ZERO",
    "scheduling",
    "what others ask for is scaled to zero",
    signal="replicas: 0 of a workload whose Service another workload's log complains of",
    why="Someone scaled it down, and its clients still ask for it.",
    fix="scale it up again",
    depth=SYMPTOM + 5,
    needed=True,
)


@check
def zero(world: World) -> Iterator[Candidate]:
    """Workloads without replicas that others refer to. Otherwise it is intentional, and the engine drops it."""
    for workload in world.workloads.values():
        if workload.kind not in {"Deployment", "StatefulSet", "ReplicaSet"} or workload.wanted:
            continue
        services = [
            f"Service/{each['metadata']['name']}"
            for each in world.all("Service")
            if (selector := (each.get("spec") or {}).get("selector"))
            and all(workload.labels.get(k) == v for k, v in selector.items())
        ]
        clients = [
            other.key
            for other in world.workloads.values()
            if other is not workload
            and other.wanted
            and any(
                resolve(world, host).key in services for host in configured_hosts(world, other) if not host.is_loopback
            )
        ]
        if not services or not clients:
            continue
        cause = f"{workload.key} is scaled to zero, and {listed(clients)} asks for it"
        fix = run(world, "run one replica", "scale", f"{workload.kind.lower()}/{workload.name}", "--replicas=1")
        yield Candidate(ZERO, workload.key, cause, fix, affects=tuple(services))
