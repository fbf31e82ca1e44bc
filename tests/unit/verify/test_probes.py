"""The layer that asks the probes' paths."""

import socket
from typing import Any

import pytest

from kubetasks.errors import ToolFailed
from kubetasks.objects import Objects
from kubetasks.verify import client
from kubetasks.verify.doors import Doors
from kubetasks.verify.probes import check_probe, find
from kubetasks.verify.results import Layer
from tests.unit.verify.fakes import FakeTarget, deployment, service
from tests.unit.verify.server import App, serving


def told(objects: Objects, target: FakeTarget) -> list[tuple[str, str, str]]:
    layer = Layer("probes")
    with Doors(target) as doors:
        for probe in find(objects):
            check_probe(layer, probe, lambda door: client.Client(doors.url(*door), 5))
    return [(check.name, check.status, check.evidence) for check in layer.checks]


def probed(**probe: Any) -> Objects:
    item = deployment()
    container = item["spec"]["template"]["spec"]["containers"][0]
    del container["startupProbe"]
    container["readinessProbe"] = {"httpGet": probe}
    return [item, service()]


@pytest.mark.parametrize("target_port", ["http", 3000])
def test_a_path_is_asked_once_for_all_probes(target_port: Any) -> None:
    app = App()
    with serving(app) as base:
        target = FakeTarget({"web": base})
        assert told([deployment(), service(target=target_port)], target) == [
            ("Deployment/web /", "pass", "startup and readiness: 200 through web:80")
        ]
    assert app.asked == [("GET /", 200)]
    assert target.opened == [("web", 80)]


def test_a_probe_that_does_not_hold() -> None:
    with serving(App()) as base:
        found = told(probed(path="nothing", port=3000), FakeTarget({"web": base}))
    assert found == [("Deployment/web /nothing", "fail", 'readiness: 401 through web:80: {"detail": "no token"}')]


def test_headers_of_a_probe_are_sent() -> None:
    token = [{"name": "Authorization", "value": "Bearer opaque-token-0123456789"}]
    with serving(App()) as base:
        found = told(probed(path="/api/me/notes", port=3000, httpHeaders=token), FakeTarget({"web": base}))
    assert found[0][1] == "pass"


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([deployment()], "no Service leads to port 3000 of it"),
        ([deployment(), service(target=9000)], "no Service leads to port 3000 of it"),
        ([deployment(), service("other")], "no Service leads to port 3000 of it"),
        (probed(path="/", port="nameless"), "no Service leads to port ? of it"),
        (probed(path="/", port="3000", scheme="HTTPS"), "the readiness probe speaks HTTPS"),
    ],
)
def test_what_cannot_be_asked_is_skipped(objects: Objects, why: str) -> None:
    assert told(objects, FakeTarget()) == [("Deployment/web /", "skip", why)]


def test_no_way_there() -> None:
    target = FakeTarget({"web": ToolFailed("no way to service web:80", why="no pod runs")})
    found = told([deployment(), service()], target)
    assert found == [("Deployment/web /", "fail", "startup and readiness: no way to service web:80: no pod runs")]


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.001)
    with socket.create_server(("127.0.0.1", 0)) as free:
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    found = told([deployment(), service()], FakeTarget({"web": base}))
    assert found == [("Deployment/web /", "fail", "startup and readiness: connection refused")]
