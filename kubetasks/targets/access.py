"""The address at which a Service answers without a forwarded port, and why it has none."""

import http.client
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from kubetasks.objects import Object, of_kind
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster, Store
from kubetasks.tools import docker

PATIENCE: Final = 2.0
HTTP: Final = 80


def answers(url: str) -> bool:
    """Whether an HTTP server answers at a base URL, whatever it says."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"User-Agent": "kubetasks"})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def direct(
    store: Store, cluster: Cluster, runner: Runner, service: str, port: int, probe: Callable[[str], bool] = answers
) -> str:
    """The first address of a Service that answers from this machine; empty for none.

    Asked are its load balancer's addresses, which ``minikube tunnel`` or MetalLB give it, and its node port: at the
    nodes' addresses on minikube, as ``minikube service --url`` prints it, and at the host's ports that kind maps.

    Args:
        store: where the objects are.
        cluster: what the cluster is.
        runner: starts docker.
        service: the Service's name.
        port: the Service's port.
        probe: whether an HTTP server answers at a URL.
    """
    item = _service(store, service)
    if item is None:
        return ""
    found = (
        f"http://{host}{'' if number == 80 else f':{number}'}"
        for host, number in _places(store, cluster, runner, item, port)
    )
    return next((url for url in found if probe(url)), "")


def _service(store: Store, name: str) -> Object | None:
    return next((item for item in of_kind(store.get(["Service"]), "Service") if item["metadata"]["name"] == name), None)


def _balancers(item: Object) -> list[dict[str, Any]]:
    return list(((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ())


def _places(store: Store, cluster: Cluster, runner: Runner, item: Object, port: int) -> Iterator[tuple[str, int]]:
    for each in _balancers(item):
        host = str(each.get("ip") or each.get("hostname") or "")
        if host:
            yield (f"[{host}]" if ":" in host else host), port
    ports = item["spec"].get("ports") or ()
    node_port = next((int(each["nodePort"]) for each in ports if each.get("nodePort") and each.get("port") == port), 0)
    if not node_port:
        return
    if cluster.kind == "minikube":
        for node in of_kind(store.get(["Node"]), "Node"):
            for address in (node.get("status") or {}).get("addresses") or ():
                if address.get("type") in {"InternalIP", "ExternalIP"}:
                    yield str(address["address"]), node_port
    elif cluster.kind == "kind":
        container = f"{cluster.context.removeprefix('kind-')}-control-plane"
        result = runner.run(docker.port(container, node_port), timeout=20, check=False)
        for host, number in docker.parse_port(result.stdout) if result.ok else ():
            yield ("127.0.0.1" if host in {"0.0.0.0", "::"} else host), number  # noqa: S104


def pending(store: Store, cluster: Cluster, service: str) -> str:
    """Why a LoadBalancer has no address, with what gives it one; empty where it has one, or is none."""
    item = _service(store, service)
    if item is None or item["spec"].get("type") != "LoadBalancer" or _balancers(item):
        return ""
    what = f"the LoadBalancer {service} is pending"
    if cluster.kind == "minikube":
        return f"{what}: on minikube it gets an address while `inv cluster.tunnel` runs"
    if cluster.kind == "kind":
        return f"{what}: nothing on kind gives it an address, except cloud-provider-kind or MetalLB"
    return f"{what}: nothing on this cluster has given it an address yet"
