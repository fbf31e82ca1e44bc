"""The first signs of trouble that pods and workloads show by themselves: cheap to look for, worth a snapshot."""

from collections.abc import Iterator, Sequence
from typing import Final

from kubetasks.diagnose.wanted import container_statuses
from kubetasks.objects import Object, Objects, identity, is_leaving

# What a container that is well waits for.
USUAL: Final = frozenset({"", "ContainerCreating", "PodInitializing"})


def signs(pods: Sequence[tuple[Object, Objects]], owners: Objects) -> frozenset[str]:
    """The signs, each as a text that stays the same while nothing changes.

    Args:
        pods: workloads with their pods.
        owners: what makes the pods: ReplicaSets instead of Deployments.
    """
    found = {sign for _, each in pods for pod in each for sign in _of_pod(pod)}
    found |= {sign for owner in owners for sign in _of_owner(owner)}
    found |= {f"{identity(item)} has no pods" for item, each in pods if not each and _wants_pods(item)}
    return frozenset(found)


def _of_pod(pod: Object) -> Iterator[str]:
    name = pod["metadata"]["name"]
    if is_leaving(pod):
        return
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") != "True":
            yield f"{name} {condition.get('reason')}"
    for each in container_statuses(pod):
        state = each.get("state") or {}
        reason = str((state.get("waiting") or {}).get("reason") or "")
        if reason not in USUAL:
            yield f"{name} {each['name']} {reason}"
        ended = state.get("terminated") or {}
        if ended.get("exitCode"):
            yield f"{name} {each['name']} ended {ended.get('exitCode')}"
        if each.get("restartCount") and not each.get("ready"):
            yield f"{name} {each['name']} restarted {each['restartCount']}"


def _of_owner(item: Object) -> Iterator[str]:
    for condition in (item.get("status") or {}).get("conditions") or ():
        kind = condition.get("type")
        if kind in {"ReplicaFailure", "Failed", "FailureTarget"} and condition.get("status") == "True":
            yield f"{identity(item)} {condition.get('reason')}"


def _wants_pods(item: Object) -> bool:
    if item["kind"] == "DaemonSet":
        return bool((item.get("status") or {}).get("desiredNumberScheduled"))
    return item["kind"] == "Job" or bool((item.get("spec") or {}).get("replicas", 1))
