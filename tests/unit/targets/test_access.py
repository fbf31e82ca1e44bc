"""The address at which a Service answers without a forwarded port."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kubetasks.objects import Object
from kubetasks.targets import access
from kubetasks.targets.base import Cluster
from tests.memory_store import MemoryStore
from tests.recording import RecordingRunner

KIND, MINIKUBE, CONTEXT = (Cluster("kind-dev", "todo", kind=kind) for kind in ("kind", "minikube", "context"))
NODES = [
    {"type": "Hostname", "address": "minikube"},
    {"type": "InternalIP", "address": "192.168.49.2"},
]
PORT = ("docker", "port", "dev-control-plane", "30080/tcp")


def store(*ingress: dict[str, str], kind: str = "LoadBalancer", node_port: int = 30080) -> MemoryStore:
    spec = {"type": kind, "ports": [{"port": 81}, {"port": 80, **({"nodePort": node_port} if node_port else {})}]}
    status = {"loadBalancer": {"ingress": list(ingress)}} if ingress else {"loadBalancer": {}}
    service: Object = {"kind": "Service", "metadata": {"name": "frontend"}, "spec": spec, "status": status}
    other: Object = {"kind": "Service", "metadata": {"name": "other"}, "spec": {"ports": []}}
    made = MemoryStore()
    made.put(other, service, {"kind": "Node", "metadata": {"name": "n"}, "status": {"addresses": NODES}})
    return made


@pytest.mark.parametrize(
    ("made", "cluster", "urls"),
    [
        (store({"ip": "10.96.1.2"}), MINIKUBE, ["http://10.96.1.2", "http://192.168.49.2:30080"]),
        (store({"hostname": "lb.example"}, {"ip": "fd00::1"}), CONTEXT, ["http://lb.example", "http://[fd00::1]"]),
        (store(), MINIKUBE, ["http://192.168.49.2:30080"]),
        (store(), KIND, ["http://127.0.0.1:8080", "http://127.0.0.1:8080"]),
        (store(), CONTEXT, []),
        (store(kind="ClusterIP", node_port=0), MINIKUBE, []),
        (MemoryStore(), MINIKUBE, []),
    ],
)
def test_asks_the_balancer_then_the_node_port(made: MemoryStore, cluster: Cluster, urls: list[str]) -> None:
    runner = RecordingRunner({PORT: "0.0.0.0:8080\n[::]:8080\n"})
    asked: list[str] = []

    def probe(url: str) -> bool:
        asked.append(url)
        return False

    assert access.direct(made, cluster, runner, "frontend", 80, probe) == ""
    assert asked == urls
    if urls:
        assert access.direct(made, cluster, runner, "frontend", 80, lambda url: url == urls[-1]) == urls[-1]


def test_a_port_that_kind_does_not_map() -> None:
    runner = RecordingRunner({PORT: (1, "", "Error: No public port '30080/tcp' published for dev-control-plane")})
    assert access.direct(store(), KIND, runner, "frontend", 80, lambda _: True) == ""


@pytest.mark.parametrize(
    ("cluster", "says"),
    [(MINIKUBE, "inv cluster.tunnel"), (KIND, "cloud-provider-kind"), (CONTEXT, "nothing on this cluster")],
)
def test_explains_a_pending_balancer(cluster: Cluster, says: str) -> None:
    assert says in access.pending(store(), cluster, "frontend")
    for quiet in (store({"ip": "10.96.1.2"}), store(kind="NodePort"), MemoryStore()):
        assert access.pending(quiet, cluster, "frontend") == ""


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    class Failing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Failing) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_any_answer_counts(server: http.server.HTTPServer) -> None:
    port = server.server_address[1]
    assert access.answers(f"http://127.0.0.1:{port}")
    server.server_close()
    assert not access.answers(f"http://127.0.0.1:{port}")
