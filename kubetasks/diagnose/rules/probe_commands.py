"""Probes that get no answer in time, and commands of probes that fail."""

import re
from typing import Final

from kubetasks.diagnose import probing
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.probing import Failing, rule
from kubetasks.diagnose.quantity import amount
from kubetasks.diagnose.rule import PROBE, Candidate
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import one_line

TINY_CPU: Final = 0.1


ALWAYS_FAILS: Final = re.compile(r"^\s*(?:exit\s+[1-9]\d*|false|/bin/false)\s*$")


TIMEOUT = rule(
    "PROBE_TIMEOUT",
    "a probe gets no answer in time",
    "Unhealthy with a time-out",
    "The program takes longer than timeoutSeconds: it is slow, has too little CPU, or hangs.",
    "raise timeoutSeconds, or give the container more CPU",
    grace=45.0,
)


EXEC = rule(
    "PROBE_COMMAND_FAILS",
    "the command of a probe fails",
    "Unhealthy with the output of a command",
    "The command exits with another code than 0.",
    "correct the command, or what it looks at",
    grace=45.0,
)


EXEC_MISSING = rule(
    "PROBE_COMMAND_MISSING",
    "the command of a probe is not in the image",
    "Unhealthy with `executable file not found`",
    "The image does not have the program that the probe starts.",
    "use an httpGet or tcpSocket probe, or a program that the image has",
    depth=PROBE + 5,
)


def timeout(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str
) -> Candidate | None:
    """A probe that gets no answer in time."""
    if probing.young(world, container) and not probing.killed(world, container):
        return None
    seconds = int(found[0].spec.get("timeoutSeconds", 1))
    slow = starved(world, workload, container, f"{probing.label(found)} gets no answer in {seconds} s")
    if slow is not None:
        return slow
    cause = f"{name}: {probing.label(found)} gets no answer in {seconds} s (timeoutSeconds)"
    value = max(seconds * 3, 10)
    steps = [("add", path, v) for _, path, v in probing.steps(workload, container, found, "timeoutSeconds", value)]
    for each in found:
        for field, least in (("periodSeconds", value), ("failureThreshold", 3)):
            if int(each.spec.get(field, 10 if field == "periodSeconds" else 3)) < least:
                steps += [("add", path, v) for _, path, v in probing.steps(workload, container, [each], field, least)]
    fix = change(world, workload, f"allow {value} s", steps)
    return Candidate(TIMEOUT, workload.key, cause, fix, confidence="likely")


def starved(world: World, workload: Workload, container: Container, what: str) -> Candidate | None:
    """A CPU limit so low that the program is slow for that reason."""
    cpu, place = container.limit("cpu"), workload.where(container.name)
    if not cpu or amount(cpu) > TINY_CPU or place is None:
        return None
    cause = f"{who(workload, container)}: {what}: CPU limit {cpu} is too low"
    step: Step = ("replace", f"{place[0]}/{place[1]}/resources/limits/cpu", "500m")
    return Candidate(
        TIMEOUT, workload.key, cause, change(world, workload, "raise the CPU limit", [step]), confidence="likely"
    )


def missing(world: World, workload: Workload, container: Container, found: list[Failing], name: str) -> Candidate:
    """A probe whose command is not in the image."""
    program = re.search(r"exec: \\?\"([^\"\\]+)", found[0].said)
    what = program[1] if program else "its command"
    cause = f"{name}: {probing.label(found)}: {what} is not in the image {container.image}"
    return Candidate(
        EXEC_MISSING,
        workload.key,
        cause,
        _instead(world, workload, container, found) or back(world, workload) or words(EXEC_MISSING.fix),
    )


def _instead(world: World, workload: Workload, container: Container, found: list[Failing]) -> Fix | None:
    """Ask what another probe of the container asks with success; else whether its port is open."""
    place = workload.where(container.name)
    well = probing.well(container, found)
    if well is None and len(container.ports) == 1:
        well = {"tcpSocket": {"port": container.ports[0]}}
    if place is None or not well:
        return None
    keep = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
    steps: list[Step] = [
        (
            "replace",
            f"{place[0]}/{place[1]}/{each.field}",
            {**well, **{key: each.spec[key] for key in keep if key in each.spec}},
        )
        for each in found
    ]
    handler = next(iter(well))
    return change(world, workload, f"probe with {handler}", steps)


def command_fails(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str
) -> Candidate | None:
    """A probe whose command ends with an error."""
    command = [str(word) for word in (found[0].spec.get("exec") or {}).get("command") or ()]
    shown = one_line(" ".join(command), 60)
    always = bool(command) and (
        ALWAYS_FAILS.match(command[-1]) is not None or command[0].endswith("/false") or command == ["false"]
    )
    if not always and probing.young(world, container) and not probing.killed(world, container):
        return None
    said = one_line(found[0].said, 80)
    cause = f"{name}: {probing.label(found)} fails: {shown}" + (f": {said}" if said else "")
    if always:
        cause = f"{name}: {probing.label(found)} runs `{shown}`, which always fails"
        place = workload.where(container.name)
        fix = _instead(world, workload, container, found)
        if fix is None and place:
            fix = change(
                world,
                workload,
                "remove the probe",
                [("remove", f"{place[0]}/{place[1]}/{each.field}", "") for each in found],
            )
        return Candidate(EXEC, workload.key, cause, fix or words(EXEC.fix), grace=0.0)
    fix = _instead(world, workload, container, found) if probing.well(container, found) else None
    return Candidate(
        EXEC,
        workload.key,
        cause,
        fix or back(world, workload) or words(f"correct the probe's command ({shown}) or what it looks at"),
        confidence="likely",
    )
