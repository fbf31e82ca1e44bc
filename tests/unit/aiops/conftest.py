"""A scripted model, a stand-in for the API server, and a sandbox that really runs."""

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubetasks.aiops import gateway, kubectl_ai, observer
from kubetasks.aiops.audit import Audit
from kubetasks.aiops.cleaning import Cleaner
from kubetasks.aiops.outbound import Outbound
from kubetasks.aiops.sandbox import Bubblewrap
from kubetasks.aiops.upstream import Clock, Endpoint
from kubetasks.redact import Redactor, Sensitive
from kubetasks.runner import SystemRunner
from kubetasks.targets.base import Cluster
from tests.app.packages import provided
from tests.fake_api import LOOPBACK, certificate, encoded, tls
from tests.scripted_model import KEY, Model, serving

NAMESPACE = "shop"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.observer-token-of-the-tests.signature"
PASSWORD = "Tr0ub4dor-and-3-horses"  # in a Secret of the namespace, and in a log
FAKE = Path(__file__).resolve().parents[2] / "kubectl_ai.py"

RESOURCES = [
    {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get", "list", "delete", "create"]}
    for name, kind in (("pods", "Pod"), ("secrets", "Secret"), ("events", "Event"), ("pods/log", "Pod"))
]


@dataclass
class Api:
    """What the API server holds, and what it was asked: it lets the observer read, and refuses everything else.

    Args:
        pods: names of pods and their annotations.
        log: the log of each pod.
        asked: method and path of every request.
        changed: those that asked for a change, or for what the observer may not read.
    """

    pods: dict[str, dict[str, str]] = field(default_factory=lambda: {"web-1": {}})
    log: str = ""
    events: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    authority: bytes = b""

    def answer(self, method: str, path: str) -> tuple[int, str, str]:  # noqa: PLR0911  (one for each kind of request)
        self.asked.append((method, path))
        plain = path.partition("?")[0]
        here = f"/api/v1/namespaces/{NAMESPACE}"
        if method == "GET" and plain == "/api":
            return self._json({"kind": "APIVersions", "versions": ["v1"]})
        if method == "GET" and plain == "/version":
            return self._json({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
        if method == "GET" and plain == "/apis":
            return self._json({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})
        if method == "GET" and plain == "/api/v1":
            return self._json({"kind": "APIResourceList", "groupVersion": "v1", "resources": RESOURCES})
        if method == "GET" and plain == f"{here}/pods":
            return self._json({"kind": "PodList", "apiVersion": "v1", "items": [self._pod(name) for name in self.pods]})
        if method == "GET" and plain == f"{here}/events":
            items = [self._event(number, text) for number, text in enumerate(self.events)]
            return self._json({"kind": "EventList", "apiVersion": "v1", "items": items})
        if method == "GET" and plain.startswith(f"{here}/pods/"):
            if plain.endswith("/log"):
                return 200, "text/plain", self.log
            return self._json(self._pod(plain.rpartition("/")[2]))
        self.refused.append((method, path))
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}
        return 403, "application/json", json.dumps({**status, "message": "forbidden: the observer may not do this"})

    @staticmethod
    def _json(document: dict[str, Any]) -> tuple[int, str, str]:
        return 200, "application/json", json.dumps(document)

    def _pod(self, name: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": NAMESPACE, "annotations": self.pods.get(name, {})}
        spec = {"containers": [{"name": "app", "image": "app:1"}]}
        return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}

    def _event(self, number: int, text: str) -> dict[str, Any]:
        regards = {"kind": "Pod", "name": "web-1", "namespace": NAMESPACE}
        metadata = {"name": f"e{number}", "namespace": NAMESPACE}
        return {"kind": "Event", "apiVersion": "v1", "metadata": metadata, "involvedObject": regards, "message": text}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        status, kind, body = self.api.answer(self.command, self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    authority = certificate("authority")
    own = certificate("127.0.0.1", authority, names=LOOPBACK)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    server.socket = tls(own).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    api.port, api.authority = server.server_address[1], authority.pem
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield api
    server.shutdown()
    server.server_close()


@pytest.fixture
def model() -> Iterator[Model]:
    with serving(Model()) as model:
        yield model


@pytest.fixture
def redactor() -> Redactor:
    found = Redactor()
    found.add([Sensitive(KEY), Sensitive(PASSWORD), Sensitive(TOKEN)])
    return found


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


Out = Callable[..., Outbound]


@pytest.fixture
def out(model: Model, redactor: Redactor, tmp_path: Path) -> Out:
    """Makes the way to the scripted model."""
    (tmp_path / "checkout").mkdir()

    def make(
        url: str = "", *, key: str = KEY, requests: int = 40, sent: int = 1_000_000, timeout: float = 60.0
    ) -> Outbound:
        endpoint = Endpoint(url or model.url, "big-model", Sensitive(key) if key else None, "LLM_API_KEY")
        audit = Audit(tmp_path / "checkout")
        return Outbound(endpoint, Cleaner(redactor), audit, Clock(timeout), requests, sent)

    return make


@pytest.fixture
def runner(tmp_path: Path, redactor: Redactor) -> SystemRunner:
    provided("bubblewrap", lambda: shutil.which("bwrap"), "bubblewrap is not installed")
    found = SystemRunner(tmp_path, redactor, programs={"kubectl-ai": str(FAKE)})
    why = Bubblewrap().works(found)
    if why:
        pytest.skip(f"{why}: this system permits no user namespaces")
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private folder with a short path, for sockets."""
    with kubectl_ai.scratch() as path:
        yield path


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Cluster:
    server = f"https://127.0.0.1:{api.port}"
    entry = {"server": server, "certificate-authority-data": encoded(api.authority)}
    path = tmp_path / "private-kubeconfig"
    path.write_text(json.dumps({"clusters": [{"name": "c", "cluster": entry}]}))
    return Cluster("kind-c", NAMESPACE, server, str(path))


@pytest.fixture
def tool(
    cluster: Cluster, runner: SystemRunner, out: Out, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> kubectl_ai.Tool:
    """kubectl-ai in a real sandbox, before the stand-in of the API server, through a real gateway."""
    monkeypatch.setattr(observer, "token", lambda *_: Sensitive(TOKEN))
    return kubectl_ai.Tool(cluster, runner, out(), Bubblewrap(), folder)


@pytest.fixture
def doors(out: Out, folder: Path) -> Iterator[gateway.Doors]:
    with gateway.opened(out(), folder, loopback=True) as found:
        yield found
