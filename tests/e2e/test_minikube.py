"""The minikube target, whole: the cluster is kind's, minikube is a fake, and the engine inside is a real second one."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import NAME, Cluster, fetch, need, pods
from tests.fakes.minikube import install
from tests.inside import engine, give_to_node, has

BACKEND = "app/backend/main.py"
NODE = f"{NAME}-control-plane"
OFFLINE_IMAGES = ("kubetasks.local/postgres:15",)


@dataclass(frozen=True)
class Minikube:
    """The fake: its folder, and the profile."""

    folder: Path
    profile: str

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def play(checkout: Checkout, cluster: Cluster, profile: str, **state: str) -> Minikube:
    """Put the fake on the checkout's PATH, and a context of the profile's name into its kubeconfig."""
    folder = checkout.path.parent / "minikube"
    install(folder, {"profile": profile, **state})
    config = folder / "kubeconfig"
    config.write_text(cluster.kubeconfig.read_text().replace(cluster.context, profile))
    checkout.env |= {
        "PATH": os.pathsep.join([str(folder), checkout.env["PATH"]]),
        "KUBECONFIG": str(config),
        "MINIKUBE_HOME": str(folder),
        "KUBETASKS_TARGET": "minikube",
        "KUBETASKS_MINIKUBE_PROFILE": profile,
    }
    return Minikube(folder, profile)


@pytest.fixture
def inside() -> Iterator[str]:
    """The address of a second container engine."""
    with engine(str(need("dockerd", "apt-get install docker.io"))) as address:
        yield address


def test_a_profile_with_containerd_gets_the_missing_layers(cluster: Cluster, checkout: Checkout) -> None:
    minikube = play(checkout, cluster, NODE, runtime="containerd")
    assert "only the layers that the nodes lack" in checkout.inv("cluster.env")
    assert "✓ verify" in checkout.inv("deploy")
    before = pods(cluster, checkout.namespace, "backend")
    checkout.append(BACKEND, f"\nCHANGED = {secrets.token_hex(4)!r}\n")
    out = checkout.inv("deploy")
    assert "1 on every node" in out
    assert not pods(cluster, checkout.namespace, "backend").keys() & before.keys()
    assert not [call for call in minikube.calls if "load" in call or "docker-env" in call]
    assert f"{NODE} is running: containerd" in checkout.inv("doctor")
    checkout.inv("destroy")
    assert checkout.namespace not in cluster.kubectl("get", "persistentvolumes", "--output", "json")


def test_a_profile_with_docker_builds_inside_its_engine_and_not_on_the_host(
    cluster: Cluster, checkout: Checkout, inside: str
) -> None:
    minikube = play(checkout, cluster, "minikube", runtime="docker", engine=inside)
    checkout.append(BACKEND, f"\nCHANGED = {secrets.token_hex(4)!r}\n")
    # Another target's engine in the shell changes nothing, here neither.
    shell = {"MINIKUBE_ACTIVE_DOCKERD": "other", "DOCKER_HOST": "tcp://192.0.2.1:2376"}
    assert f"export DOCKER_HOST={inside}" in checkout.inv("cluster.env", env=shell)
    built = json.loads(checkout.inv("image.list", "--json"))
    checkout.inv("image.build", env=shell, timeout=900)
    for row in built:
        assert has(row["image"], inside), row
    [backend] = [row["image"] for row in built if row["service"] == "backend"]
    assert not has(backend), "it was built on the host"
    for reference in OFFLINE_IMAGES:
        if has(reference):
            give_to_node(NODE, [reference])
    give_to_node(NODE, [row["image"] for row in built], inside)
    assert "✓ verify" in checkout.inv("deploy", env=shell)
    # The node's own address and port, as `minikube service --url` prints them.
    url = checkout.inv("open").splitlines()[-1]
    assert not url.startswith("http://127.")
    assert fetch(url) == 200
    assert [call[2:] for call in minikube.calls if "load" in call] == []
    # Every later command knew the way to the engine, and made sure that it is the same one.
    assert len([call for call in minikube.calls if "docker-env" in call]) == 1
    assert len([call for call in minikube.calls if "list" in call]) == 1
    assert not has(backend)
    checkout.inv("destroy")


def test_the_fake_is_on_the_path(cluster: Cluster, checkout: Checkout) -> None:
    """The suite's own check: without it the two above could run against a minikube of the machine."""
    minikube = play(checkout, cluster, "minikube", runtime="containerd")
    found = shutil.which("minikube", path=checkout.env["PATH"])
    assert found == str(minikube.folder / "minikube")
