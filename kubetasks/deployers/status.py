"""What runs: workloads, their pods, the revision, as rows for people and a document for machines."""

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import msgspec

from kubetasks.deployers import belonging
from kubetasks.deployers.history import DEPLOYING, Revision, revisions
from kubetasks.deployers.holder import State, state, time_of
from kubetasks.deployers.lease import read
from kubetasks.deployers.rollout import WATCHED, WATCHED_WORKLOADS, pods_of, progress
from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.collect import take
from kubetasks.diagnose.leaving import Hold, Scope, of_object
from kubetasks.diagnose.snapshot import Ours
from kubetasks.errors import LockUnusable
from kubetasks.objects import Object, Objects, identity, is_hook, is_leaving, of_kind, pod_specs, staying
from kubetasks.targets import departure
from kubetasks.targets.base import Cluster, Store


@dataclass(frozen=True)
class Row:
    """One workload.

    Args:
        workload: ``Kind/name``.
        state: ``1/1 ready``, ``complete``, …
        ok: whether nothing is left to wait for.
        image: its main container's image.
        restarts: of all its pods' containers.
        age: since it was made, ``3m``.
        problem: what is wrong, in one line; empty when nothing is.
    """

    workload: str
    state: str
    ok: bool
    image: str
    restarts: int
    age: str
    problem: str

    def cells(self) -> list[str]:
        """The row for a table."""
        mark = "ok" if self.ok else "FAIL" if self.problem else "wait"
        return [mark, self.workload, self.state, str(self.restarts), self.age, self.image, self.problem]


@dataclass(frozen=True)
class Status:
    """What runs.

    Args:
        rows: the workloads.
        last: the newest revision.
        holds: what is being deleted but still exists, and why.
        terminating: whether the namespace is being deleted.
        working: whether the newest revision is being deployed.
        findings: what is wrong, as ``inv diagnose`` sees it.
    """

    rows: list[Row]
    last: Revision | None
    holds: list[Hold] = field(default_factory=list)
    terminating: bool = False
    working: bool = False
    findings: list[Finding] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        """Whether the newest revision never ended, and nothing is at work on it any more."""
        return self.last is not None and self.last.status == DEPLOYING and not self.working

    @property
    def line(self) -> str:
        """The newest revision in one line; empty if there is none."""
        last = self.last
        if last is None:
            return ""
        how = "interrupted" if self.interrupted else last.status
        said = f"revision {last.number} {how} with {last.deployer} at {last.at}"
        said += ", verified" if last.verified else ", not verified"
        notes = [note for note in (last.note, last.problem) if note]
        return said + (f" ({'; '.join(notes)})" if notes else "")

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        last = self.last
        revision = (
            {
                "number": last.number,
                "status": last.status,
                "deployer": last.deployer,
                "verified": last.verified,
                "at": last.at,
                "note": last.note,
                "problem": last.problem,
                "interrupted": self.interrupted,
            }
            if last
            else None
        )
        return {
            "revision": revision,
            "terminating": self.terminating,
            "leaving": [asdict(hold) for hold in self.holds],
            "workloads": [asdict(row) for row in self.rows],
            "findings": msgspec.to_builtins(self.findings),
        }


def age(item: Object, now: dt.datetime) -> str:
    """How long ago an object was made, in the largest unit that gives at least 2."""
    try:
        made = dt.datetime.fromisoformat(str(item["metadata"].get("creationTimestamp", "")))
    except ValueError:
        return ""
    seconds = int((now - made).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def look(
    store: Store,
    project: str,
    cluster: Cluster | None = None,
    ours: Ours | None = None,
    known: Callable[[str], str] = str,
) -> Status:
    """The status: the project's workloads, what is being deleted, and what is wrong, as ``inv diagnose`` sees it.

    Args:
        store: where it is.
        project: the project's name.
        cluster: the cluster; None if there is none.
        ours: the project's settings, which a fix may name.
        known: replaces the secrets that are known; a ``Redactor``.
    """
    kinds = [*WATCHED, "CronJob", "ConfigMap", "Service"]
    # Of these nothing but their deletion is shown; a role that may look need not read them.
    optional = ["PersistentVolumeClaim", "Secret"]
    asked = departure.beside(lambda: departure.namespace_of(store)) if cluster is not None else lambda: None
    found, namespace = belonging.read(store, kinds, project, optional=optional), asked()
    live, now = staying(found), dt.datetime.now(dt.UTC)
    holds: list[Hold] = []
    if cluster is not None and namespace is not None and is_leaving(namespace):
        return Status([], None, departure.holds(store, cluster, namespace), terminating=True)
    if cluster is not None:
        scope = Scope(cluster.context, cluster.namespace)
        leaving = [item for item in found if is_leaving(item) and (item["kind"] != "Pod" or _is_late(item, now))]
        holds = [hold for item in leaving for hold in of_object(item, found, scope)]
    workloads = [item for item in of_kind(live, *WATCHED_WORKLOADS, "CronJob", "Pod") if _is_shown(item, project)]
    findings = diagnose(take(store, ours, known)) if workloads else []
    names = {identity(item) for item in workloads}
    mine = [each for each in findings if names & {each.subject, *each.affects}]
    rows = [_row(item, live, now, mine) for item in workloads]
    # What is wrong with a Service, a claim or a policy has its own row.
    rows += [
        Row(each.subject, "", ok=False, image="", restarts=0, age="", problem=_problem(each))
        for each in mine
        if each.subject not in names
    ]
    history = revisions(live)
    last = history[-1] if history else None
    working = last is not None and last.status == DEPLOYING and _is_held(store, project, now)
    return Status(rows, last, holds, working=working, findings=mine)


def _is_shown(item: Object, project: str) -> bool:
    """Whether an object has its own row: not a hook, nor what a controller made."""
    if item["kind"] == "Pod" and (item["metadata"].get("ownerReferences") or not belonging.is_labelled(item, project)):
        return False
    return not is_hook(item)


def _is_held(store: Store, project: str, now: dt.datetime) -> bool:
    """Whether the deploy lock is held; also where it may not be read, and so nothing can be said."""
    try:
        lease = read(store, project)
    except LockUnusable:
        return True
    return lease is not None and state(lease, now) in {State.LIVING, State.SILENT}


def _is_late(pod: Object, now: dt.datetime) -> bool:
    """Whether a pod should have ended by now; its deletion timestamp is the end of its grace."""
    end = time_of(pod["metadata"]["deletionTimestamp"])
    return end is not None and now > end


def _problem(finding: Finding) -> str:
    return f"[{finding.id}] {finding.cause}"


def _row(item: Object, live: Objects, now: dt.datetime, findings: list[Finding]) -> Row:
    name = identity(item)
    pods = pods_of(item, live)
    far = progress(item)
    own = next((each for each in findings if each.subject == name), None)
    # What keeps a workload from being ready may be another one's fault.
    other = next((each for each in findings if name in each.affects), None) if not far.done else None
    problem = own or other
    containers = [each for pod in pods for each in pod.get("status", {}).get("containerStatuses") or ()]
    return Row(
        workload=name,
        state=far.line,
        ok=far.done and own is None,
        image=next((str(spec["containers"][0].get("image", "")) for spec in pod_specs(item)), ""),
        restarts=sum(int(each.get("restartCount", 0)) for each in containers),
        age=age(item, now),
        problem=_problem(problem) if problem else "",
    )
