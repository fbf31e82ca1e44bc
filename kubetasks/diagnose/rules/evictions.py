"""Pods that the kubelet evicted: for what they used themselves, or for what their node ran short of."""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.quantity import doubled
from kubetasks.diagnose.rule import LOG, Candidate, check, define
from kubetasks.diagnose.views import Pod, moment
from kubetasks.diagnose.words import counted

# An eviction this long ago says nothing about pods that have been ready since.
RECENT: Final = 900.0
LEAST: Final = 2.0**26
VOLUME: Final = re.compile(
    r"[Uu]sage of EmptyDir volume \"(?P<volume>[^\"]+)\" exceeds the limit \"(?P<limit>[^\"]+)\""
)
LOCAL: Final = re.compile(
    r"[Cc]ontainer (?P<name>\S+) exceeded its local ephemeral storage limit"
    r"|[Pp]od ephemeral local storage usage exceeds the total limit of containers"
)

EVICTED = define(
    "EVICTED",
    "cluster",
    "a pod was evicted",
    signal="a failed pod with the reason Evicted",
    why="The node ran short of something, or the pod used more than its own limit of ephemeral storage.",
    fix="raise the limit that is named, or free the node",
    depth=LOG + 5,
)


@check
def evictions(world: World) -> Iterator[Candidate]:
    """Pods that were evicted: those not replaced by a ready one, and those that will be evicted again."""
    for workload in world.workloads.values():
        gone = [pod for pod in workload.current if pod.phase == "Failed" and pod.status.get("reason") == "Evicted"]
        if not gone:
            continue
        message = str(gone[-1].status.get("message") or "")
        found = _own_volume(world, workload, message) or _own_files(world, workload, message)
        replaced = workload.runs_on and len(workload.ready) >= workload.wanted and workload.kind != "Pod"
        if replaced and not (found and any(world.since(_when(pod)) < RECENT for pod in gone)):
            continue
        cause, fix = found or (message, words("free what the node is short of, or give the pods requests and limits"))
        often = f" {counted(len(gone), 'time')}" if len(gone) > 1 else ""
        yield Candidate(
            EVICTED,
            workload.key,
            f"{workload.key} was evicted{often}: {cause}",
            fix,
            [f"pod {gone[-1].name} was evicted: {message}"],
        )


def _when(pod: Pod) -> dt.datetime | None:
    """When a pod was evicted, as far as it is known."""
    ended = [each.ended.finished for each in pod.containers if each.ended and each.ended.finished]
    return max(ended, default=None) or moment(pod.status.get("startTime")) or pod.created


def _own_volume(world: World, workload: Workload, message: str) -> tuple[str, Fix] | None:
    """What an emptyDir above its sizeLimit is fixed with."""
    limit = VOLUME.search(message)
    if not limit:
        return None
    value = doubled(limit["limit"], "storage", LEAST)
    cause = f"emptyDir {limit['volume']} is larger than its limit {limit['limit']}"
    for index, each in enumerate(workload.spec.get("volumes") or ()):
        if each.get("name") == limit["volume"]:
            step = ("replace", f"volumes/{index}/emptyDir/sizeLimit", value)
            return cause, change(world, workload, f"raise it to {value}", [step])
    return cause, words(f"raise its sizeLimit to {value}")


def _own_files(world: World, workload: Workload, message: str) -> tuple[str, Fix] | None:
    """What a container above its limit of ephemeral storage is fixed with."""
    local = LOCAL.search(message)
    if not local:
        return None
    for part, index, each in workload.containers():
        has = ((each.get("resources") or {}).get("limits") or {}).get("ephemeral-storage")
        if has and local["name"] in {None, each["name"]}:
            value = doubled(str(has), "storage", LEAST)
            step = ("replace", f"{part}/{index}/resources/limits/ephemeral-storage", value)
            cause = f"container {each['name']} wrote more than its ephemeral-storage limit {has}"
            return cause, change(world, workload, f"raise it to {value}", [step])
    return None
