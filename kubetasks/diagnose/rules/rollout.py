"""Rollouts that do not continue, and whatever no other rule explains."""

from collections.abc import Iterator
from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import compact, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back
from kubetasks.diagnose.placing import claims
from kubetasks.diagnose.rule import FOR_EVER, SYMPTOM, Candidate, check, define
from kubetasks.diagnose.views import Pod, moment
from kubetasks.diagnose.words import counted, one_line

# So long a pod may take before it is unknown trouble that nothing says what it does.
PATIENCE: Final = 60.0

PAUSED = define(
    "ROLLOUT_PAUSED",
    "cluster",
    "a rollout is paused",
    signal="spec.paused of a Deployment whose pods are of an older revision",
    why="Someone ran kubectl rollout pause, and the change waits.",
    fix="kubectl rollout resume",
    depth=SYMPTOM + 5,
    severity="warning",
)
STUCK = define(
    "ROLLOUT_STUCK",
    "cluster",
    "a rollout does not go on",
    signal="ProgressDeadlineExceeded",
    why="The new pods are not ready in time.",
    fix="see the new pods",
    depth=SYMPTOM,
)
ON_DELETE = define(
    "ROLLOUT_ON_DELETE",
    "cluster",
    "pods of an older revision stay",
    signal="updateStrategy OnDelete, or a partition, with pods of an older revision",
    why="With OnDelete a changed template only reaches a pod when someone deletes it.",
    fix="delete the pods one by one, or set updateStrategy: RollingUpdate",
    depth=SYMPTOM + 5,
    severity="warning",
)
UNKNOWN = define(
    "UNKNOWN",
    "cluster",
    "something is wrong that no rule knows",
    signal="a workload that is not ready and nothing that says why",
    why="The evidence is all that is known.",
    fix="see the evidence below, and kubectl describe",
    depth=SYMPTOM - 5,
    grace=FOR_EVER,
)


@check
def paused(world: World) -> Iterator[Candidate]:
    """Deployments that are paused with a change under way, and StatefulSets that wait for a deletion."""
    for workload in world.workloads.values():
        spec, status = workload.item.get("spec") or {}, workload.status
        stopped = workload.kind == "Deployment" and spec.get("paused") and workload.wanted
        if stopped and (int(status.get("updatedReplicas") or 0) < workload.wanted or _drifted(world, workload)):
            cause = f"{workload.key} is paused: its change does not roll out"
            yield Candidate(
                PAUSED, workload.key, cause, run(world, "go on", "rollout", "resume", f"deployment/{workload.name}")
            )
        if workload.kind in {"StatefulSet", "DaemonSet"}:
            strategy = (spec.get("updateStrategy") or {}).get("type")
            field = "updatedReplicas" if workload.kind == "StatefulSet" else "updatedNumberScheduled"
            if (
                strategy == "OnDelete"
                and int(status.get(field) or 0) < workload.wanted
                and status.get("observedGeneration", 0) > 1
            ):
                old = workload.wanted - int(status.get(field) or 0)
                cause = f"{workload.key}: {counted(old, 'pod')} of an older revision: updateStrategy is OnDelete"
                patch = compact({"spec": {"updateStrategy": {"type": "RollingUpdate"}}})
                yield Candidate(
                    ON_DELETE,
                    workload.key,
                    cause,
                    run(world, "roll it out", "patch", workload.kind.lower(), workload.name, "-p", patch),
                )


def _drifted(world: World, workload: Workload) -> bool:
    """Whether the template of a paused Deployment differs from its newest ReplicaSet's."""
    newest = world.newest(workload.item)
    if newest is None:
        return True

    def images(spec: Any) -> list[tuple[str, str]]:
        return [
            (str(each.get("name")), str(each.get("image")))
            for each in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
        ]

    return images(newest.get("spec") or {}) != images(workload.item.get("spec") or {})


@check
def stuck(world: World) -> Iterator[Candidate]:
    """Deployments that have passed their progress deadline."""
    for workload in world.workloads.values():
        for condition in workload.status.get("conditions") or ():
            if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
                cause = (
                    f"{workload.key}: the rollout does not go on: {len(workload.ready)} of "
                    f"{counted(workload.wanted, 'pod')} ready"
                )
                fix: Fix = back(world, workload) or words("see its pods: kubectl describe pods")
                yield Candidate(STUCK, workload.key, cause, fix, [str(condition.get("message"))], confidence="unknown")


@check
def unknown(world: World) -> Iterator[Candidate]:
    """Pods that have not been ready for long, with the best evidence there is."""
    for workload in world.workloads.values():
        if workload.kind in {"Job", "CronJob"} or not workload.runs_on:
            continue
        waits = [pod for pod in workload.current if not pod.ready and not pod.deleted and pod.phase != "Failed"]
        late = [pod for pod in waits if _late(world, pod)]
        if late:
            pod = late[0]
            cause = (
                f"{workload.key}: {counted(len(late), 'pod')} not ready for {_late(world, pod):.0f} s: {_state(pod)}"
            )
            yield Candidate(
                UNKNOWN,
                workload.key,
                cause,
                words(f"see kubectl describe pod {pod.name}"),
                _evidence(pod),
                confidence="unknown",
                blames=(*claims(workload, [pod]), f"Node/{pod.node}"),
            )
        missing = workload.wanted - len([pod for pod in workload.pods if not pod.deleted and pod.phase != "Failed"])
        if missing > 0 and _quiet(world, workload) > PATIENCE and not late and workload.kind != "DaemonSet":
            cause = f"{workload.key}: {counted(missing, 'pod')} of {workload.wanted} not created"
            events = [event.line for event in world.events(workload.item)[-3:]]
            yield Candidate(
                UNKNOWN, workload.key, cause, words("see its events: kubectl describe"), events, confidence="unknown"
            )


def _quiet(world: World, workload: Workload) -> float:
    """For how many seconds nothing has happened to a workload; 0 while its controller has not looked at it."""
    generation = workload.item["metadata"].get("generation", 0)
    if workload.kind != "Pod" and int(workload.status.get("observedGeneration") or 0) < int(generation or 0):
        return 0.0
    times = [moment(workload.item["metadata"].get("creationTimestamp"))]
    for condition in workload.status.get("conditions") or ():
        times += [moment(condition.get("lastUpdateTime")), moment(condition.get("lastTransitionTime"))]
    return min(world.since(each) for each in times if each is not None) if any(times) else 0.0


def _late(world: World, pod: Pod) -> float:
    """For how many seconds a pod has not been ready, beyond what it may take; 0 while it may."""
    changed = moment(pod.condition("Ready").get("lastTransitionTime")) or pod.created
    since = world.since(changed)
    allowed = PATIENCE
    for each in pod.containers:
        for kind in ("startupProbe", "readinessProbe"):
            probe = each.spec.get(kind) or {}
            if probe:
                start = int(probe.get("initialDelaySeconds", 0)) + int(probe.get("periodSeconds", 10)) * (
                    int(probe.get("failureThreshold", 3)) if kind == "startupProbe" else 2
                )
                allowed = max(allowed, PATIENCE + start)
    return since if since > allowed else 0.0


def _state(pod: Pod) -> str:
    for each in pod.containers:
        reason, message = each.waiting
        if reason and reason != "PodInitializing":
            return f"{each.label} waits: {reason} {one_line(message, 60)}".strip()
    for each in pod.containers:
        if each.is_running and not each.ready:
            return f"{each.label} runs and is not ready"
    return pod.phase or "nothing is known of it"


def _evidence(pod: Pod) -> list[str]:
    found = [event.line for event in list(pod.events)[-4:]]
    for each in pod.containers:
        found += [f"log of {each.label}: {line.text}" for line in each.current[-4:] if line.text.strip()]
    return found
