"""Probes of programs that are slow, that have recovered, and that say on which port they listen."""

from typing import Any

import pytest

from kubetasks.diagnose import listening
from kubetasks.objects import Object
from tests.unit.diagnose.worlds import container, deployment, ended, event, found, log, one, pod, running, world

REFUSED = "dial tcp 10.244.0.6:8000: connect: connection refused"
HTTP = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 3}

# A line of a log, and the port on which the program listens by it; 0: none.
LINES = [
    ("INFO: Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)", 8000),
    ("listening on :8080", 8080),
    ("Listening on *:8080", 8080),
    ("started on [::]:9090", 9090),
    ("server started on port 3000", 3000),
    ("ready at http://web-1-a:3000", 3000),
    ("ready at http://10.244.0.6:3000", 3000),
    ("serving metrics, port=9100", 9100),
    ("started with postgresql://todo@postgres:5432/todo", 0),
    ("started, upstream store:6379", 0),
    ("ready: database at 10.0.0.7:5432", 0),
    ("waiting for revision 0002 in postgresql://todo@postgres:5432/todo", 0),
    ("12:30:45 started", 0),
    ("started at 12:30:45", 0),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_the_port_that_a_log_names(text: str, expected: int) -> None:
    made = pod(statuses=[running()])
    made["status"]["podIP"] = "10.244.0.6"
    state = world(deployment(pods=[made]), logs=[log(text)])
    [(_, seen)] = state.containers()
    assert [each.port for each in listening.said(seen)] == ([expected] if expected else [])


def probed(
    kind: str, status: Object, *, seconds: float = 5, count: int = 3, age: float = 300, **probe: Any
) -> list[Object]:
    """A Deployment, one of whose probes was refused."""
    spec = container(ports=[{"containerPort": 8000}])
    spec[f"{kind}Probe"] = {**HTTP, **probe}
    made = pod(containers=[spec], statuses=[status], age=age)
    said = f'{kind.capitalize()} probe failed: Get "http://10.244.0.6:8000/health": {REFUSED}'
    return [*deployment(pods=[made]), event("Pod/web-1-a", "Unhealthy", said, of="web", seconds=seconds, count=count)]


@pytest.mark.parametrize("text", ["", "started with postgresql://todo@postgres:5432/todo"])
def test_a_program_that_is_still_within_its_startup_probe_is_not_at_fault(text: str) -> None:
    status = running(ready=False, seconds=20, started=False)
    assert found(probed("startup", status, age=25, failureThreshold=60), logs=[log(text)] if text else []) == []


@pytest.mark.parametrize("handler", [{}, {"exec": {"command": ["pg_isready"]}}])
def test_a_startup_probe_that_has_passed_is_over(handler: dict[str, Any]) -> None:
    objects = probed("startup", running(seconds=40, started=True), seconds=30, count=5, **handler)
    assert found(objects) == []


def test_a_liveness_probe_that_answers_again_is_over() -> None:
    assert found(probed("liveness", running(seconds=90, started=True), seconds=80, count=2)) == []


def test_a_startup_probe_on_a_port_that_the_program_does_not_have_is_found_at_once() -> None:
    status = running(ready=False, seconds=20, started=False)
    finding = one(probed("startup", status, failureThreshold=60), logs=[log("listening on 0.0.0.0:9000")])
    assert finding.id == "PROBE_WRONG_PORT"


# What runtimes say of a probe's command when the container has just ended.
TOO_LATE = [
    "rpc error: code = NotFound desc = failed to exec in container: failed to load task: no running task found: task f8a4 not found",
    "rpc error: code = Unknown desc = cannot exec in a stopped state: unknown",
    "rpc error: code = Unknown desc = container not running (f8a4)",
    "rpc error: code = Unknown desc = command error: container is not created or running: conmon exited",
    "Error response from daemon: Container f8a4 is not running",
    "Error response from daemon: Container f8a4 is restarting, wait until the container is running",
]


@pytest.mark.parametrize("said", TOO_LATE)
@pytest.mark.parametrize("kind", ["readiness", "liveness", "startup"])
def test_a_probe_that_came_after_the_exit_does_not_hide_why_it_ended(kind: str, said: str) -> None:
    spec = container()
    spec[f"{kind}Probe"] = {"exec": {"command": ["pg_isready"]}}
    message = f"{kind.capitalize()} probe errored and resulted in unknown state: {said}"
    objects = deployment(pods=[pod(containers=[spec], statuses=[ended(restarts=3)])])
    finding = one(
        objects, event("Pod/web-1-a", "Unhealthy", message, of="web"), logs=[log("no license file: giving up")]
    )
    assert not finding.id.startswith("PROBE_")
    assert "no license file" in finding.cause


@pytest.mark.parametrize("handler", ["httpGet", "tcpSocket"])
@pytest.mark.parametrize(
    ("kind", "ready", "severity"),
    [("liveness", True, "warning"), ("readiness", False, "critical"), ("startup", False, "critical")],
)
def test_a_probe_that_names_a_port_which_is_not_there(handler: str, kind: str, ready: bool, severity: str) -> None:
    spec = container(ports=[{"name": "http", "containerPort": 8000}])
    spec[f"{kind}Probe"] = {handler: {"port": "htpp"}}
    said = (
        f'{kind.capitalize()} probe errored and resulted in unknown state: strconv.Atoi: parsing "htpp": invalid syntax'
    )
    objects = deployment(pods=[pod(containers=[spec], statuses=[running(ready=ready, started=kind != "startup")])])
    finding = one(objects, event("Pod/web-1-a", "Unhealthy", said, of="web", count=9))
    assert (finding.id, finding.severity) == ("PROBE_PORT_NAME", severity)
    assert f'{kind}Probe/{handler}/port","value":"http"' in finding.fix.text
