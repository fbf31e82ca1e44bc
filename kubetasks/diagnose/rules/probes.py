"""Probes that fail: on the wrong port or path, for want of time, or because the program is not well."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.diagnose import listening
from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.quantity import amount
from kubetasks.diagnose.rule import PROBE, START, Candidate, Rule, check, define
from kubetasks.diagnose.views import Container, Event
from kubetasks.diagnose.words import listed, nearest, one_line

PROBES: Final = ("readiness", "liveness", "startup")
MESSAGE: Final = re.compile(r"^(Readiness|Liveness|Startup) probe (?:failed|errored[^:]*): ?(.*)$", re.DOTALL)
# So long a program may take to be ready before that is anything to speak of.
SETTLES: Final = 45.0
RECENT: Final = 180.0
TINY_CPU: Final = 0.1
ALWAYS_FAILS: Final = re.compile(r"^\s*(?:exit\s+[1-9]\d*|false|/bin/false)\s*$")


def _rule(name: str, title: str, signal: str, why: str, fix: str, *, grace: float = 0.0, depth: int = PROBE) -> Rule:
    return define(name, "probes", title, signal=signal, why=why, fix=fix, depth=depth, grace=grace)


PORT = _rule(
    "PROBE_WRONG_PORT",
    "a probe asks a port on which nothing listens",
    "Unhealthy with `connection refused`",
    "The probe's port is not the one that the program listens on.",
    "set the probe's port to the program's",
    depth=PROBE + 5,
)
PORT_NAME = _rule(
    "PROBE_PORT_NAME",
    "a probe names a port that the container does not have",
    "a probe whose port is a name that no port has",
    "The name is misspelt, or the port has no name.",
    "correct the name, or use the number",
    depth=START,
)
PATH = _rule(
    "PROBE_WRONG_PATH",
    "a probe asks a path that does not exist",
    "Unhealthy with status 404",
    "The program has no such route.",
    "set the probe's path to one that the program has",
    depth=PROBE + 5,
)
UNAUTHORIZED = _rule(
    "PROBE_UNAUTHORIZED",
    "a probe is refused for want of a login",
    "Unhealthy with status 401 or 403",
    "The path wants credentials, which the kubelet does not have.",
    "probe a path that needs no login",
)
SERVER_ERROR = _rule(
    "PROBE_SERVER_ERROR",
    "the program answers a probe with an error",
    "Unhealthy with status 500 to 599",
    "The program runs and says that it is not well: its body and its log say why.",
    "see what the program says: what it needs is missing or not ready",
    grace=45.0,
)
STATUS = _rule(
    "PROBE_STATUS",
    "the program answers a probe with another status than 2xx or 3xx",
    "Unhealthy with any other status",
    "The request of the probe is not one that the program takes: the Host header, the method or the scheme.",
    "correct the probe's httpHeaders or path, or the program's list of hosts",
)
TIMEOUT = _rule(
    "PROBE_TIMEOUT",
    "a probe gets no answer in time",
    "Unhealthy with a time-out",
    "The program takes longer than timeoutSeconds: it is slow, has too little CPU, or hangs.",
    "raise timeoutSeconds, or give the container more CPU",
    grace=45.0,
)
SCHEME = _rule(
    "PROBE_WRONG_SCHEME",
    "a probe asks with HTTP what speaks HTTPS, or the reverse",
    "Unhealthy with a TLS or HTTP protocol error",
    "The probe's scheme is not the program's.",
    "set the probe's scheme",
    depth=PROBE + 5,
)
EXEC = _rule(
    "PROBE_COMMAND_FAILS",
    "the command of a probe fails",
    "Unhealthy with the output of a command",
    "The command exits with another code than 0.",
    "correct the command, or what it looks at",
    grace=45.0,
)
EXEC_MISSING = _rule(
    "PROBE_COMMAND_MISSING",
    "the command of a probe is not in the image",
    "Unhealthy with `executable file not found`",
    "The image does not have the program that the probe starts.",
    "use an httpGet or tcpSocket probe, or a program that the image has",
    depth=PROBE + 5,
)
REFUSED = _rule(
    "PROBE_REFUSED",
    "nothing listens on the port of a probe yet",
    "Unhealthy with `connection refused` on the declared port",
    "The program is still starting, hangs at its start, or listens elsewhere.",
    "see the container's log for what it is doing",
    grace=45.0,
)
LOOPBACK = _rule(
    "LISTENS_ON_LOOPBACK",
    "the program listens on loopback only",
    "a log that says 127.0.0.1, and connections that are refused",
    "What listens on 127.0.0.1 cannot be reached from outside of the container.",
    "listen on 0.0.0.0",
    depth=START,
)
AGGRESSIVE = _rule(
    "LIVENESS_TOO_AGGRESSIVE",
    "a liveness probe kills the program while it starts or is busy",
    "Killing by a liveness or startup probe that asks the right thing",
    "The probe allows less time than the program takes to start or to answer.",
    "give it a startupProbe, or raise failureThreshold and timeoutSeconds",
    grace=20.0,
    depth=PROBE + 4,
)
GATE = _rule(
    "READINESS_GATE",
    "a readiness gate is not set",
    "the condition of a readinessGate is missing or False",
    "The controller that should set it is not there.",
    "install the controller, or remove the gate",
    grace=60.0,
)


@dataclass(frozen=True)
class Failing:
    """A probe that fails: which, what it is told, and the newest event about it."""

    kind: str
    spec: dict[str, Any]
    event: Event
    said: str

    @property
    def field(self) -> str:
        """``readinessProbe``."""
        return f"{self.kind}Probe"


def failing(world: World, container: Container) -> list[Failing]:
    """The probes of a container that fail now."""
    found: dict[str, Failing] = {}
    for event in container.pod.told("Unhealthy", "ProbeWarning"):
        match = MESSAGE.match(event.message)
        if match is None or event.container not in {container.name, ""}:
            continue
        kind = match[1].lower()
        spec = container.spec.get(f"{kind}Probe")
        if spec and kind not in found and _counts(world, container, kind, event):
            found[kind] = Failing(kind, spec, event, match[2])
    return [found[kind] for kind in PROBES if kind in found]


def _counts(world: World, container: Container, kind: str, event: Event) -> bool:
    """Whether a failed probe still matters: the container is not ready, or it was killed for it not long ago."""
    if world.since(event.last) > RECENT and not (kind == "readiness" and container.is_running and not container.ready):
        return False
    if kind == "readiness":
        return not container.ready
    return (
        killed(world, container)
        or (not container.ready and container.restarts > 0)
        or not container.is_running
        or event.count > 1
    )


def killed(world: World, container: Container) -> bool:
    """Whether a probe had the container killed not long ago."""
    return any(
        re.search(r"failed (?:liveness|startup) probe", event.message) and world.since(event.last) <= 600.0
        for event in container.pod.told("Killing")
        if event.container in {container.name, ""}
    )


@check
def probes(world: World) -> Iterator[Candidate]:
    """The probes that fail, one candidate for each thing that is wrong with a container's."""
    for workload, container in world.containers():
        if container.kind == "init":
            continue
        yield from _names(world, workload, container)
        groups: dict[tuple[str, str], list[Failing]] = {}
        for each in failing(world, container):
            groups.setdefault(_kind(each), []).append(each)
        for (kind, detail), found in groups.items():
            made = _candidate(world, workload, container, kind, detail, found)
            if made is not None:
                made.at = container.name
                made.because += [f"{each.event.line}" for each in found]
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


def _port(container: Container, probe: dict[str, Any]) -> int:
    for handler in ("httpGet", "tcpSocket", "grpc"):
        if handler in probe:
            port = probe[handler].get("port")
            if isinstance(port, int):
                return port
            named = {each.get("name"): each.get("containerPort") for each in container.spec.get("ports") or ()}
            return int(named.get(port) or 0)
    return 0


def _label(found: list[Failing]) -> str:
    kinds = [each.kind for each in found]
    return f"{listed(kinds)} probe" + ("s" if len(kinds) > 1 else "")


def _young(world: World, container: Container, patience: float = 30.0) -> bool:
    """Whether the container was started so recently that a failing probe says nothing yet."""
    if not container.is_running:
        return container.ended is None  # what is known of it is of before its start
    since = world.since(container.running_since)
    startup = container.spec.get("startupProbe")
    if startup and not container.status.get("started") and container.restarts == 0:
        return True  # what its startup probe allows it is its own business
    longest = max(
        (
            int((container.spec.get(f"{each}Probe") or {}).get("initialDelaySeconds", 0))
            + int((container.spec.get(f"{each}Probe") or {}).get("periodSeconds", 10))
            for each in PROBES
        ),
        default=0,
    )
    return since < max(patience, min(longest + 5, 60)) and container.restarts == 0


def _steps(workload: Workload, container: Container, found: list[Failing], path: str, value: Any) -> list[Step]:
    place = workload.where(container.name)
    return [("replace", f"{place[0]}/{place[1]}/{each.field}/{path}", value) for each in found] if place else []


def _candidate(
    world: World, workload: Workload, container: Container, kind: str, detail: str, found: list[Failing]
) -> Candidate | None:
    name = who(workload, container)
    if kind in {"refused", "reset", "timeout"} and container.ended is not None and not killed(world, container):
        return None  # it ended by itself: there was nothing to ask
    harmless = container.ready or all(each.kind == "liveness" for each in found)
    if kind in {"timeout", "timeout-exec", "reset"} and harmless and not killed(world, container):
        return None  # one slow answer does no harm
    if kind == "refused":
        return _refused(world, workload, container, found, name)
    if kind == "status":
        return _status(world, workload, container, found, name, int(detail))
    if kind in {"timeout", "timeout-exec", "reset"}:
        return _timeout(world, workload, container, found, name)
    if kind.startswith("scheme"):
        scheme = kind.rpartition("-")[2].upper()
        cause = f"{name}: {_label(found)}: port {_port(container, found[0].spec)} speaks {scheme}, the probe asks with {'HTTPS' if scheme == 'HTTP' else 'HTTP'}"
        steps = _steps(
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
        return _missing(world, workload, container, found, name)
    if kind == "exec":
        return _exec(world, workload, container, found, name)
    if _young(world, container):
        return None
    cause = f"{name}: {_label(found)} fails: {found[0].said}"
    return Candidate(
        REFUSED,
        workload.key,
        cause,
        back(world, workload) or words("see what the probe asks and what the program offers"),
        confidence="unknown",
    )


def _well(container: Container, found: list[Failing]) -> dict[str, Any] | None:
    """The handler of a probe of the same container that does not fail."""
    bad = {each.kind for each in found}
    for kind in ("readiness", "startup", "liveness"):
        spec = container.spec.get(f"{kind}Probe")
        if not spec or kind in bad:
            continue
        good = container.ready if kind == "readiness" else bool(container.status.get("started"))
        if good or (kind == "liveness" and container.is_running and container.restarts == 0):
            return {key: spec[key] for key in ("httpGet", "tcpSocket", "exec", "grpc") if key in spec}
    return None


def _refused(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str
) -> Candidate | None:
    port = _port(container, found[0].spec)
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
    well = _well(container, found)
    right = _port(container, well) if well else 0
    others = listening.ports(world, container, but=port)
    right = right if right and right != port else (others[0] if others else 0)
    told = [each.port for each in heard]
    if right and (port not in container.ports or (told and port not in told)):
        sure = right in told or bool(well) or any(each == right for each, _, _ in listening.answered(world, container))
        label = _label(found)
        verb = "ask" if label.endswith("s") else "asks"
        cause = f"{name}: {label} {verb} port {port}, container listens on {right}"
        steps: list[Step] = []
        for each in found:
            handler = next(key for key in ("httpGet", "tcpSocket", "grpc") if key in each.spec)
            steps += _steps(workload, container, [each], f"{handler}/port", right)
        confidence: Confidence = "certain" if sure or container.ports == [right] else "likely"
        return Candidate(
            PORT, workload.key, cause, change(world, workload, f"probe port {right}", steps), confidence=confidence
        )
    if killed(world, container) and any(each.kind != "readiness" for each in found):
        return _aggressive(world, workload, container, found, name)
    if _young(world, container, SETTLES):
        return None
    cause = f"{name}: {_label(found)}: nothing listens on port {port}"
    fix = back(world, workload) or words(f"have the program listen on port {port}, or set the probe to its port")
    return Candidate(REFUSED, workload.key, cause, fix, confidence="likely")


def _bind(world: World, workload: Workload, container: Container) -> Fix | None:
    """Replace the loopback address wherever the container is told it."""
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


def _status(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str, status: int
) -> Candidate | None:
    probe = found[0]
    http = probe.spec.get("httpGet") or {}
    path, port = str(http.get("path") or "/"), _port(container, probe.spec)
    body = next(
        (
            each.body
            for each in world.snapshot.answers
            if each.pod == container.pod.name and each.port == port and each.path == path and each.status == status
        ),
        "",
    )
    said = f": {one_line(body, 120)}" if body else ""
    label = _label(found)
    if status == 404:
        right = _path(world, container, found, port, path)
        cause = f"{name}: {label} asks {path}, which does not exist (404)" + (f"; {right} does" if right else "")
        if right:
            return Candidate(
                PATH,
                workload.key,
                cause,
                change(world, workload, f"probe {right}", _steps(workload, container, found, "httpGet/path", right)),
            )
        return Candidate(
            PATH,
            workload.key,
            cause,
            back(world, workload) or words(f"set the path of the {label} to one that the program has"),
        )
    if status in {401, 403}:
        right = _path(world, container, found, port, path)
        cause = f"{name}: {label} asks {path}, which wants a login ({status})" + (
            f"; {right} does not" if right else ""
        )
        fix = (
            change(world, workload, f"probe {right}", _steps(workload, container, found, "httpGet/path", right))
            if right
            else words(UNAUTHORIZED.fix)
        )
        return Candidate(UNAUTHORIZED, workload.key, cause, fix)
    if status == 400 and re.search(r"HTTP request to an HTTPS", body):
        steps: list[Step] = [("add", p, v) for _, p, v in _steps(workload, container, found, "httpGet/scheme", "HTTPS")]
        return Candidate(
            SCHEME,
            workload.key,
            f"{name}: {label}: port {port} speaks HTTPS, the probe asks HTTP",
            change(world, workload, "ask with HTTPS", steps),
        )
    if _young(world, container) and not killed(world, container):
        return None
    rule = SERVER_ERROR if status >= 500 else STATUS
    cause = f"{name}: {label} {path} answers {status}{said}"
    well = _well(container, found)
    if (
        well
        and any(each.kind == "liveness" for each in found)
        and "httpGet" in well
        and well["httpGet"].get("path") != path
    ):
        right = str(well["httpGet"].get("path") or "/")
        cause = f"{name}: {label} {path} answers {status}; {right}, which the other probe asks, is well"
        return Candidate(
            rule,
            workload.key,
            cause,
            change(world, workload, f"probe {right}", _steps(workload, container, found, "httpGet/path", right)),
        )
    fix = back(world, workload) or words(f"see why {path} answers {status}{said or ': the log of the container says'}")
    confidence: Confidence = "likely" if body else "unknown"
    return Candidate(rule, workload.key, cause, fix, confidence=confidence)


def _path(world: World, container: Container, found: list[Failing], port: int, path: str) -> str:
    """A path that answers well: another probe's, one that was asked, one that the log shows."""
    well = _well(container, found)
    if well and "httpGet" in well and _port(container, well) == port and well["httpGet"].get("path", "/") != path:
        return str(well["httpGet"].get("path") or "/")
    good = [p for number, p, status in listening.answered(world, container) if number == port and 200 <= status < 400]
    for line in [*container.head, *container.current]:
        served = re.search(r"\"?GET (?P<path>/\S*) HTTP/[\d.]+\"? (?:2\d\d|3\d\d)\b", line.text)
        if served:
            good.append(served["path"].partition("?")[0])
    good = [each for each in dict.fromkeys(good) if each != path]
    near = nearest(path, good)
    return near.name if near else (good[0] if good else "")


def _timeout(
    world: World, workload: Workload, container: Container, found: list[Failing], name: str
) -> Candidate | None:
    if _young(world, container) and not killed(world, container):
        return None
    seconds = int(found[0].spec.get("timeoutSeconds", 1))
    slow = _slow(world, workload, container, f"{_label(found)} gets no answer in {seconds} s")
    if slow is not None:
        return slow
    cause = f"{name}: {_label(found)} gets no answer in {seconds} s (timeoutSeconds)"
    value = max(seconds * 3, 10)
    steps = [("add", path, v) for _, path, v in _steps(workload, container, found, "timeoutSeconds", value)]
    for each in found:
        for field, least in (("periodSeconds", value), ("failureThreshold", 3)):
            if int(each.spec.get(field, 10 if field == "periodSeconds" else 3)) < least:
                steps += [("add", path, v) for _, path, v in _steps(workload, container, [each], field, least)]
    fix = change(world, workload, f"allow {value} s", steps)
    return Candidate(TIMEOUT, workload.key, cause, fix, confidence="likely")


def _slow(world: World, workload: Workload, container: Container, what: str) -> Candidate | None:
    """A CPU limit so low that the program is slow for that reason."""
    cpu, place = container.limit("cpu"), workload.where(container.name)
    if not cpu or amount(cpu) > TINY_CPU or place is None:
        return None
    cause = f"{who(workload, container)}: {what}: CPU limit {cpu} is too low"
    step: Step = ("replace", f"{place[0]}/{place[1]}/resources/limits/cpu", "500m")
    return Candidate(
        TIMEOUT, workload.key, cause, change(world, workload, "raise the CPU limit", [step]), confidence="likely"
    )


def _missing(world: World, workload: Workload, container: Container, found: list[Failing], name: str) -> Candidate:
    program = re.search(r"exec: \\?\"([^\"\\]+)", found[0].said)
    what = program[1] if program else "its command"
    cause = f"{name}: {_label(found)}: {what} is not in the image {container.image}"
    return Candidate(
        EXEC_MISSING,
        workload.key,
        cause,
        _instead(world, workload, container, found) or back(world, workload) or words(EXEC_MISSING.fix),
    )


def _instead(world: World, workload: Workload, container: Container, found: list[Failing]) -> Fix | None:
    """Ask what another probe of the container asks with success; else whether its port is open."""
    place = workload.where(container.name)
    well = _well(container, found)
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


def _exec(world: World, workload: Workload, container: Container, found: list[Failing], name: str) -> Candidate | None:
    command = [str(word) for word in (found[0].spec.get("exec") or {}).get("command") or ()]
    shown = one_line(" ".join(command), 60)
    always = bool(command) and (
        ALWAYS_FAILS.match(command[-1]) is not None or command[0].endswith("/false") or command == ["false"]
    )
    if not always and _young(world, container) and not killed(world, container):
        return None
    said = one_line(found[0].said, 80)
    cause = f"{name}: {_label(found)} fails: {shown}" + (f": {said}" if said else "")
    if always:
        cause = f"{name}: {_label(found)} runs `{shown}`, which always fails"
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
    fix = _instead(world, workload, container, found) if _well(container, found) else None
    return Candidate(
        EXEC,
        workload.key,
        cause,
        fix or back(world, workload) or words(f"correct the probe's command ({shown}) or what it looks at"),
        confidence="likely",
    )


def _aggressive(world: World, workload: Workload, container: Container, found: list[Failing], name: str) -> Candidate:
    """A liveness or startup probe that does not wait as long as the program takes."""
    probe = next(each for each in found if each.kind != "readiness")
    spec = probe.spec
    slow = _slow(world, workload, container, f"{probe.kind} probe kills it before it listens")
    if slow is not None:
        return slow
    allowed = int(spec.get("initialDelaySeconds", 0)) + int(spec.get("periodSeconds", 10)) * int(
        spec.get("failureThreshold", 3)
    )
    cause = f"{name}: {probe.kind} probe kills it {allowed} s after its start, before it listens on port {_port(container, spec)}"
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


def _names(world: World, workload: Workload, container: Container) -> Iterator[Candidate]:
    """Probes that name a port that the container does not have."""
    if container.ready and not killed(world, container):
        return
    known = {
        str(each["name"]): int(each["containerPort"]) for each in container.spec.get("ports") or () if each.get("name")
    }
    for kind in PROBES:
        spec = container.spec.get(f"{kind}Probe") or {}
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
            yield Candidate(PORT_NAME, workload.key, cause, fix, at=container.name)


@check
def gates(world: World) -> Iterator[Candidate]:
    """Readiness gates that nothing sets."""
    for workload in world.workloads.values():
        for pod in workload.current:
            ready = all(each.ready for each in pod.containers if each.kind == "main")
            for gate in pod.spec.get("readinessGates") or ():
                kind = str(gate.get("conditionType"))
                if ready and not pod.ready and pod.condition(kind).get("status") != "True":
                    cause = f"{workload.key}: readiness gate {kind} is not set: its controller is missing or has not come to it"
                    yield Candidate(
                        GATE, workload.key, cause, words(f"install the controller that sets {kind}, or remove the gate")
                    )
