"""Watching a rollout: a progress line per workload, an early end for what cannot heal, a deadline for the rest."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from kubetasks.deployers.fingerprint import has_ttl
from kubetasks.deployers.finished import COMPLETED, told_by
from kubetasks.diagnose import pods as diagnose
from kubetasks.diagnose.pods import Problem
from kubetasks.errors import KubetasksError, RolloutFailed, RolloutTimeout
from kubetasks.objects import (
    PART_OF,
    WORKLOADS,
    Object,
    Objects,
    by_identity,
    identity,
    is_complete,
    is_leaving,
    of_kind,
    staying,
)
from kubetasks.targets.base import Store

WATCHED = ("Deployment", "StatefulSet", "Job", "ReplicaSet", "Pod")
STALE = 25.0  # seconds within which the kubelet tries a waiting container again (its sync period and back-off)
GONE = 10.0  # seconds within which an event should say how a Job ended that is gone
INTERVAL = 0.35  # seconds between two looks; one look is one kubectl call


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
    wanted = item.get("spec", {}).get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if not is_seen(item):
        return Progress(name, False, "not yet seen by its controller")
    if item["kind"] == "StatefulSet":
        current = status.get("currentRevision") == status.get("updateRevision") or updated >= wanted
        return Progress(name, ready >= wanted and current, f"{ready}/{wanted} ready")
    available = status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    line = f"{min(updated, available)}/{wanted} ready" + (f", {old} old" if old > 0 else "")
    return Progress(name, updated >= wanted and available >= wanted and old <= 0, line)


def pods_of(item: Object, live: Objects) -> Objects:
    """The pods of a workload's newest revision."""
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
        project: the label that is looked for.
        deadline: seconds until RolloutTimeout.
        show: called with one text that holds a part per workload.
        finished: ``Job/name`` of those that completed in an earlier deploy and may be gone since.
        before: UIDs of pods that were there before anything was applied. What is wrong with them may be of before the
            image was brought or the key was set, so they get a grace.
        clock: seconds, monotonic.
        sleep: waits between two looks.
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
    _uids: dict[str, str] = field(default_factory=dict)
    _since: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def until_ready(self, objects: Objects) -> list[Progress]:
        """Wait until every workload among the rendered objects is rolled out.

        Raises:
            RolloutFailed: a workload is in a state that cannot heal, with its last log lines and events.
            RolloutTimeout: the deadline passed.
        """
        wanted = of_kind(objects, *WORKLOADS)
        began = self.clock()
        while True:
            live = self.store.get(WATCHED, selector=f"{PART_OF}={self.project}")
            known = by_identity(of_kind(live, *WORKLOADS))
            seen = [self._look(item, known.get(identity(item))) for item in wanted]
            self.show("  ".join(f"{each.workload.split('/')[1]}: {each.line}" for each in seen))
            if all(each.done for each in seen):
                return seen
            waiting = [known[each.workload] for each in seen if not each.done and each.workload in known]
            elapsed = self.clock() - began
            problems = list(self._problems(waiting, live, elapsed))
            old = {pod["metadata"]["name"] for pod in of_kind(live, "Pod") if pod["metadata"].get("uid") in self.before}
            for problem in problems:
                if self._lasts(problem) >= (max(problem.grace, STALE) if problem.pod in old else problem.grace):
                    raise self.failed(problem)
            if elapsed >= self.deadline:
                raise self._late(seen, problems)
            self.sleep(INTERVAL)

    def _look(self, item: Object, live: Object | None) -> Progress:
        """How far a rendered workload is; the live one is None where it is not there."""
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
        if said or now - self._since.setdefault(("", name, "JOB_GONE"), now) >= GONE:
            ttl = item["spec"]["ttlSecondsAfterFinished"]
            why = said or "no event says how it ended"
            raise RolloutFailed(
                f"{name} is gone, and it did not complete [JOB_GONE]" if said else f"{name} is gone [JOB_GONE]",
                why=f"{why}; the cluster removes it {ttl} s after it has ended",
                fix="raise its ttlSecondsAfterFinished to 60 or more, so that its log can be read, and deploy again",
                detail="\n".join(f"event: {line}" for line in diagnose.last_events(events, [item["metadata"]["name"]])),
            )
        return Progress(name, False, "not there")

    def _lasts(self, problem: Problem) -> float:
        now = self.clock()
        return now - self._since.setdefault((problem.pod or problem.workload, problem.container, problem.id), now)

    def _problems(self, waiting: Objects, live: Objects, elapsed: float) -> Iterable[Problem]:
        for item in waiting:
            if item["kind"] != "Job" and not is_seen(item):
                continue  # what its status and its pods tell is of the revision before
            # A Deployment's own condition tells of old ReplicaSets too, as long as they have any pod to make.
            newest = newest_replicaset(item, live)
            yield from diagnose.of_workload(newest or item, identity(item))
            pods = pods_of(item, live)
            for pod in pods:
                for problem in diagnose.of_pod(pod, identity(item)):
                    # One crash may be a start-up race; the back-off comes with the second.
                    if problem.id != "CRASH_LOOP" or problem.restarts > 1 or item["kind"] == "Job":
                        yield problem
            if not pods and item["kind"] != "Deployment" and elapsed > 2:
                yield from diagnose.of_events(self.store.get(["Event"]), item)

    def failed(self, problem: Problem) -> RolloutFailed:
        """The error for a problem, with the last log lines and events as its evidence."""
        return RolloutFailed(
            f"{problem.workload} cannot become ready [{problem.id}]",
            why=problem.line,
            fix=problem.advice,
            detail=self._evidence([problem]),
        )

    def _late(self, seen: list[Progress], problems: list[Problem]) -> RolloutTimeout:
        missing = ", ".join(f"{each.workload} {each.line}" for each in seen if not each.done)
        why = f"{missing}" + (f"; {problems[0].line}" if problems else "")
        return RolloutTimeout(
            f"not ready after {self.deadline:g} s",
            why=why,
            fix=(problems[0].advice if problems else "see inv status and inv logs, or raise `deadline`"),
            detail=self._evidence(problems),
        )

    def _evidence(self, problems: list[Problem]) -> str:
        lines: list[str] = []
        names: set[str] = set()
        for problem in problems:
            workload = problem.workload.split("/")[1]
            names |= {problem.pod, workload}
            pod = problem.pod or self._some_pod(workload)
            if pod:
                log = self._log(pod, problem)
                lines += [f"log of {pod}: {line}" for line in log.splitlines()[-10:]]
        with contextlib.suppress(KubetasksError):
            events = self.store.get(["Event"])
            lines += [f"event: {line}" for line in diagnose.last_events(events, names - {""})]
        return "\n".join(lines)

    def _log(self, pod: str, problem: Problem) -> str:
        """The log of the run that ended, or of this one; no evidence is worth losing the problem itself for."""
        with contextlib.suppress(KubetasksError):
            before = problem.id == "CRASH_LOOP" and self.store.logs(pod, problem.container, previous=True)
            return before or self.store.logs(pod, problem.container)
        return ""

    def _some_pod(self, workload: str) -> str:
        with contextlib.suppress(KubetasksError):
            pods = self.store.get(["Pod"], selector=f"job-name={workload}")
            return pods[-1]["metadata"]["name"] if pods else ""
        return ""
