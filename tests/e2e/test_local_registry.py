"""A kind cluster that advertises a local registry (KEP-1755), with Docker's registry on this machine."""

import json
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import NAME, Cluster, fetch, need, pods

NODE = f"{NAME}-control-plane"


@pytest.fixture
def registry(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """A registry, reachable at the same name from this machine and from the node, and advertised by the cluster."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    host = f"localhost:{port}"
    config = tmp_path / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}
    config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": f":{port}"}}))
    program = need("docker-registry", "apt-get install docker-registry")
    gateway = subprocess.run(
        ["docker", "network", "inspect", "kind", "--format", "{{(index .IPAM.Config 0).Gateway}}"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    folder = f"/etc/containerd/certs.d/{host}"
    hosts = f'[host."http://{gateway}:{port}"]\n'
    with subprocess.Popen([program, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    assert fetch(f"http://{host}/v2/") == 200
                    break
                except OSError:
                    assert running.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            write = f"mkdir -p '{folder}' && cat >'{folder}/hosts.toml'"
            subprocess.run(["docker", "exec", "-i", NODE, "sh", "-c", write], input=hosts, text=True, check=True)
            document = f"host: {host}\nhelp: https://kind.sigs.k8s.io/docs/user/local-registry/\n"
            cluster.kubectl(
                *("--namespace", "kube-public", "create", "configmap", "local-registry-hosting"),
                f"--from-literal=localRegistryHosting.v1={document}",
            )
            yield host
        finally:
            cluster.kubectl("--namespace", "kube-public", "delete", "configmap", "local-registry-hosting", check=False)
            subprocess.run(["docker", "exec", NODE, "rm", "-r", folder], check=False)
            running.terminate()
            running.wait(30)


def test_images_go_through_the_registry_that_the_cluster_advertises(
    cluster: Cluster, checkout: Checkout, registry: str
) -> None:
    assert "docker push to the local registry" in checkout.inv("cluster.env")
    assert "✓ verify" in checkout.inv("deploy", timeout=900)
    running = cluster.objects("pods", checkout.namespace, "app.kubernetes.io/name=backend")
    image = running[0]["spec"]["containers"][0]["image"]
    assert image.startswith(f"{registry}/")
    assert running[0]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    # The kubelet pulled it: nothing else brought it to the node.
    events = cluster.objects("events", checkout.namespace)
    assert any(each["reason"] == "Pulled" and "Successfully pulled" in each["message"] for each in events)
    before = pods(cluster, checkout.namespace, "backend")
    checkout.append("app/backend/main.py", f"\nCHANGED = {secrets.token_hex(4)!r}\n")
    assert "✓ verify" in checkout.inv("deploy", timeout=900)
    assert not pods(cluster, checkout.namespace, "backend").keys() & before.keys()
    # Without a registry, the same application goes on, with the layers brought into the nodes.
    cluster.kubectl("--namespace", "kube-public", "delete", "configmap", "local-registry-hosting")
    assert "only the layers that the nodes lack" in checkout.inv("cluster.env")
    assert "✓ verify" in checkout.inv("deploy", timeout=900)
    again = cluster.objects("pods", checkout.namespace, "app.kubernetes.io/name=backend")
    assert any(not each["spec"]["containers"][0]["image"].startswith(registry) for each in again)
