"""Containers that ended: by their last words, by their exit code, by who killed them."""

import itertools
import re
from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import change, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.hosts import hosts_in
from kubetasks.diagnose.logs import Match, back, candidate, search, who
from kubetasks.diagnose.quantity import amount, doubled, shown
from kubetasks.diagnose.rule import CRASH, EXIT, FOR_EVER, LOG, START, Candidate, check, define
from kubetasks.diagnose.rules.start import ENDED
from kubetasks.diagnose.tables.general import telling
from kubetasks.diagnose.views import Container, Ended, Line
from kubetasks.diagnose.words import one_line, times

# A container that was restarted so long ago, and has run since, is well again.
WELL_AFTER: Final = 600.0
KILLED: Final = 137
# What a shell and the runtime say with their exit code alone.
CODES: Final = {
    124: "the time limit of `timeout` is over",
    126: "its command may not be executed",
    127: "its command is not found",
    132: "an instruction that the processor lacks",
    134: "it aborted (SIGABRT)",
    135: "a bus error (SIGBUS)",
    136: "an arithmetic error (SIGFPE)",
    139: "a segmentation fault",
    143: "SIGTERM: it was asked to end",
    159: "a system call that its seccomp profile forbids (SIGSYS)",
}

# What the kernel did not let the program print itself.
SIGNALS: Final = {132: "Illegal instruction", 139: "Segmentation fault"}

OOM = define(
    "OUT_OF_MEMORY",
    "exit",
    "the memory limit is too low",
    signal="OOMKilled, or exit code 137 with a memory limit and no failing liveness probe",
    why="The container used more memory than its limit, so the kernel killed it.",
    fix="raise resources.limits.memory of the container, or have the program use less",
    depth=LOG + 3,
)
OUTSIDE = define(
    "KILLED_FROM_OUTSIDE",
    "exit",
    "the process was killed from outside",
    signal="exit code 137 without a memory limit, a liveness event or OOMKilled",
    why="Something sent SIGKILL: the node ran out of memory, or a person or a program did it.",
    fix="see the node's memory and its kernel log (dmesg)",
    depth=EXIT,
    grace=20.0,
)
DONE = define(
    "EXITS_AT_ONCE",
    "exit",
    "the program ends although it is to run on",
    signal="exit code 0 again and again in a workload whose pods are always restarted",
    why=(
        "The command does its work and ends: a shell without a terminal, a server that goes to the "
        "background, a task that is a Job."
    ),
    fix="give the container a command that keeps running, or make it a Job",
    depth=EXIT,
    grace=15.0,
)
SILENT = define(
    "CRASH_SILENT",
    "exit",
    "the program ends without a word",
    signal="an exit code other than 0 and an empty log",
    why="The program prints nothing, or it writes its log to a file.",
    fix="run its command by hand, and have it log to standard output",
    depth=CRASH,
    grace=15.0,
)
CRASH_LOOP = define(
    "CRASH_LOOP",
    "exit",
    "the program ends again and again",
    signal="CrashLoopBackOff, and a log that no class recognises",
    why="The log's last lines are the best evidence.",
    fix="see the log's last lines: inv logs",
    depth=CRASH,
    grace=15.0,
)
FAILED = define(
    "CONTAINER_FAILED",
    "exit",
    "the program ended with an error",
    signal="an exit code other than 0, once",
    why="The log's last lines are the best evidence.",
    fix="see the log's last lines: inv logs",
    depth=CRASH,
    grace=FOR_EVER,
)


def troubled(world: World, container: Container) -> Ended | None:
    """How a container ended that is unhealthy since; None if there is nothing to explain."""
    ended = container.ended
    if ended is None or container.waiting[0] in {"ImagePullBackOff", "ErrImagePull"}:
        return None
    if container.kind == "init" and container.ready:
        return None
    now = container.ended_now
    if (
        now is not None
        and now.code == 0
        and (container.pod.spec.get("restartPolicy", "Always") != "Always" or container.kind == "init")
    ):
        return None
    if container.pod.phase == "Succeeded" or container.pod.status.get("reason") in {"Evicted", "Preempting"}:
        return None
    running = container.running_since
    if running is not None and container.ready:
        # Ready again. It counts while it keeps happening: more than once, and not long ago.
        if container.restarts < 2 or world.since(running) > WELL_AFTER:
            return None
        return ended if world.since(running) < max(120.0, 2 * (ended.lasted or 0.0)) else None
    return ended


@check
def exits(world: World) -> Iterator[Candidate]:
    """Containers that ended, and why."""
    for workload, container in world.containers():
        ended = troubled(world, container)
        if ended is None or ended.reason in ENDED:
            continue
        if workload.kind == "CronJob" and container.pod.phase == "Succeeded":
            continue
        yield from _of(world, workload, container, ended)


def _of(world: World, workload: Workload, container: Container, ended: Ended) -> Iterator[Candidate]:
    name = who(workload, container)
    because = [_state(container, ended)]
    if ended.reason == "OOMKilled" or (_was_oom(container) and ended.code == KILLED):
        yield _oom(world, workload, container, because)
        return
    if ended.code in {KILLED, 143} and _liveness(container, ended):
        return  # rules/probes.py: the liveness or startup probe had it killed
    lines = container.last_words or _silent_curl(container, ended)
    made = None
    for each, found, index in search(lines):
        made = candidate(Match(world, workload, container, found, lines, index), each)
        if made is not None:
            break
    if made is None and ended.code in SIGNALS:
        [(each, found, index)] = itertools.islice(search([Line(SIGNALS[ended.code])]), 1)
        made = candidate(Match(world, workload, container, found, [Line(SIGNALS[ended.code])], index), each)
    if made is not None:
        made.because = [*made.because, *because]
        if ended.code == 0 and made.depth < START:
            made.confidence = "likely"
        yield made
        return
    if ended.code == KILLED:
        yield _killed(world, workload, container, because)
        return
    if ended.code == 0:
        yield _done(world, workload, container, ended, because)
        return
    yield _unknown(world, workload, container, ended, name, because)


def _silent_curl(container: Container, ended: Ended) -> list[Line]:
    """What curl would have said without --silent: its exit code says the same."""
    command = " ".join(container.command)
    if not re.search(r"(?:^|[\s/])curl\s", command + " "):
        return []
    host = next((each.shown for each in hosts_in(command)), "")
    said = {
        6: f"curl: (6) Could not resolve host: {host}",
        7: f"curl: (7) Failed to connect to {host}: Connection refused",
        28: f"curl: (28) Connection to {host} timed out",
        35: "curl: (35) handshake failure",
        60: "curl: (60) SSL certificate problem",
    }.get(ended.code)
    return [Line(said)] if said else []


def _state(container: Container, ended: Ended) -> str:
    lasted = f" after {ended.lasted:.0f} s" if ended.lasted is not None else ""
    often = f", restarted {times(container.restarts)}" if container.restarts else ""
    reason = f" ({ended.reason})" if ended.reason and ended.reason not in {"Error", "Completed"} else ""
    return f"{container.label} ended with exit code {ended.code}{reason}{lasted}{often}"


def _was_oom(container: Container) -> bool:
    return any(
        each is not None and each.reason == "OOMKilled" for each in (container.ended_now, container.ended_before)
    )


def _liveness(container: Container, ended: Ended) -> bool:
    """Whether a probe had the container killed: the kubelet says so shortly before it ends."""
    for event in container.pod.events_with("Killing"):
        if event.container not in {container.name, ""} or not re.search(
            r"failed (?:liveness|startup) probe", event.message
        ):
            continue
        if ended.finished is None or event.last is None or event.first is None:
            return True
        # Events of the same kind are one, with its first and its last time.
        since, until = (ended.finished - event.first).total_seconds(), (ended.finished - event.last).total_seconds()
        if since >= -5 and until <= 65:
            return True
    return False


def _oom(
    world: World, workload: Workload, container: Container, because: list[str], *, likely: bool = False
) -> Candidate:
    limit = container.limit("memory")
    often = max(container.restarts, 1)
    label = who(workload, container)
    if limit:
        cause = f"{label}: memory limit {limit} is too low: " + (
            "killed with exit code 137, probably out of memory" if likely else f"OOMKilled {times(often)}"
        )
    else:
        cause = f"{label}: killed for lack of memory {times(often)}; it has no limit of its own, so the node ran out"
    return Candidate(
        OOM,
        workload.key,
        cause,
        raise_memory(world, workload, container),
        because,
        at=container.name,
        confidence="likely" if likely else "certain",
    )


def raise_memory(world: World, workload: Workload, container: Container) -> Fix:
    """The next usual memory limit. What an earlier revision had, or what the log says that it wants, counts."""
    limit = container.limit("memory")
    if not limit:
        return words("give the node more memory, or the pods that use most of it a limit")
    value = doubled(limit)
    for item in world.earlier(workload) if workload.kind == "Deployment" else []:
        spec = ((item.get("spec") or {}).get("template") or {}).get("spec") or {}
        for each in spec.get("containers") or ():
            old = ((each.get("resources") or {}).get("limits") or {}).get("memory")
            if each.get("name") == container.name and old and amount(old) > amount(limit):
                value = str(old)
                break
    wanted = [
        amount(found)
        for line in container.last_words
        for found in re.findall(r"\b(\d{1,5}(?:Mi|Gi|M|G))i?B?\b", line.text)
    ]
    larger = [each for each in wanted if amount(limit) <= each <= 16 * max(amount(limit), 2**28)]
    if larger and max(larger) * 1.25 > amount(value):
        value = doubled(shown(max(larger) * 0.75, "memory"))
    what = f"raise the limit from {limit} to {value}"
    place = workload.where(container.name)
    if place is None:
        return words(what)
    part, index = place
    if workload.kind in {"Pod", "Job"} or part == "initContainers":
        return change(world, workload, what, [("replace", f"{part}/{index}/resources/limits/memory", value)])
    if workload.kind in {"Deployment", "DaemonSet"}:
        return run(
            world,
            what,
            "set",
            "resources",
            f"{workload.kind.lower()}/{workload.name}",
            "-c",
            container.name,
            f"--limits=memory={value}",
        )
    return change(world, workload, what, [("replace", f"{part}/{index}/resources/limits/memory", value)])


def _killed(world: World, workload: Workload, container: Container, because: list[str]) -> Candidate:
    """Exit code 137 of which no one says why: with a limit probably out of memory, else from outside."""
    if container.limit("memory"):
        return _oom(world, workload, container, because, likely=True)
    cause = f"{who(workload, container)}: killed from outside (SIGKILL, exit code 137): no probe, no memory limit"
    return Candidate(OUTSIDE, workload.key, cause, words(OUTSIDE.fix), because, at=container.name, confidence="likely")


def _done(world: World, workload: Workload, container: Container, ended: Ended, because: list[str]) -> Candidate:
    command = one_line(" ".join(container.command), 50)
    what = f"its command ({command}) ends" if command else f"image {container.image} exits: it has no command"
    cause = f"{who(workload, container)}: {what} with exit code 0, but it is to run on"
    fix: Fix | None = back(world, workload)
    if fix is None and workload.kind == "Pod":
        fix = change(
            world, workload, "let it end: restartPolicy OnFailure", [("replace", "restartPolicy", "OnFailure")]
        )
    fix = fix or words("give the container a command that keeps running (in the foreground), or make it a Job")
    return Candidate(DONE, workload.key, cause, fix, because, at=container.name, grace=_grace(container))


def _grace(container: Container) -> float:
    """A first exit that nothing explains may be a race at the start; the same again is not."""
    again = container.restarts and (container.ended_now is not None or container.waiting[0] == "CrashLoopBackOff")
    return 0.0 if again else 15.0


def _unknown(
    world: World, workload: Workload, container: Container, ended: Ended, name: str, because: list[str]
) -> Candidate:
    """No class fits: the code, the command and the most telling line."""
    lines = [line.text for line in container.last_words]
    said = one_line(telling(lines), 200)
    command = one_line(" ".join(container.command), 60)
    meaning = f" ({CODES[ended.code]})" if ended.code in CODES else ""
    fix = back(world, workload)
    again, grace = container.restarts > 0 or workload.kind == "Job", _grace(container)
    if said:
        rule = CRASH_LOOP if again else FAILED
        cause = f"{name} ends with exit code {ended.code}{meaning}: {said}"
        fix = fix or words("its last log lines are the evidence; correct what they name")
        evidence = [f"log of {container.label}: {one_line(line, 200)}" for line in lines[-5:] if line.strip()]
        return Candidate(
            rule, workload.key, cause, fix, [*because, *evidence], at=container.name, confidence="unknown", grace=grace
        )
    hint = f"; its command is {command}" if command else f"; it runs what image {container.image} starts"
    cause = f"{name} ends with exit code {ended.code}{meaning} and prints nothing{hint}"
    fix = fix or words("run its command by hand and have it print why it ends")
    confidence: Confidence = "likely" if ended.code in CODES else "unknown"
    return Candidate(SILENT, workload.key, cause, fix, because, at=container.name, confidence=confidence, grace=grace)
