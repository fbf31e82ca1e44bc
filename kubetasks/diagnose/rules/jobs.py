"""Jobs and CronJobs."""

import re
from collections.abc import Iterator

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import again, change, compact, freed, replace, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import CRASH, EXIT, LOG, SYMPTOM, Candidate, check, define
from kubetasks.diagnose.views import moment
from kubetasks.objects import Object

FAILED = define(
    "JOB_FAILED",
    "jobs",
    "a Job has failed",
    signal="the condition Failed of a Job",
    why="Its pods failed more often than backoffLimit allows; the last one's log says why.",
    fix="correct what the pods' logs name, then make the Job again",
    depth=SYMPTOM,
)
DEADLINE = define(
    "JOB_TIMEOUT",
    "jobs",
    "a Job took longer than it may",
    signal="the condition Failed with DeadlineExceeded",
    why="activeDeadlineSeconds is over: the work takes longer, or waits for something.",
    fix="raise activeDeadlineSeconds, or see what it waits for",
    depth=EXIT,
)
SIDECAR = define(
    "JOB_SIDECAR",
    "jobs",
    "a sidecar keeps a Job from ending",
    signal="the main container has ended, another one of the pod runs on",
    why="A Job's pod ends when all its containers have.",
    fix="make the sidecar an init container with restartPolicy: Always, which ends with the others",
    depth=LOG,
)
MISSED = define(
    "CRONJOB_MISSED",
    "jobs",
    "a CronJob does not run any more",
    signal="the event TooManyMissedTimes, or FailedNeedsStart",
    why="More than 100 runs were missed: the controller was down or the CronJob suspended for long, and it gives up.",
    fix="set startingDeadlineSeconds, so that only the last minutes count",
    depth=EXIT,
)
STUCK = define(
    "CRONJOB_STUCK",
    "jobs",
    "a run of a CronJob does not end and blocks the others",
    signal="JobAlreadyActive with concurrencyPolicy: Forbid",
    why="The run before hangs, so that no other one starts.",
    fix="see why it hangs; set activeDeadlineSeconds in jobTemplate",
    depth=CRASH,
    grace=120.0,
)
SCHEDULE = define(
    "CRONJOB_SCHEDULE",
    "jobs",
    "the schedule of a CronJob cannot be read",
    signal="the event UnParseableCronJobSchedule or UnknownTimeZone",
    why="The schedule or the time zone is not valid.",
    fix="correct spec.schedule or spec.timeZone",
    depth=EXIT,
)


def _last(world: World, workload: Workload) -> Object | None:
    """The Job itself, or a CronJob's newest one."""
    return workload.item if workload.kind == "Job" else world.newest(workload.item)


@check
def failed(world: World) -> Iterator[Candidate]:
    """Jobs that have given up. An older run of a CronJob that failed is history."""
    for workload in world.workloads.values():
        job = _last(world, workload) if workload.kind in {"Job", "CronJob"} else None
        if job is None:
            continue
        for condition in (job.get("status") or {}).get("conditions") or ():
            if condition.get("type") not in {"Failed", "FailureTarget"} or condition.get("status") != "True":
                continue
            reason, message = str(condition.get("reason") or ""), str(condition.get("message") or "")
            name = job["metadata"]["name"]
            if reason == "DeadlineExceeded":
                yield _deadline(world, workload, job)
            else:
                cause = (
                    f"{workload.key}: Job {name} has failed: {message or reason}"
                    if workload.kind == "CronJob"
                    else f"{workload.key} has failed: {message or reason}"
                )
                fix = again(world, workload, "make it again")
                if workload.kind == "Job":
                    fix = Fix(
                        kind=fix.kind,
                        text=fix.text,
                        what="make it again, once its cause is corrected",
                        note="its pods' logs were removed or say nothing",
                    )
                yield Candidate(
                    FAILED, workload.key, cause, fix, [f"condition Failed: {reason}: {message}"], confidence="unknown"
                )
            break


def _deadline(world: World, workload: Workload, job: Object) -> Candidate:
    seconds = int((job.get("spec") or {}).get("activeDeadlineSeconds") or 0)
    cause = f"{workload.key}: it was ended after {seconds} s (activeDeadlineSeconds)"
    value = max(seconds * 10, 600)
    if workload.kind == "CronJob":
        patch = compact({"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": value}}}})
        fix = run(world, f"allow {value} s", "patch", "cronjob", workload.name, "-p", patch)
    else:
        steps = [{"op": "replace", "path": "/spec/activeDeadlineSeconds", "value": value}, *freed(job)]
        fix = replace(world, workload, f"allow {value} s", steps)
    return Candidate(DEADLINE, workload.key, cause, fix, [f"condition Failed: DeadlineExceeded after {seconds} s"])


@check
def sidecars(world: World) -> Iterator[Candidate]:
    """Jobs whose work is done while a sidecar continues."""
    for workload in world.workloads.values():
        if workload.kind not in {"Job", "CronJob"}:
            continue
        for pod in workload.current:
            mains = [each for each in pod.containers if each.kind == "main"]
            done = [each for each in mains if each.ended_now and each.ended_now.code == 0]
            running = [each for each in mains if each.is_running]
            if len(mains) < 2 or not done or not running or pod.deleted:
                continue
            ended = max(
                (each.ended_now.finished for each in done if each.ended_now and each.ended_now.finished), default=None
            )
            if world.since(ended) < 20.0:
                continue
            side = running[0]
            cause = (
                f"{workload.key}: container {done[0].name} is done, container {side.name} runs on: the Job does not end"
            )
            yield Candidate(SIDECAR, workload.key, cause, _native(world, workload, side.name), at=side.name)


def _native(world: World, workload: Workload, name: str) -> Fix:
    """Make a container a native sidecar: an init container that is always restarted, and that ends with the others."""
    place = workload.where(name)
    if place is None or place[0] != "containers":
        return words(SIDECAR.fix)
    container = {**workload.spec["containers"][place[1]], "restartPolicy": "Always"}
    has = bool(workload.spec.get("initContainers"))
    add = ("add", "initContainers/-", container) if has else ("add", "initContainers", [container])
    return change(
        world,
        workload,
        f"make {name} a sidecar that ends with the Job",
        [("remove", f"containers/{place[1]}", ""), add],
    )


@check
def crons(world: World) -> Iterator[Candidate]:
    """CronJobs that do not start their Jobs."""
    for workload in world.workloads.values():
        if workload.kind != "CronJob":
            continue
        spec = workload.item.get("spec") or {}
        events = world.events(workload.item)
        for event in reversed(events):
            if world.since(event.last) > 3600:
                break
            if event.reason in {"TooManyMissedTimes", "FailedNeedsStart"}:
                patch = compact({"spec": {"startingDeadlineSeconds": 200}})
                fix = run(world, "count only the last minutes", "patch", "cronjob", workload.name, "-p", patch)
                yield Candidate(MISSED, workload.key, f"{workload.key}: {event.message}", fix, [event.line])
                break
            if event.reason in {"UnParseableCronJobSchedule", "UnparseableSchedule", "UnknownTimeZone"}:
                cause = f"{workload.key}: schedule {spec.get('schedule')} {spec.get('timeZone') or ''} cannot be read"
                yield Candidate(SCHEDULE, workload.key, re.sub(r" +", " ", cause), words(SCHEDULE.fix), [event.line])
                break
            if event.reason == "JobAlreadyActive":
                active = world.newest(workload.item)
                started = moment(((active or {}).get("status") or {}).get("startTime"))
                if active is not None and world.since(started) > 120:
                    name = active["metadata"]["name"]
                    cause = (
                        f"{workload.key}: run {name} has not ended for {world.since(started) / 60:.0f} min, "
                        "and no other starts (Forbid)"
                    )
                    fix = run(
                        world,
                        "end the run that hangs",
                        "delete",
                        "job",
                        name,
                        note="set activeDeadlineSeconds in jobTemplate, so that it ends by itself",
                    )
                    yield Candidate(STUCK, workload.key, cause, fix, [event.line])
                break
