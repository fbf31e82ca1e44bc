"""What keeps a pod from being ready: one known problem, with an ID that never changes, and the advice for it.

The states and their reasons are the kubelet's own (``pkg/kubelet/images/types.go``,
``pkg/kubelet/container/sync_result.go``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.objects import Object, Objects, is_leaving

AT_ONCE: Final = 0.0
FOR_EVER: Final = float("inf")


@dataclass(frozen=True)
class Known:
    """A state that the kubelet or a controller reports.

    Args:
        id: the stable ID.
        grace: how many seconds it may last before a rollout is given up; 0: it cannot heal by itself.
        advice: what to do about it.
    """

    id: str
    grace: float
    advice: str


KNOWN: Final[Mapping[str, Known]] = {
    "ErrImageNeverPull": Known(
        "IMAGE_NOT_ON_NODE", AT_ONCE, "bring the image to the node: inv image.load, then inv deploy"
    ),
    "InvalidImageName": Known("IMAGE_NAME_INVALID", AT_ONCE, "correct the image's name in the manifests or the chart"),
    "ErrImagePull": Known("IMAGE_PULL", 20.0, "see whether the registry has the image and the node may pull it"),
    "ImagePullBackOff": Known("IMAGE_PULL", 20.0, "see whether the registry has the image and the node may pull it"),
    "ImageInspectError": Known("IMAGE_DAMAGED", AT_ONCE, "remove the image from the node and run inv image.load"),
    "CreateContainerConfigError": Known(
        "CONFIG_KEY_MISSING",
        AT_ONCE,
        "set the missing key: inv secret.check shows what is set, inv secret.apply sets it",
    ),
    "RunsAsRoot": Known(
        "RUNS_AS_ROOT", AT_ONCE, "give the image a numeric USER other than 0, or the container a runAsUser"
    ),
    "CreateContainerError": Known("CONTAINER_CREATE", 5.0, "see the events of the pod: inv status"),
    "RunContainerError": Known("CONTAINER_COMMAND", AT_ONCE, "correct the container's command, or its image"),
    "StartError": Known("CONTAINER_COMMAND", AT_ONCE, "correct the container's command, or its image"),
    "CrashLoopBackOff": Known("CRASH_LOOP", AT_ONCE, "the log's last lines say why: inv logs"),
    "OOMKilled": Known("OUT_OF_MEMORY", AT_ONCE, "raise resources.limits.memory of the container"),
    "Unschedulable": Known("UNSCHEDULABLE", 30.0, "lower the requests or give the cluster more: inv cluster.up"),
    "FailedCreate": Known("ADMISSION_REFUSED", AT_ONCE, "correct what the reason names in the manifests or the chart"),
    "ContainerCannotRun": Known("CONTAINER_COMMAND", AT_ONCE, "correct the container's command, or its image"),
    "BackoffLimitExceeded": Known("JOB_FAILED", AT_ONCE, "the log's last lines say why; mend it and run inv deploy"),
    "DeadlineExceeded": Known("JOB_TIMEOUT", AT_ONCE, "the log's last lines say what it waited for"),
    "SupervisorNotRunning": Known("SUPERVISOR_GONE", 5.0, "start the local target's processes again: inv deploy"),
    "Error": Known("CONTAINER_FAILED", FOR_EVER, "the log's last lines say why: inv logs"),
}
# An image pull whose registry has answered "no" does not heal in a grace of seconds either.
PULL_REFUSED: Final = re.compile(
    r"not found|manifest unknown|unauthorized|denied|no such host|repository does not exist"
)
# What a controller or the kubelet tries again by itself: a namespace so new that its service account is not there yet,
# a quota that the old pods still fill, a webhook that is just starting, the kubelet's cache of Secrets and ConfigMaps.
PASSING: Final = re.compile(
    r"error looking up service account|exceeded quota|failed calling webhook|failed to sync (secret|configmap) cache"
)
PASSING_GRACE: Final = 20.0
# CreateContainerConfigError is also the kubelet's name for a pod that must not, but would, run as root.
NON_ROOT: Final = re.compile(r"runAsNonRoot|non-root")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one pod or workload.

    Args:
        id: the stable ID of ``Known``.
        workload: ``Kind/name``.
        pod: the pod's name; empty when no pod exists.
        container: the container's name; empty when it is not about one.
        reason: the state as the cluster calls it.
        message: the cluster's own words.
        grace: how long it may last, in seconds.
        restarts: how often the container was restarted.
        advice: what to do about it.
    """

    id: str
    workload: str
    pod: str
    container: str
    reason: str
    message: str
    grace: float
    restarts: int
    advice: str

    @property
    def line(self) -> str:
        """The problem in one line."""
        where = f"container {self.container}" if self.container else (f"pod {self.pod}" if self.pod else self.workload)
        return f"{where} is in {self.reason}" + (f" ({self.message})" if self.message else "")


def _container_statuses(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _shorten(message: str) -> str:
    return " ".join(message.split())[:300]


def _grace(known: Known, message: str) -> float:
    """How long a state may last, its message considered."""
    if known.id == "IMAGE_PULL" and PULL_REFUSED.search(message):
        return AT_ONCE
    return max(known.grace, PASSING_GRACE) if PASSING.search(message) else known.grace


def of_pod(pod: Object, workload: str) -> Iterator[Problem]:
    """The problems of one pod, in the order of its containers."""
    name = pod["metadata"]["name"]

    def problem(reason: str, message: str, container: str = "", restarts: int = 0) -> Problem:
        rooted = reason == "CreateContainerConfigError" and NON_ROOT.search(message)
        known = KNOWN["RunsAsRoot" if rooted else reason]
        grace = _grace(known, message)
        return Problem(known.id, workload, name, container, reason, _shorten(message), grace, restarts, known.advice)

    if is_leaving(pod):
        return
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield problem("Unschedulable", condition.get("message", ""))
    for status in _container_statuses(pod):
        state = status.get("state", {})
        waiting = state.get("waiting") or {}
        ended = state.get("terminated") or (status.get("lastState") or {}).get("terminated") or {}
        restarts = int(status.get("restartCount", 0))
        reason = waiting.get("reason", "")
        if ended.get("reason") == "OOMKilled" and restarts and not status.get("ready"):
            yield problem("OOMKilled", "the container used more memory than its limit", status["name"], restarts)
        elif ended.get("reason") in {"StartError", "ContainerCannotRun"} and not status.get("ready"):
            yield problem(ended["reason"], ended.get("message", ""), status["name"], restarts)
        elif reason in KNOWN:
            message = waiting.get("message", "")
            if reason == "CrashLoopBackOff" and ended:
                message = f"exit code {ended.get('exitCode', '?')}, restarted {restarts} times"
            yield problem(reason, message, status["name"], restarts)
        elif (state.get("terminated") or {}).get("exitCode"):
            yield problem("Error", f"exit code {ended.get('exitCode')}", status["name"], restarts)


def of_workload(item: Object, workload: str = "") -> Iterator[Problem]:
    """What a controller itself reports: pods that it may not create, a Job that failed.

    Args:
        item: the workload, or the ReplicaSet that stands for it.
        workload: ``Kind/name`` of the workload in the latter case.
    """
    workload = workload or f"{item['kind']}/{item['metadata']['name']}"
    for condition in item.get("status", {}).get("conditions") or ():
        kind, reason = condition.get("type"), condition.get("reason", "")
        failed = (kind == "ReplicaFailure" and reason == "FailedCreate") or kind == "Failed"
        if failed and condition.get("status") == "True":
            # Whatever a Job calls it (PodFailurePolicy, FailedIndexes, …), it has given up.
            known = KNOWN.get(reason, KNOWN["BackoffLimitExceeded"])
            message = _shorten(condition.get("message", ""))
            yield Problem(known.id, workload, "", "", reason, message, _grace(known, message), 0, known.advice)


def of_events(events: Iterable[Object], item: Object) -> Iterator[Problem]:
    """Pods that a controller without such a condition (StatefulSet, Job) may not create."""
    kind, name, uid = item["kind"], item["metadata"]["name"], item["metadata"].get("uid")
    for event in events:
        about = event.get("involvedObject", {})
        if event.get("reason") == "FailedCreate" and about.get("kind") == kind and about.get("uid") == uid:
            known = KNOWN["FailedCreate"]
            message = _shorten(event.get("message", ""))
            grace = _grace(known, message)
            yield Problem(known.id, f"{kind}/{name}", "", "", "FailedCreate", message, grace, 0, known.advice)
            return


def last_events(events: Objects, names: Iterable[str], most: int = 6) -> list[str]:
    """The last events about these objects, oldest first, one line each."""
    wanted = set(names)

    def when(event: Object) -> str:
        return str(
            event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
        )

    about = [event for event in events if event.get("involvedObject", {}).get("name") in wanted]
    return [
        f"{event.get('type', '')} {event.get('reason', '')} {event['involvedObject'].get('name')}: "
        f"{_shorten(event.get('message', ''))}"
        for event in sorted(about, key=when)[-most:]
    ]
