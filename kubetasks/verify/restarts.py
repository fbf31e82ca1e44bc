"""The layer that looks for containers that restarted or stopped while verify ran."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubetasks.errors import Forbidden
from kubetasks.objects import Object, Objects, identity, is_leaving, of_kind
from kubetasks.verify.context import Context

NAME: Final = "restarts"


def check_restarts(context: Context) -> None:
    """No container of a Deployment or StatefulSet restarted since the pods were first read."""
    scene, results = context.scene, context.results
    try:
        now = None if scene.pods is None else scene.target.store.get(["Pod"])
    except Forbidden:
        now = None
    if scene.pods is None or now is None:
        results.skipped(NAME, "you are not allowed to list pods")
        return
    seconds = time.monotonic() - results.origin
    before = {pod["metadata"]["uid"]: pod for pod in scene.pods}
    for workload in of_kind(scene.objects, "Deployment", "StatefulSet"):
        pods = [pod for pod in of(workload, now) if not is_leaving(pod)]
        wrong = [line for pod in pods for line in _changes(before.get(pod["metadata"]["uid"]), pod)]
        earlier = sum(each.get("restartCount", 0) for pod in pods for each in statuses(pod).values())
        evidence = f"none in {seconds:.1f} s" + (f"; {earlier} before that" if earlier else "")
        results.judged(identity(workload), wrong, evidence)


def of(workload: Object, pods: Objects) -> Objects:
    """The pods that a workload's selector selects."""
    labels = (workload["spec"].get("selector") or {}).get("matchLabels") or {}
    return [pod for pod in pods if labels and labels.items() <= (pod["metadata"].get("labels") or {}).items()]


def statuses(pod: Object) -> dict[str, Mapping[str, Any]]:
    """The status of each container of a pod, by name; those of init containers that keep running too."""
    status = pod.get("status") or {}
    listed = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return {each["name"]: each for each in listed}


def _changes(before: Object | None, now: Object) -> Iterator[str]:
    """What happened to a pod's containers since; nothing is known of a pod that did not exist."""
    earlier = statuses(before) if before is not None else {}
    pod = now["metadata"]["name"]
    for name, state in statuses(now).items():
        old = earlier.get(name, {})
        times = state.get("restartCount", 0) - old.get("restartCount", 0)
        if times > 0:
            count = "once" if times == 1 else f"{times} times"
            yield f"container {name} of Pod/{pod} restarted {count} while verify ran: {_last(state)}"
        elif "running" in (old.get("state") or {}) and "running" not in (state.get("state") or {}):
            yield f"container {name} of Pod/{pod} stopped while verify ran: {_last(state)}"


def _last(state: Mapping[str, Any]) -> str:
    """How a container last ended: ``exit code 137 (OOMKilled) at 2026-01-02T03:04:05Z``."""
    ended = (state.get("state") or {}).get("terminated") or (state.get("lastState") or {}).get("terminated") or {}
    if not ended:
        return "its exit code is not reported"
    reason = ended.get("reason", "")
    text = f"exit code {ended.get('exitCode', '?')}" + (f" ({reason})" if reason and reason != "Error" else "")
    return text + (f" at {ended['finishedAt']}" if ended.get("finishedAt") else "")
