"""Which probes of a container fail, what they are answered, and which of its probes does not fail."""

import re
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.diagnose.fixes import Step
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import PROBE, Family
from kubetasks.diagnose.views import Container, Event
from kubetasks.diagnose.words import listed

PROBES: Final = ("readiness", "liveness", "startup")
rule = Family("probes", PROBE).rule
MESSAGE: Final = re.compile(r"^(Readiness|Liveness|Startup) probe (?:failed|errored[^:]*): ?(.*)$", re.DOTALL)
RECENT: Final = 180.0
# A command that a runtime could not start because the container had just ended: containerd, Docker and CRI-O.
ENDED: Final = re.compile(
    r"no running task found|task \S+ not found|cannot exec in a (?:stopped|deleted)"
    r"|container (?:is )?not (?:created or )?running|[Cc]ontainer \S+ is (?:not running|restarting)"
)
# What the kubelet says of a port whose name the container does not have.
NO_SUCH_PORT: Final = re.compile(r"strconv\.Atoi: parsing|couldn't find port|invalid port number")


@dataclass(frozen=True)
class Failing:
    """A probe that fails: which one, the response, and the newest event about it."""

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
    often = _often(container)
    for event in container.pod.events_with("Unhealthy", "ProbeWarning"):
        match = MESSAGE.match(event.message)
        if match is None or event.container not in {container.name, ""} or ENDED.search(match[2]):
            continue
        kind = match[1].lower()
        spec = container.spec.get(f"{kind}Probe")
        if spec and kind not in found and _counts(world, container, kind, event, often.get(kind, 0)):
            found[kind] = Failing(kind, spec, event, match[2])
    return [found[kind] for kind in PROBES if kind in found]


def _often(container: Container) -> dict[str, int]:
    """How often each kind of probe has failed, by all its events: some name an ID of their own each time."""
    found: dict[str, int] = {}
    for event in container.pod.events_with("Unhealthy"):
        match = MESSAGE.match(event.message)
        if match is not None and event.container in {container.name, ""}:
            found[match[1].lower()] = found.get(match[1].lower(), 0) + event.count
    return found


def _counts(world: World, container: Container, kind: str, event: Event, often: int) -> bool:
    """Whether a failed probe still matters: the container is not ready, or it was killed for it not long ago."""
    if world.since(event.last) > RECENT and not (kind == "readiness" and container.is_running and not container.ready):
        return False
    if kind == "readiness":
        return not container.ready
    if _recovered(world, container, kind, event):
        return False
    return (
        killed(world, container)
        or (not container.ready and container.restarts > 0)
        or not container.is_running
        or often > 1
    )


def _recovered(world: World, container: Container, kind: str, event: Event) -> bool:
    """Whether a startup or liveness probe that failed while the program was starting has passed since."""
    if not container.is_running or killed(world, container):
        return False
    if kind == "startup":
        return bool(container.status.get("started"))
    period = float((container.spec.get("livenessProbe") or {}).get("periodSeconds", 10))
    return container.ready and world.since(event.last) > 2 * period + 5.0


def killed(world: World, container: Container) -> bool:
    """Whether a probe had the container killed not long ago."""
    return any(
        re.search(r"failed (?:liveness|startup) probe", event.message) and world.since(event.last) <= 600.0
        for event in container.pod.events_with("Killing")
        if event.container in {container.name, ""}
    )


def port(container: Container, probe: dict[str, Any]) -> int:
    """The number of the port that a probe asks; 0 if it asks none, or a name that no port has."""
    for handler in ("httpGet", "tcpSocket", "grpc"):
        if handler in probe:
            port = probe[handler].get("port")
            if isinstance(port, int):
                return port
            named = {each.get("name"): each.get("containerPort") for each in container.spec.get("ports") or ()}
            return int(named.get(port) or 0)
    return 0


def label(found: list[Failing]) -> str:
    """``readiness probe``, ``readiness and liveness probes``."""
    kinds = [each.kind for each in found]
    return f"{listed(kinds)} probe" + ("s" if len(kinds) > 1 else "")


def young(world: World, container: Container, patience: float = 30.0) -> bool:
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


def steps(workload: Workload, container: Container, found: list[Failing], path: str, value: Any) -> list[Step]:
    """Set a field of each of these probes."""
    place = workload.where(container.name)
    return [("replace", f"{place[0]}/{place[1]}/{each.field}/{path}", value) for each in found] if place else []


def well(container: Container, found: list[Failing]) -> dict[str, Any] | None:
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
