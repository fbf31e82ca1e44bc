"""Probes that the program answers with an error: a path that does not exist, a login, its own error."""

import re

from kubetasks.diagnose import listening, probing
from kubetasks.diagnose.finding import Confidence
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back
from kubetasks.diagnose.probing import Failing, rule
from kubetasks.diagnose.rule import PROBE, Candidate
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import nearest, one_line

PATH = rule(
    "PROBE_WRONG_PATH",
    "a probe asks a path that does not exist",
    "Unhealthy with status 404",
    "The program has no such route.",
    "set the probe's path to one that the program has",
    depth=PROBE + 5,
)


UNAUTHORIZED = rule(
    "PROBE_UNAUTHORIZED",
    "a probe is rejected because it has no credentials",
    "Unhealthy with status 401 or 403",
    "The path requires credentials, which the kubelet does not have.",
    "probe a path that needs no login",
)


SERVER_ERROR = rule(
    "PROBE_SERVER_ERROR",
    "the program answers a probe with an error",
    "Unhealthy with status 500 to 599",
    "The program runs and says that it is not well: its body and its log say why.",
    "see what the program says: what it needs is missing or not ready",
    grace=45.0,
)


STATUS = rule(
    "PROBE_STATUS",
    "the program answers a probe with another status than 2xx or 3xx",
    "Unhealthy with any other status",
    "The request of the probe is not one that the program takes: the Host header, the method or the scheme.",
    "correct the probe's httpHeaders or path, or the program's list of hosts",
)


SCHEME = rule(
    "PROBE_WRONG_SCHEME",
    "a probe uses HTTP for a port that speaks HTTPS, or the reverse",
    "Unhealthy with a TLS or HTTP protocol error",
    "The probe's scheme is not the program's.",
    "set the probe's scheme",
    depth=PROBE + 5,
)


def answered(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str, status: int
) -> Candidate | None:
    """What a probe is answered with a status that is no success."""
    probe = found[0]
    http = probe.spec.get("httpGet") or {}
    path, port = str(http.get("path") or "/"), probing.port(container, probe.spec)
    body = next(
        (
            each.body
            for each in world.snapshot.answers
            if each.pod == container.pod.name and each.port == port and each.path == path and each.status == status
        ),
        "",
    )
    said = f": {one_line(body, 120)}" if body else ""
    label = probing.label(found)
    if status == 404:
        right = _path(world, container, found, port, path)
        cause = f"{name}: {label} asks {path}, which does not exist (404)" + (f"; {right} does" if right else "")
        if right:
            return Candidate(
                PATH,
                workload.key,
                cause,
                change(
                    world, workload, f"probe {right}", probing.steps(workload, container, found, "httpGet/path", right)
                ),
            )
        return Candidate(
            PATH,
            workload.key,
            cause,
            back(world, workload) or words(f"set the path of the {label} to one that the program has"),
        )
    if status in {401, 403}:
        right = _path(world, container, found, port, path)
        cause = f"{name}: {label} asks {path}, which requires a login ({status})" + (
            f"; {right} does not" if right else ""
        )
        fix = (
            change(world, workload, f"probe {right}", probing.steps(workload, container, found, "httpGet/path", right))
            if right
            else words(UNAUTHORIZED.fix)
        )
        return Candidate(UNAUTHORIZED, workload.key, cause, fix)
    if status == 400 and re.search(r"HTTP request to an HTTPS", body):
        steps: list[Step] = [
            ("add", p, v) for _, p, v in probing.steps(workload, container, found, "httpGet/scheme", "HTTPS")
        ]
        return Candidate(
            SCHEME,
            workload.key,
            f"{name}: {label}: port {port} speaks HTTPS, the probe asks HTTP",
            change(world, workload, "ask with HTTPS", steps),
        )
    if probing.young(world, container) and not probing.killed(world, container):
        return None
    broken = SERVER_ERROR if status >= 500 else STATUS
    cause = f"{name}: {label} {path} answers {status}{said}"
    well = probing.well(container, found)
    if (
        well
        and any(each.kind == "liveness" for each in found)
        and "httpGet" in well
        and well["httpGet"].get("path") != path
    ):
        right = str(well["httpGet"].get("path") or "/")
        cause = f"{name}: {label} {path} answers {status}; {right}, which the other probe asks, is well"
        return Candidate(
            broken,
            workload.key,
            cause,
            change(world, workload, f"probe {right}", probing.steps(workload, container, found, "httpGet/path", right)),
        )
    fix = back(world, workload) or words(f"see why {path} answers {status}{said or ': the log of the container says'}")
    confidence: Confidence = "likely" if body else "unknown"
    return Candidate(broken, workload.key, cause, fix, confidence=confidence)


def _path(world: World, container: Container, found: list[Failing], port: int, path: str) -> str:
    """A path that answers well: another probe's, one that was asked, one that the log shows."""
    well = probing.well(container, found)
    if (
        well
        and "httpGet" in well
        and probing.port(container, well) == port
        and well["httpGet"].get("path", "/") != path
    ):
        return str(well["httpGet"].get("path") or "/")
    good = [p for number, p, status in listening.answered(world, container) if number == port and 200 <= status < 400]
    for line in [*container.head, *container.current]:
        served = re.search(r"\"?GET (?P<path>/\S*) HTTP/[\d.]+\"? (?:2\d\d|3\d\d)\b", line.text)
        if served:
            good.append(served["path"].partition("?")[0])
    good = [each for each in dict.fromkeys(good) if each != path]
    near = nearest(path, good)
    return near.name if near else (good[0] if good else "")
