"""Probes that are rejected: on the wrong port, before the program listens, or because it listens on loopback only."""

import re
from typing import Final

from kubetasks.diagnose import listening, probing
from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back
from kubetasks.diagnose.probing import Failing, rule
from kubetasks.diagnose.rule import PROBE, START, Candidate
from kubetasks.diagnose.rules.probe_commands import starved
from kubetasks.diagnose.views import Container

# So long a program may take to be ready before that is anything to speak of.
SETTLES: Final = 45.0


PORT = rule(
    "PROBE_WRONG_PORT",
    "a probe asks a port on which nothing listens",
    "Unhealthy with `connection refused`",
    "The probe's port is not the one that the program listens on.",
    "set the probe's port to the program's",
    depth=PROBE + 5,
)


REFUSED = rule(
    "PROBE_REFUSED",
    "nothing listens on the port of a probe yet",
    "Unhealthy with `connection refused` on the declared port",
    "The program is still starting, hangs at its start, or listens elsewhere.",
    "see the container's log for what it is doing",
    grace=45.0,
)


LOOPBACK = rule(
    "LISTENS_ON_LOOPBACK",
    "the program listens on loopback only",
    "a log that says 127.0.0.1, and connections that are refused",
    "What listens on 127.0.0.1 cannot be reached from outside of the container.",
    "listen on 0.0.0.0",
    depth=START,
)


AGGRESSIVE = rule(
    "LIVENESS_TOO_AGGRESSIVE",
    "a liveness probe kills the program while it starts or is busy",
    "Killing by a liveness or startup probe that asks the right thing",
    "The probe allows less time than the program takes to start or to answer.",
    "give it a startupProbe, or raise failureThreshold and timeoutSeconds",
    grace=20.0,
    depth=PROBE + 4,
)


def refused(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str
) -> Candidate | None:
    """A probe whose connection is rejected."""
    port = probing.port(container, found[0].spec)
    heard = listening.said(container)
    loopback = [each for each in heard if each.on_loopback and each.port == port]
    if loopback:
        cause = f"{name} listens on {loopback[0].host}:{port} only; probes and Services need 0.0.0.0:{port}"
        return Candidate(
            LOOPBACK,
            workload.key,
            cause,
            _bind(world, workload, container) or words("have the program listen on 0.0.0.0"),
        )
    well = probing.well(container, found)
    right = probing.port(container, well) if well else 0
    others = listening.ports(world, container, but=port)
    right = right if right and right != port else (others[0] if others else 0)
    logged = [each.port for each in heard]
    if right and (port not in container.ports or (logged and port not in logged)):
        sure = (
            right in logged or bool(well) or any(each == right for each, _, _ in listening.answered(world, container))
        )
        label = probing.label(found)
        verb = "ask" if label.endswith("s") else "asks"
        cause = f"{name}: {label} {verb} port {port}, container listens on {right}"
        steps: list[Step] = []
        for each in found:
            handler = next(key for key in ("httpGet", "tcpSocket", "grpc") if key in each.spec)
            steps += probing.steps(workload, container, [each], f"{handler}/port", right)
        confidence: Confidence = "certain" if sure or container.ports == [right] else "likely"
        return Candidate(
            PORT, workload.key, cause, change(world, workload, f"probe port {right}", steps), confidence=confidence
        )
    if probing.killed(world, container) and any(each.kind != "readiness" for each in found):
        return _aggressive(world, workload, container, found, name)
    if probing.young(world, container, SETTLES):
        return None
    cause = f"{name}: {probing.label(found)}: nothing listens on port {port}"
    fix = back(world, workload) or words(f"have the program listen on port {port}, or set the probe to its port")
    return Candidate(REFUSED, workload.key, cause, fix, confidence="likely")


def _bind(world: World, workload: Workload, container: Container) -> Fix | None:
    """Replace the loopback address wherever the container is configured with it."""
    place = workload.where(container.name)
    if place is None:
        return None
    word = re.compile(r"(?<![\d.])127\.0\.0\.1(?![\d.])|\blocalhost\b")
    at = f"{place[0]}/{place[1]}"
    steps: list[Step] = [
        ("replace", f"{at}/{part}/{index}", word.sub("0.0.0.0", str(text)))  # noqa: S104
        for part in ("command", "args")
        for index, text in enumerate(container.spec.get(part) or ())
        if word.search(str(text))
    ]
    steps += [
        ("replace", f"{at}/env/{index}/value", word.sub("0.0.0.0", str(each["value"])))  # noqa: S104
        for index, each in enumerate(container.spec.get("env") or ())
        if word.fullmatch(str(each.get("value", ""))) and re.search(r"HOST|BIND|ADDR|LISTEN", str(each["name"]).upper())
    ]
    return change(world, workload, "listen on 0.0.0.0", steps) if len(steps) == 1 else None


def _aggressive(world: World, workload: Workload, container: Container, found: list[Failing], name: str) -> Candidate:
    """A liveness or startup probe that does not wait as long as the program takes."""
    probe = next(each for each in found if each.kind != "readiness")
    spec = probe.spec
    slow = starved(world, workload, container, f"{probe.kind} probe kills it before it listens")
    if slow is not None:
        return slow
    allowed = int(spec.get("initialDelaySeconds", 0)) + int(spec.get("periodSeconds", 10)) * int(
        spec.get("failureThreshold", 3)
    )
    cause = (
        f"{name}: {probe.kind} probe kills it {allowed} s after its start, before it listens on port "
        f"{probing.port(container, spec)}"
    )
    place = workload.where(container.name)
    if place is None:
        return Candidate(AGGRESSIVE, workload.key, cause, words(AGGRESSIVE.fix))
    at = f"{place[0]}/{place[1]}"
    if probe.kind == "startup":
        steps: list[Step] = [
            ("add", f"{at}/startupProbe/failureThreshold", 60),
            ("add", f"{at}/startupProbe/periodSeconds", 5),
        ]
    else:
        handler = {key: spec[key] for key in ("httpGet", "tcpSocket", "exec", "grpc") if key in spec}
        steps = [
            ("add", f"{at}/startupProbe", {**handler, "periodSeconds": 5, "failureThreshold": 60, "timeoutSeconds": 5})
        ]
        if int(spec.get("failureThreshold", 3)) < 3:
            steps.append(("add", f"{at}/livenessProbe/failureThreshold", 3))
    return Candidate(
        AGGRESSIVE,
        workload.key,
        cause,
        change(world, workload, "allow it 5 minutes to start", steps),
        confidence="likely",
    )
