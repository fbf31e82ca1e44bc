import http.server
import threading
from collections.abc import Iterator

import pytest

from kubetasks.targets.local.probes import unready
from tests.unit.targets.local.objects import free_port


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" and self.headers.get("X-Probe", "1") == "1" else 503)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


LISTED = {"ports": [{"name": "http", "containerPort": 8000}]}


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/good", "port": "http"}},
        {"httpGet": {"path": "/good", "port": 8000}},
        {"httpGet": {"path": "good", "port": 8000}},
        {"tcpSocket": {"port": "http"}},
        {"exec": {"command": ["false"]}},
        {},
    ],
)
def test_ready(probe: dict[str, object], port: int) -> None:
    assert unready({**LISTED, "readinessProbe": probe}, {8000: port}) == ""


def test_an_answer_that_is_no_success(port: int) -> None:
    probe = {"httpGet": {"path": "/bad", "port": "http"}}
    assert unready({**LISTED, "readinessProbe": probe}, {8000: port}) == (
        "Readiness probe failed: HTTP probe failed with statuscode: 503"
    )
    sent = {"httpGet": {"path": "/good", "port": "http", "httpHeaders": [{"name": "X-Probe", "value": "2"}]}}
    assert "503" in unready({**LISTED, "readinessProbe": sent}, {8000: port})


@pytest.mark.parametrize("probe", [{"httpGet": {"path": "/good", "port": "http"}}, {"tcpSocket": {"port": 8000}}, {}])
def test_nobody_listens(probe: dict[str, object]) -> None:
    assert unready({**LISTED, "readinessProbe": probe}, {8000: free_port()}).startswith("Readiness probe failed: ")


def test_without_ports_there_is_nothing_to_ask() -> None:
    assert unready({}, {}) == ""
