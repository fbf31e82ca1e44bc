"""What runs: workloads, their pods, the revision, as rows for people and a document for machines."""

import datetime as dt
from dataclasses import asdict, dataclass

from kubetasks.deployers.history import Revision, revisions
from kubetasks.deployers.rollout import WATCHED, pods_of, progress
from kubetasks.diagnose.pods import Problem, of_pod, of_workload
from kubetasks.objects import PART_OF, Object, identity, of_kind
from kubetasks.targets.base import Store


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
    """The workloads and the newest revision."""

    rows: list[Row]
    last: Revision | None

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
            }
            if last
            else None
        )
        return {"revision": revision, "workloads": [asdict(row) for row in self.rows]}


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


def look(store: Store, project: str) -> Status:
    """The status; one call."""
    live = store.get([*WATCHED, "ConfigMap"], selector=f"{PART_OF}={project}")
    now = dt.datetime.now(dt.UTC)
    rows = []
    for item in of_kind(live, "Deployment", "StatefulSet", "Job"):
        pods = pods_of(item, live)
        far = progress(item)
        problems: list[Problem] = list(of_workload(item))
        if not far.done:
            problems += [problem for pod in pods for problem in of_pod(pod, identity(item))]
        containers = [each for pod in pods for each in pod.get("status", {}).get("containerStatuses") or ()]
        rows.append(
            Row(
                workload=identity(item),
                state=far.line,
                ok=far.done,
                image=item["spec"]["template"]["spec"]["containers"][0].get("image", ""),
                restarts=sum(int(each.get("restartCount", 0)) for each in containers),
                age=age(item, now),
                problem=f"[{problems[0].id}] {problems[0].line}" if problems else "",
            )
        )
    history = revisions(live)
    return Status(rows, history[-1] if history else None)
