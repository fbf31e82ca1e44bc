"""What a snapshot needs beyond the objects: which logs, which answers, which look-ups."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.diagnose import quantity
from kubetasks.diagnose.hosts import UNRESOLVED, hosts_in
from kubetasks.diagnose.snapshot import Answer, Log
from kubetasks.objects import Object, Objects, of_kind

# The pods of one workload fail alike: of so many the logs are read, the worst first; and of so many pods in all.
ALIKE: Final = 2
MOST_LOGS: Final = 80
MOST_ANSWERS: Final = 24
# Where programs usually say how they are.
USUAL_PATHS: Final = ("/health", "/healthz", "/ready", "/readyz", "/livez", "/live", "/ping", "/status", "/")
NO_PATH: Final = re.compile(r"statuscode: 40[134]")
PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
FAILING: Final = re.compile(r"^(Readiness|Liveness|Startup) probe (failed|errored)")


@dataclass(frozen=True)
class Wanted:
    """A log that is worth reading. ``optional``: it says something only where it has any lines."""

    pod: str
    container: str
    previous: bool = False
    optional: bool = False


def container_statuses(pod: Object) -> Iterator[Object]:
    """The statuses of a pod's containers, the init containers first."""
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _trouble(pod: Object) -> int:
    """How much is wrong with a pod: the order in which logs are read."""
    score = 0
    for each in container_statuses(pod):
        state = each.get("state") or {}
        score += 4 * bool((state.get("terminated") or {}).get("exitCode"))
        score += 3 * bool((state.get("waiting") or {}).get("reason"))
        score += 2 * (not each.get("ready", False)) + min(int(each.get("restartCount", 0)), 3)
    return score


def _owner(pod: Object) -> str:
    """The workload, as far as the pod alone tells: pods of one ReplicaSet or one CronJob's Jobs are alike."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        name = str(owner.get("name") or owner.get("uid"))
        # The Jobs of a CronJob have the minute of their schedule at the end of their names.
        return f"{owner['kind']}/{re.sub(r'-[0-9]{8,}$', '', name)}"
    return f"Pod/{pod['metadata']['name']}"


def logs(objects: Objects) -> list[Wanted]:
    """The logs to read: of what is not ready or was restarted, and of one running pod of every other workload."""
    pods = sorted(of_kind(objects, "Pod"), key=lambda pod: (-_trouble(pod), pod["metadata"]["name"]))
    seen: dict[str, int] = {}
    found: list[Wanted] = []
    for pod in pods:
        owner = _owner(pod)
        most = ALIKE if _trouble(pod) else 1
        if seen.get(owner, 0) >= most:
            continue
        seen[owner] = seen.get(owner, 0) + 1
        found += _of_pod(pod)
    return found[:MOST_LOGS]


def _of_pod(pod: Object) -> Iterator[Wanted]:
    name = pod["metadata"]["name"]
    finished = pod.get("status", {}).get("phase") == "Succeeded"
    for each in container_statuses(pod):
        state = each.get("state") or {}
        running, ended = "running" in state, state.get("terminated")
        last = (each.get("lastState") or {}).get("terminated")
        if running and each.get("restartCount") and last:
            yield Wanted(name, each["name"], previous=True)
        if running:
            yield Wanted(name, each["name"], optional=bool(each.get("ready")))
        elif (ended and not finished and ended.get("exitCode")) or (not ended and last):
            yield Wanted(name, each["name"])


def answers(objects: Objects) -> list[Answer]:
    """The HTTP probes that fail, to be asked once more: an event has the status, but never the body.

    Where the port of a probe refuses, its path is tried on the ports that the container declares. Where its path does
    not exist, the usual ones are tried.
    """
    failing: dict[tuple[str, str], str] = {}
    for event in of_kind(objects, "Event"):
        message = str(event.get("message") or "")
        if event.get("reason") == "Unhealthy" and FAILING.match(message):
            about = event.get("involvedObject") or {}
            key = str(about.get("name")), str(about.get("fieldPath") or "")
            failing[key] = failing.get(key, "") + message[:400]
    found: dict[tuple[str, str], list[Answer]] = {}
    for pod in of_kind(objects, "Pod"):
        running = {each["name"] for each in container_statuses(pod) if "running" in (each.get("state") or {})}
        for container in (pod.get("spec") or {}).get("containers") or ():
            said = failing.get((pod["metadata"]["name"], f"spec.containers{{{container['name']}}}"))
            if said is not None and container["name"] in running:
                asked = list(_of_container(pod, container, elsewhere=NO_PATH.search(said) is not None))
                found.setdefault((_owner(pod), container["name"]), asked)
    return [answer for each in found.values() for answer in each][:MOST_ANSWERS]


def _of_container(pod: Object, container: Object, *, elsewhere: bool) -> Iterator[Answer]:
    declared = [port["containerPort"] for port in container.get("ports") or () if port.get("protocol", "TCP") == "TCP"]
    named = {port["name"]: port["containerPort"] for port in container.get("ports") or () if port.get("name")}
    asked: set[tuple[int, str]] = set()
    for probe in PROBES:
        http = (container.get(probe) or {}).get("httpGet")
        if not http:
            continue
        port = named.get(http.get("port"), http.get("port"))
        path, scheme = http.get("path") or "/", http.get("scheme", "HTTP")
        wanted = [(each, path) for each in [port, *declared[:2]]]
        wanted += [(port, each) for each in USUAL_PATHS] if elsewhere else []
        for number, where in wanted:
            if isinstance(number, int) and (number, where) not in asked and where.startswith("/"):
                asked.add((number, where))
                yield Answer(pod=pod["metadata"]["name"], port=number, path=where, scheme=scheme)


def usage(objects: Objects) -> bool:
    """Whether a pod fits on no node for lack of something, so that what is free has to be known."""
    return any(
        condition.get("reason") == "Unschedulable"
        and re.search(r"Insufficient|Too many pods|free ports", condition.get("message", ""))
        for pod in of_kind(objects, "Pod")
        for condition in pod.get("status", {}).get("conditions") or ()
    )


def strangers(objects: Objects, found: list[Log]) -> set[str]:
    """Names that logs complain of, or that variables hold, and that no Service here has: it may be one elsewhere."""
    known = {item["metadata"]["name"] for item in of_kind(objects, "Service")}
    lines = {line[31:] for log in found for line in log.text.splitlines()[-20:] if UNRESOLVED.search(line)}
    names = {host.name for line in lines for host in hosts_in(line) if host.is_service_like}
    return names - known


def requests_of(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a pod asks of its node, by resource: the sum of its containers, or its largest init container.

    Sidecars (init containers that continue) count with the containers. Source: the scheduler's ``PodRequests``.
    """
    total: dict[str, float] = {}
    largest: dict[str, float] = {}
    for container in spec.get("containers") or ():
        _add(total, container)
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(total, container)
            continue
        for resource, value in _requests(container).items():
            largest[resource] = max(largest.get(resource, 0), value)
    found = {key: max(total.get(key, 0), largest.get(key, 0)) for key in {*total, *largest}}
    for resource, value in (spec.get("overhead") or {}).items():
        found[resource] = found.get(resource, 0) + quantity.amount(value)
    return found


def _requests(container: Mapping[str, Any]) -> dict[str, float]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {resource: quantity.amount(value) for resource, value in asked.items()}


def _add(total: dict[str, float], container: Mapping[str, Any]) -> None:
    for resource, value in _requests(container).items():
        total[resource] = total.get(resource, 0) + value
