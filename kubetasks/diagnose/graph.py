"""The objects of a snapshot and how they hang together: owner to pod, pod to what it uses, Service to pods."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.diagnose.views import Container, Event, Pod, log_lines, moment
from kubetasks.objects import Object, Objects, identity

REVISION: Final = "deployment.kubernetes.io/revision"
OWNERS: Final = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "ReplicationController")
OLDEST: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


def labels_match(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (``matchLabels`` and ``matchExpressions``) matches; an empty one matches everything."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for each in selector.get("matchExpressions") or ():
        has, values = labels.get(each["key"]), each.get("values") or ()
        matches = {
            "In": has is not None and has in values,
            "NotIn": has not in values,
            "Exists": has is not None,
            "DoesNotExist": has is None,
        }
        if not matches.get(each.get("operator", ""), False):
            return False
    return True


@dataclass(eq=False)
class Workload:
    """What makes pods, or a pod that nothing made.

    Args:
        item: the object.
        pods: its pods, of every revision.
        current: those of its newest revision.
    """

    item: Object
    pods: list[Pod]
    current: list[Pod]

    @property
    def key(self) -> str:
        """``Kind/name``."""
        return identity(self.item)

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.item["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.item["metadata"]["name"])

    @property
    def status(self) -> Object:
        """Its status."""
        return dict(self.item.get("status") or {})

    @property
    def template(self) -> Object:
        """The metadata and spec of its pods."""
        spec = self.item.get("spec") or {}
        if self.kind == "Pod":
            return self.item
        if self.kind == "CronJob":
            spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        return dict(spec.get("template") or {})

    @property
    def spec(self) -> Object:
        """The spec of its pods."""
        return dict(self.template.get("spec") or {})

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods."""
        return dict((self.template.get("metadata") or {}).get("labels") or {})

    @property
    def wanted(self) -> int:
        """How many pods it is to have."""
        spec = self.item.get("spec") or {}
        if self.kind == "DaemonSet":
            return int(self.status.get("desiredNumberScheduled") or 0)
        if self.kind in {"Job", "Pod"}:
            return 1
        if self.kind == "CronJob":
            return 0
        return int(spec.get("replicas", 1))

    @property
    def runs_on(self) -> bool:
        """Whether its pods are to run on and on."""
        return self.kind not in {"Job", "CronJob"} and self.spec.get("restartPolicy", "Always") == "Always"

    @property
    def ready(self) -> list[Pod]:
        """Its pods that are ready."""
        return [pod for pod in self.pods if pod.ready and not pod.deleted]

    def containers(self) -> Iterator[tuple[str, int, Object]]:
        """``initContainers`` or ``containers``, the index and the spec of each of its template's containers."""
        for part in ("initContainers", "containers"):
            for index, each in enumerate(self.spec.get(part) or ()):
                yield part, index, each

    def where(self, container: str) -> tuple[str, int] | None:
        """``initContainers`` or ``containers`` and the index of a container in the template."""
        return next(((part, index) for part, index, each in self.containers() if each["name"] == container), None)


class World:
    """A snapshot, indexed."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Index a snapshot."""
        self.snapshot = snapshot
        self.now = moment(snapshot.taken) or dt.datetime.now(dt.UTC)
        self._by_kind: dict[str, dict[str, Object]] = defaultdict(dict)
        self._by_uid: dict[str, Object] = {}
        for item in sorted(snapshot.objects, key=lambda each: (each["kind"], each["metadata"]["name"])):
            if item["kind"] != "Event":
                self._by_kind[item["kind"]][item["metadata"]["name"]] = item
                uid = item["metadata"].get("uid")
                if uid:
                    self._by_uid[uid] = item
        self._events: dict[tuple[str, str], list[Event]] = defaultdict(list)
        events = [Event(item) for item in snapshot.objects if item["kind"] == "Event"]
        for event in sorted(events, key=lambda each: (each.last or OLDEST, each.reason, each.message)):
            self._events[str(event.about.get("kind")), str(event.about.get("name"))].append(event)
        self.pods = [self._pod(item) for item in self.all("Pod")]
        self.workloads: dict[str, Workload] = {each.key: each for each in self._workloads()}

    # Objects.

    def all(self, kind: str) -> Objects:
        """All objects of a kind."""
        return list(self._by_kind[kind].values())

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind."""
        return list(self._by_kind[kind])

    def get(self, kind: str, name: str) -> Object | None:
        """One object; None if there is none."""
        return self._by_kind[kind].get(name)

    def has(self, key: str) -> bool:
        """Whether ``Kind/name`` exists."""
        kind, _, name = key.partition("/")
        return name in self._by_kind[kind]

    def reads(self, kind: str) -> bool:
        """Whether objects of a kind were read at all: if not, that one is missing says nothing."""
        plural = kind.lower()
        return not any(each.partition(".")[0].startswith(plural) for each in (k.lower() for k in self.snapshot.unread))

    def events(self, item: Object, *reasons: str) -> list[Event]:
        """The events about an object, oldest first; not those about another one that had its name before."""
        uid = item["metadata"].get("uid")
        found = self._events.get((item["kind"], item["metadata"]["name"]), [])
        return [
            event
            for event in found
            if (not reasons or event.reason in reasons) and (not uid or event.about.get("uid") in {uid, None, ""})
        ]

    def since(self, when: dt.datetime | None) -> float:
        """How many seconds ago; 0 if that is not known."""
        return max((self.now - when).total_seconds(), 0.0) if when else 0.0

    def age(self, item: Object) -> float:
        """How many seconds ago an object was created."""
        return self.since(moment(item["metadata"].get("creationTimestamp")))

    # Owners.

    def owner(self, item: Object) -> Object:
        """The object at the top of the chain of owners, as far as it is known; the object itself where it has none."""
        seen = set()
        while identity(item) not in seen:
            seen.add(identity(item))
            for each in item["metadata"].get("ownerReferences") or ():
                found = self._by_uid.get(str(each.get("uid"))) or self.get(each["kind"], str(each.get("name")))
                if found is not None and found["kind"] in OWNERS:
                    item = found
                    break
        return item

    def _pod(self, item: Object) -> Pod:
        pod = Pod(item, identity(self.owner(item)), self.events(item))
        spec, status = item.get("spec") or {}, item.get("status") or {}
        statuses = {
            each["name"]: each
            for key in ("initContainerStatuses", "containerStatuses")
            for each in status.get(key) or ()
        }
        for part, kind in (("initContainers", "init"), ("containers", "main")):
            for each in spec.get(part) or ():
                found = "sidecar" if kind == "init" and each.get("restartPolicy") == "Always" else kind
                pod.containers.append(self._container(pod, each, statuses.get(each["name"], {}), found))
        return pod

    def _container(self, pod: Pod, spec: Object, status: Object, kind: str) -> Container:
        made = Container(pod, spec, status, kind)
        for log in self._logs.get((pod.name, made.name), ()):
            made.has_log = True
            if log.previous:
                made.previous = log_lines(log.text)
            else:
                made.current = log_lines(log.text)
            if log.head and not made.head:
                made.head = log_lines(log.head)
        return made

    @cached_property
    def _logs(self) -> Mapping[tuple[str, str], list[Any]]:
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for log in self.snapshot.logs:
            found[log.pod, log.container].append(log)
        return found

    def _workloads(self) -> Iterator[Workload]:
        by_owner: dict[str, list[Pod]] = defaultdict(list)
        for pod in self.pods:
            by_owner[pod.workload].append(pod)
        for kind in (*OWNERS, "Pod"):
            for item in self.all(kind):
                if identity(self.owner(item)) == identity(item):
                    pods = by_owner.get(identity(item), [])
                    yield Workload(item, pods, self._current(item, pods))

    def _current(self, item: Object, pods: list[Pod]) -> list[Pod]:
        """The pods of the newest revision: of a Deployment's newest ReplicaSet, of a CronJob's newest Job."""
        newest = self.newest(item)
        if newest is None:
            return pods
        uid = newest["metadata"].get("uid")
        return [
            pod
            for pod in pods
            if any(
                (each.get("uid") == uid and uid) or each.get("name") == newest["metadata"]["name"]
                for each in pod.item["metadata"].get("ownerReferences") or ()
            )
        ]

    def children(self, item: Object, kind: str) -> Objects:
        """The objects of a kind that an object owns directly."""
        uid, name = item["metadata"].get("uid"), item["metadata"]["name"]
        return [
            each
            for each in self.all(kind)
            if any(
                (owner.get("uid") == uid if uid else owner.get("name") == name)
                for owner in each["metadata"].get("ownerReferences") or ()
            )
        ]

    def newest(self, item: Object) -> Object | None:
        """The ReplicaSet of a Deployment's current revision, or a CronJob's newest Job."""
        if item["kind"] == "Deployment":
            sets = self.children(item, "ReplicaSet")
            revision = (item["metadata"].get("annotations") or {}).get(REVISION)
            same = [each for each in sets if (each["metadata"].get("annotations") or {}).get(REVISION) == revision]
            return max(same or sets, key=lambda each: each["metadata"].get("creationTimestamp", ""), default=None)
        if item["kind"] == "CronJob":
            jobs = self.children(item, "Job")
            return max(jobs, key=lambda each: each["metadata"].get("creationTimestamp", ""), default=None)
        return None

    def earlier(self, workload: Workload) -> Objects:
        """The ReplicaSets of a Deployment's earlier revisions, the newest first."""
        newest = self.newest(workload.item)
        sets = [each for each in self.children(workload.item, "ReplicaSet") if each is not newest]
        return sorted(sets, key=lambda each: -int((each["metadata"].get("annotations") or {}).get(REVISION, "0")))

    # Services.

    def selected(self, service: Object) -> list[Pod]:
        """The pods that a Service selects, without those of Jobs and those that have ended."""
        selector = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            return []
        return [
            pod
            for pod in self.pods
            if not pod.deleted
            and pod.phase not in {"Succeeded", "Failed"}
            and labels_match({"matchLabels": selector}, pod.labels)
        ]

    def endpoints(self, service: str) -> list[tuple[bool, str, list[Object]]]:
        """Each address behind a Service: whether it is ready, the pod's name, the ports of its slice."""
        found = []
        for item in self.all("EndpointSlice"):
            if (item["metadata"].get("labels") or {}).get("kubernetes.io/service-name") != service:
                continue
            for each in item.get("endpoints") or ():
                ready = (each.get("conditions") or {}).get("ready") is not False
                found.append((ready, str((each.get("targetRef") or {}).get("name", "")), item.get("ports") or []))
        return found

    def services_of(self, pods: Iterable[Pod]) -> Objects:
        """The Services that select any of these pods."""
        names = {pod.name for pod in pods}
        return [each for each in self.all("Service") if any(pod.name in names for pod in self.selected(each))]

    def containers(self) -> Iterator[tuple[Workload, Container]]:
        """Every container of a workload's newest pods that are not being deleted, except for a Job that is done."""
        for workload in self.workloads.values():
            if _is_complete(self.newest(workload.item) if workload.kind == "CronJob" else workload.item):
                continue
            for pod in workload.current:
                if not pod.deleted:
                    for container in pod.containers:
                        yield workload, container


def _is_complete(item: Object | None) -> bool:
    """Whether a Job has succeeded, after whatever attempts."""
    if item is None or item["kind"] != "Job":
        return False
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Complete" and each.get("status") == "True" for each in conditions)
