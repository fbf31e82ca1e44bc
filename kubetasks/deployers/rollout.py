"""Watching a rollout: a progress line per workload, an early end for what cannot recover, a deadline for the rest."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from kubetasks.deployers.fingerprint import has_ttl
from kubetasks.deployers.finished import COMPLETED, last_events, told_by
from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.collect import take
from kubetasks.diagnose.show import evidence
from kubetasks.diagnose.signs import signs
from kubetasks.diagnose.snapshot import Ours
from kubetasks.errors import KubetasksError, RolloutFailed, RolloutTimeout
from kubetasks.objects import (
    WORKLOADS,
    Object,
    Objects,
    by_identity,
    identity,
    is_complete,
    is_hook,
    is_leaving,
    of_kind,
    staying,
)
from kubetasks.targets.base import Store

WATCHED_WORKLOADS = (*WORKLOADS, "DaemonSet")
WATCHED = (*WATCHED_WORKLOADS, "ReplicaSet", "Pod")
STALE = 25.0  # seconds within which the kubelet tries a waiting container again (its sync period and back-off)
GONE = 10.0  # seconds within which an event should say how a Job that was removed ended
INTERVAL = 0.35  # seconds between two looks; one look is one kubectl call
AGAIN = 1.5  # seconds between two snapshots while there is a sign of trouble
QUIET = 6.0  # the same while there is none: some problems are only reported by events


@dataclass(frozen=True)
class Progress:
    """How far one workload is.

    Args:
        workload: ``Kind/name``.
        done: whether nothing is left to wait for.
        line: ``1/2 ready``, ``complete``, …
    """

    workload: str
    done: bool
    line: str


def is_seen(item: Object) -> bool:
    """Whether a workload's controller has looked at it since it was changed. A Job's does not say."""
    return bool(item.get("status", {}).get("observedGeneration", 0) >= item["metadata"].get("generation", 0))


def progress(item: Object) -> Progress:
    """How far a live workload is, by the fields that ``kubectl rollout status`` reads."""
    status = item.get("status", {})
    name = identity(item)
    if item["kind"] == "Job" and is_complete(item):
        return Progress(name, True, "complete")  # also while the cluster removes it
    if is_leaving(item):
        return Progress(name, False, "being deleted")
    if item["kind"] == "Job":
        return Progress(name, False, "running" if status.get("active") else "waiting")
    if item["kind"] in {"Pod", "CronJob"}:
        return Progress(name, *_pod(item))
    if not is_seen(item):
        return Progress(name, False, "not yet seen by its controller")
    return Progress(name, *_counted(item))


def _pod(item: Object) -> tuple[bool, str]:
    """Whether a Pod that no workload made is ready, or has ended well; nothing is to be waited for with a CronJob."""
    if item["kind"] == "CronJob":
        return True, "suspended" if item["spec"].get("suspend") else "scheduled"
    status = item.get("status", {})
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())
    if status.get("phase") == "Succeeded":
        return True, "complete"
    return ready, "ready" if ready else str(status.get("phase") or "waiting").lower()


def _counted(item: Object) -> tuple[bool, str]:
    """Whether all pods of a live workload are ready and new, and how many are."""
    status = item.get("status", {})
    if item["kind"] == "DaemonSet":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        ready = status.get("numberReady", 0)
        return ready >= wanted and updated >= wanted, f"{ready}/{wanted} ready"
    wanted = item.get("spec", {}).get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if item["kind"] == "StatefulSet":
        current = status.get("currentRevision") == status.get("updateRevision") or updated >= wanted
        return ready >= wanted and current, f"{ready}/{wanted} ready"
    available = status.get("availableReplicas", 0)
    if item["kind"] == "ReplicaSet":
        return available >= wanted, f"{available}/{wanted} ready"
    old = status.get("replicas", 0) - updated
    line = f"{min(updated, available)}/{wanted} ready" + (f", {old} old" if old > 0 else "")
    return updated >= wanted and available >= wanted and old <= 0, line


def pods_of(item: Object, live: Objects) -> Objects:
    """The pods of a workload's newest revision."""
    if item["kind"] == "Pod":
        return [item]
    if item["kind"] == "CronJob":
        return []
    labels = item["spec"].get("selector", {}).get("matchLabels") or {}
    if item["kind"] == "Job":
        labels = {"job-name": item["metadata"]["name"]}
    found = [
        pod
        for pod in staying(of_kind(live, "Pod"))
        if all(pod["metadata"].get("labels", {}).get(key) == value for key, value in labels.items())
    ]
    newest = newest_replicaset(item, live)
    if newest is not None:
        mark = newest["metadata"].get("labels", {}).get("pod-template-hash")
        found = [pod for pod in found if pod["metadata"].get("labels", {}).get("pod-template-hash") == mark]
    return found


def newest_replicaset(item: Object, live: Objects) -> Object | None:
    """The ReplicaSet of a Deployment's current revision; None for other workloads and before it exists."""
    revision = item["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision")
    uid = item["metadata"].get("uid")
    for candidate in of_kind(live, "ReplicaSet"):
        owners = candidate["metadata"].get("ownerReferences") or ()
        mine = any(owner.get("uid") == uid for owner in owners)
        if mine and candidate["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == revision:
            return candidate
    return None


@dataclass
class Watch:
    """Waits for workloads.

    Args:
        store: where they live.
        project: the project.
        deadline: seconds until RolloutTimeout.
        show: called with one text that holds a part per workload.
        finished: ``Job/name`` of those that completed in an earlier deploy, and may have been deleted.
        before: UIDs of pods that existed before anything was applied. What is wrong with them may be of before the
            image was loaded or the key was set, so they get a grace period.
        clock: seconds, monotonic.
        sleep: waits between two looks.
        ours: the project's settings, which a fix may name.
        known: replaces the secrets that are known in everything that is read; a ``Redactor``.
        first_ready: when a pod of a service that did not exist before was first seen to be ready.
    """

    store: Store
    project: str
    deadline: float
    show: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    before: frozenset[str] = frozenset()
    finished: Collection[str] = ()
    complete: set[str] = field(default_factory=set)
    ours: Ours | None = None
    known: Callable[[str], str] = str
    first_ready: dt.datetime | None = None
    _uids: dict[str, str] = field(default_factory=dict)
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _missed: dict[str, float] = field(default_factory=dict)
    _signs: frozenset[str] = frozenset()
    _looked: float = 0.0

    def until_ready(self, objects: Objects) -> list[Progress]:
        """Wait until every workload among the rendered objects is rolled out.

        Raises:
            RolloutFailed: a workload is in a state that cannot recover; the root cause, its fix and the evidence.
            RolloutTimeout: the deadline passed.
        """
        wanted = [item for item in of_kind(objects, *WATCHED) if not is_hook(item)]
        began = self._looked = self.clock()
        while True:
            live = self.store.get(WATCHED)
            known = by_identity(of_kind(live, *WATCHED))
            if self.first_ready is None and any(self._is_new_and_ready(pod) for pod in of_kind(live, "Pod")):
                self.first_ready = dt.datetime.now(dt.UTC)
            seen = [self._look(item, known.get(identity(item))) for item in wanted]
            self.show("  ".join(f"{each.workload.split('/')[1]}: {each.line}" for each in seen))
            if all(each.done for each in seen):
                return seen
            waiting = [known[each.workload] for each in seen if not each.done and each.workload in known]
            if self._worth_a_look(waiting, live):
                finding = self._final(waiting, live)
                if finding is not None:
                    raise self.failed(finding, waiting)
            if self.clock() - began >= self.deadline:
                raise self._late(seen, waiting)
            self.sleep(INTERVAL)

    def _is_new_and_ready(self, pod: Object) -> bool:
        conditions = pod.get("status", {}).get("conditions") or ()
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        of_job = "job-name" in (pod["metadata"].get("labels") or {})
        return ready and not of_job and pod["metadata"].get("uid") not in self.before

    def _look(self, item: Object, live: Object | None) -> Progress:
        """How far a rendered workload is; the live one is None if it does not exist."""
        name = identity(item)
        if live is not None:
            found = progress(live)
            if item["kind"] == "Job" and found.done:
                self.complete.add(name)
            self._uids[name] = str(live["metadata"].get("uid", ""))
            return found
        if name in self.complete or name in self.finished:
            return Progress(name, True, "complete")
        return self._gone(item) if has_ttl(item) else Progress(name, False, "not there")

    def _gone(self, item: Object) -> Progress:
        """What became of a Job that the cluster removed before it was seen to be complete.

        Raises:
            RolloutFailed: it failed, or nothing says that it completed.
        """
        name = identity(item)
        events = self.store.get(["Event"])
        said = told_by(events, item["metadata"]["name"], self._uids.get(name, ""))
        if said == COMPLETED:
            self.complete.add(name)
            return Progress(name, True, "complete")
        now = self.clock()
        if said or now - self._missed.setdefault(name, now) >= GONE:
            ttl = item["spec"]["ttlSecondsAfterFinished"]
            why = said or "no event says how it ended"
            raise RolloutFailed(
                f"{name} was removed, and it did not complete [JOB_GONE]" if said else f"{name} was removed [JOB_GONE]",
                why=f"{why}; the cluster removes it {ttl} s after it has ended",
                fix="raise its ttlSecondsAfterFinished to 60 or more, so that its log can be read, and deploy again",
                detail="\n".join(f"event: {line}" for line in last_events(events, item["metadata"]["name"])),
            )
        return Progress(name, False, "not there")

    def _worth_a_look(self, waiting: Objects, live: Objects) -> bool:
        """Whether to take a snapshot: a new sign of trouble, or some time since the last one."""
        # A controller that has not looked at the change yet tells of the revision before.
        seen = [item for item in waiting if item["kind"] in {"Job", "Pod"} or is_seen(item)]
        pods = [(item, pods_of(item, live)) for item in seen]
        found = signs(pods, [newest_replicaset(item, live) or item for item in seen])
        now = self.clock()
        new = found - self._signs
        self._signs = found
        often = AGAIN if found else QUIET
        if not new and now - self._looked < often:
            return False
        self._looked = now
        return bool(seen)

    def _findings(self, waiting: Objects) -> list[Finding]:
        """The root causes that keep the waiting workloads from being ready."""
        names = {identity(item) for item in waiting if item["kind"] in {"Job", "Pod"} or is_seen(item)}
        found = diagnose(take(self.store, self.ours, self.known))
        return [each for each in found if names & {each.subject, *each.affects}]

    def _final(self, waiting: Objects, live: Objects) -> Finding | None:
        """The first root cause that has lasted longer than it may; None while all of them may heal."""
        findings = self._findings(waiting)
        now = self.clock()
        known = {(each.id, each.subject) for each in findings}
        self._since = {key: since for key, since in self._since.items() if key in known}
        for each in findings:
            since = self._since.setdefault((each.id, each.subject), now)
            grace = max(each.grace, STALE) if self._is_old(each, waiting, live) else each.grace
            if now - since >= grace:
                return each
        return None

    def _is_old(self, finding: Finding, waiting: Objects, live: Objects) -> bool:
        """Whether all pods that it is about existed before anything was applied."""
        about = {finding.subject, *finding.affects}
        pods = [pod for item in waiting if identity(item) in about for pod in pods_of(item, live)]
        return bool(pods) and all(pod["metadata"].get("uid") in self.before for pod in pods)

    def failed(self, finding: Finding, waiting: Objects) -> RolloutFailed:
        """The error for a finding: its cause is why, its fix is the fix, and the evidence is below."""
        names = [identity(item) for item in waiting]
        workload = next((name for name in names if name in {finding.subject, *finding.affects}), finding.subject)
        return RolloutFailed(
            f"{workload} cannot become ready [{finding.id}]",
            why=finding.cause.removeprefix(f"{workload}: "),
            fix=finding.fix.text,
            detail=evidence(finding),
        )

    def _late(self, seen: list[Progress], waiting: Objects) -> RolloutTimeout:
        missing = ", ".join(f"{each.workload} {each.line}" for each in seen if not each.done)
        findings: list[Finding] = []
        with contextlib.suppress(KubetasksError):
            findings = self._findings(waiting)
        return RolloutTimeout(
            f"not ready after {self.deadline:g} s",
            why=f"{missing}; {findings[0].cause}" if findings else missing,
            fix=findings[0].fix.text if findings else "see inv status and inv logs, or raise `deadline`",
            detail="\n".join(evidence(each) for each in findings),
        )
