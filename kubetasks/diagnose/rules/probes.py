"""Probes that fail: on the wrong port or path, for lack of time, or because the program is unhealthy."""

import re
from collections.abc import Iterator
from typing import Any

from kubetasks.diagnose import probing
from kubetasks.diagnose.finding import Severity
from kubetasks.diagnose.fixes import change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.probing import PROBES, Failing, rule
from kubetasks.diagnose.rule import START, Candidate, check
from kubetasks.diagnose.rules.probe_answers import SCHEME, answered
from kubetasks.diagnose.rules.probe_commands import command_fails, missing, timeout
from kubetasks.diagnose.rules.probe_ports import REFUSED, refused
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import listed, nearest

PORT_NAME = rule(
    "PROBE_PORT_NAME",
    "a probe names a port that the container does not have",
    "a probe whose port is a name that no port has",
    "The name is misspelt, or the port has no name.",
    "correct the name, or use the number",
    depth=START,
)


GATE = rule(
    "READINESS_GATE",
    "a readiness gate is not set",
    "the condition of a readinessGate is missing or False",
    "The controller that should set it does not exist.",
    "install the controller, or remove the gate",
    grace=60.0,
)


@check
def probes(world: World) -> Iterator[Candidate]:
    """The probes that fail, one candidate for each thing that is wrong with a container's."""
    for workload, container in world.containers():
        if container.kind == "init":
            continue
        failing = probing.failing(world, container)
        nameless = {each.kind for each in failing if probing.NO_SUCH_PORT.search(each.said)}
        yield from _names(world, workload, container, nameless)
        groups: dict[tuple[str, str], list[Failing]] = {}
        for each in failing:
            if each.kind in nameless:
                continue
            groups.setdefault(_kind(each), []).append(each)
        dead = probing.killed(world, container) and any(
            each.kind != "readiness" for found in groups.values() for each in found
        )
        for (kind, detail), found in groups.items():
            if kind in {"refused", "reset"} and dead and all(each.kind == "readiness" for each in found):
                continue  # it is being restarted for another probe
            made = _candidate(world, workload, container, kind, detail, found)
            if made is not None:
                made.at = container.name
                made.because += [f"{each.event.line}" for each in found]
                if kind == "missing" and container.ready and not probing.killed(world, container):
                    made.severity = "warning"  # it serves; the probe is of no use
                yield made


def _kind(probe: Failing) -> tuple[str, str]:
    """What went wrong, as a word and a detail."""
    said = probe.said
    status = re.search(r"statuscode: (\d+)", said)
    if status:
        return "status", status[1]
    table = (
        ("missing", r"executable file not found|no such file or directory: unknown|exec failed"),
        ("scheme-http", r"server gave HTTP response to HTTPS client|first record does not look like a TLS"),
        ("scheme-https", r"malformed HTTP (?:response|status)|transport connection broken|tls: "),
        ("grpc", r"NOT_SERVING|grpc|failed to connect service"),
        ("refused", r"connection refused|no route to host"),
        ("timeout", r"context deadline exceeded|Client\.Timeout|i/o timeout|timed out|timeout"),
        ("reset", r"\bEOF\b|connection reset"),
    )
    for kind, pattern in table:
        if re.search(pattern, said, re.IGNORECASE):
            return ("timeout-exec" if kind == "timeout" and "exec" in probe.spec else kind), ""
    return ("exec", "") if "exec" in probe.spec else ("other", "")


def _candidate(
    world: World, workload: Workload, container: Container, kind: str, detail: str, found: list[Failing]
) -> Candidate | None:
    name = who(workload, container)
    if kind in {"refused", "reset", "timeout"} and container.ended is not None and not probing.killed(world, container):
        return None  # it ended by itself: there was nothing to ask
    harmless = container.ready or all(each.kind == "liveness" for each in found)
    if kind in {"timeout", "timeout-exec", "reset"} and harmless and not probing.killed(world, container):
        return None  # one slow answer does no harm
    if kind == "refused":
        return refused(world, workload, container, found, name)
    if kind == "status":
        return answered(world, workload, container, found, name, int(detail))
    if kind in {"timeout", "timeout-exec", "reset"}:
        return timeout(world, workload, container, found, name)
    if kind.startswith("scheme"):
        scheme = kind.rpartition("-")[2].upper()
        cause = (
            f"{name}: {probing.label(found)}: port {probing.port(container, found[0].spec)} speaks {scheme}, "
            f"the probe asks with {'HTTPS' if scheme == 'HTTP' else 'HTTP'}"
        )
        steps = probing.steps(
            workload, container, [each for each in found if "httpGet" in each.spec], "httpGet/scheme", scheme
        )
        steps = [("add", path, value) for _, path, value in steps]
        return Candidate(
            SCHEME,
            workload.key,
            cause,
            change(world, workload, f"ask with {scheme}", steps) if steps else words(SCHEME.fix),
        )
    if kind == "missing":
        return missing(world, workload, container, found, name)
    if kind == "exec":
        return command_fails(world, workload, container, found, name)
    if probing.young(world, container):
        return None
    cause = f"{name}: {probing.label(found)} fails: {found[0].said}"
    return Candidate(
        REFUSED,
        workload.key,
        cause,
        back(world, workload) or words("see what the probe asks and what the program offers"),
        confidence="unknown",
    )


def _names(world: World, workload: Workload, container: Container, nameless: set[str]) -> Iterator[Candidate]:
    """Probes that name a port that the container does not have.

    The kubelet never sends such a probe. With such a liveness probe a container serves, and is never restarted.
    """
    serves = container.ready and not probing.killed(world, container)
    known = {
        str(each["name"]): int(each["containerPort"]) for each in container.spec.get("ports") or () if each.get("name")
    }
    for kind in PROBES:
        spec = container.spec.get(f"{kind}Probe") or {}
        if serves and kind not in nameless:
            continue
        for handler in ("httpGet", "tcpSocket"):
            port = (spec.get(handler) or {}).get("port")
            if not isinstance(port, str) or port in known or port.isdigit():
                continue
            near = nearest(port, known)
            right: Any = (
                near.name
                or (next(iter(known), None) if len(known) == 1 else None)
                or (container.ports[0] if len(container.ports) == 1 else None)
            )
            cause = f"{who(workload, container)}: {kind} probe names port {port}, which the container does not have"
            cause += f"; it has {listed([*known] or map(str, container.ports))}" if container.ports else ""
            place = workload.where(container.name)
            fix = (
                change(
                    world,
                    workload,
                    f"use port {right}",
                    [("replace", f"{place[0]}/{place[1]}/{kind}Probe/{handler}/port", right)],
                )
                if right and place
                else words("name one of the container's ports, or use the number")
            )
            severity: Severity | None = "warning" if serves else None
            yield Candidate(PORT_NAME, workload.key, cause, fix, at=container.name, severity=severity)


@check
def gates(world: World) -> Iterator[Candidate]:
    """Readiness gates that nothing sets."""
    for workload in world.workloads.values():
        for pod in workload.current:
            ready = all(each.ready for each in pod.containers if each.kind == "main")
            for gate in pod.spec.get("readinessGates") or ():
                kind = str(gate.get("conditionType"))
                if ready and not pod.ready and pod.condition(kind).get("status") != "True":
                    cause = (
                        f"{workload.key}: readiness gate {kind} is not set: "
                        "its controller is missing or has not come to it"
                    )
                    yield Candidate(
                        GATE, workload.key, cause, words(f"install the controller that sets {kind}, or remove the gate")
                    )
