"""What makes clusters: which provider a context belongs to, and how images get to Docker Desktop and k3d."""

import json
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable, DeliveryFailed, EngineDown, KubetasksError
from kubetasks.settings import load
from kubetasks.targets import providers, strategies
from kubetasks.targets.base import Cluster
from kubetasks.targets.docker_desktop import SharedEngineTarget
from kubetasks.targets.k3d import K3dTarget
from kubetasks.targets.providers import Provider, provider_of
from kubetasks.tools.kubeconfig import Context
from tests.recording import RecordingRunner

SETTINGS = load({"project": "shop"}, environ={})
REFERENCE = "kubetasks/shop-web:1"
IMAGE = json.dumps({"Id": "sha256:1", "RepoTags": [REFERENCE]}) + "\n"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("kind-a", "kind"), ("minikube", "minikube"), ("mine", "minikube"), ("docker-desktop", "docker-desktop"),
        ("docker-for-desktop", "docker-desktop"), ("orbstack", "docker-desktop"), ("rancher-desktop", "docker-desktop"),
        ("colima", "docker-desktop"), ("colima-dev", "docker-desktop"), ("k3d-a", "k3d"), ("k3s", "context"),
        ("microk8s", "context"), ("docker-desktop-prod", "context"), ("prod", "context"), ("my-k3d-a", "context"),
    ],
)  # fmt: skip
def test_a_context_belongs_to_one_provider(name: str, wanted: str) -> None:
    found = provider_of(Context(name), ["mine"])
    assert found.name == wanted
    # Each has a row in the table of strategies.
    assert strategies.choose(wanted, runtime="containerd", driver="docker").provider == wanted


def nodes(runtime: str) -> str:
    item = {"kind": "Node", "metadata": {"name": "n"}, "status": {"nodeInfo": {"containerRuntimeVersion": runtime}}}
    return json.dumps({"kind": "List", "items": [item]})


def desktop(**answers: Any) -> tuple[SharedEngineTarget, RecordingRunner]:
    runner = RecordingRunner(
        {
            ("docker", "version"): "29.0\n",
            ("docker", "image", "inspect"): IMAGE,
            ("kubectl",): answers.get("nodes", nodes("docker://29.0.0")),
        }
    )
    return SharedEngineTarget(SETTINGS, runner, Cluster("docker-desktop", "shop", kind="docker-desktop")), runner


def test_docker_desktop_needs_no_delivery() -> None:
    target, runner = desktop()
    target.preflight()
    assert target.strategy.deliver == strategies.NOTHING
    assert target.repository("web") == "kubetasks/shop-web"
    assert target.pull_policy == "Never"
    held = target.deliver([REFERENCE], str)  # type: ignore[arg-type]
    assert list(held) == [REFERENCE]
    assert not any("push" in argv or "save" in argv for argv in runner.argvs)
    assert target.contents([]) == {}


def test_a_node_with_an_image_store_of_its_own_is_refused_before_the_build() -> None:
    target, _ = desktop(nodes=nodes("containerd://2.1.0"))
    with pytest.raises(DeliveryFailed, match="node n of context docker-desktop has its own image store") as refused:
        target.preflight()
    assert "images.registry" in refused.value.fix


def k3d(
    listed: str | None = "k3d-dev-server-0 server\nk3d-dev-agent-0 agent\nk3d-dev-serverlb loadbalancer\n",
) -> K3dTarget:
    runner = RecordingRunner({("docker", "ps"): listed} if listed is not None else {})
    return K3dTarget(SETTINGS, runner, Cluster("k3d-dev", "shop", kind="k3d"))


def test_the_nodes_of_k3d_are_its_servers_and_agents() -> None:
    target = k3d()
    assert target.nodes_with_images.names == ("k3d-dev-agent-0", "k3d-dev-server-0")
    assert target.strategy.deliver == strategies.LAYERS
    assert (target.pull_policy, target.contents([]), target.deliver([], str)) == ("Never", {}, {})  # type: ignore[arg-type]


def test_a_stopped_k3d_cluster_is_named() -> None:
    with pytest.raises(ClusterUnreachable, match="k3d cluster dev has no running node -- start it: k3d cluster start"):
        k3d("").contents([REFERENCE])


def test_an_installed_package_adds_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Provider("mine", lambda context, _: context.name.startswith("mine-"), K3dTarget)
    monkeypatch.setattr("tests.unit.targets.test_providers.MINE", mine, raising=False)
    found = [EntryPoint("mine", "tests.unit.targets.test_providers:MINE", providers.GROUP)]
    monkeypatch.setattr(providers, "entry_points", lambda group: found if group == providers.GROUP else [])
    providers.providers.cache_clear()
    try:
        assert provider_of(Context("mine-1")) is mine
        assert provider_of(Context("kind-1")).name == "kind"
    finally:
        providers.providers.cache_clear()


@pytest.mark.parametrize("value", ["tests.unit.targets.test_providers:IMAGE", "no_such_module:X"])
def test_an_entry_point_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(providers, "entry_points", lambda group: [EntryPoint("odd", value, group)])
    providers.providers.cache_clear()
    try:
        with pytest.raises(KubetasksError, match=r"the entry point odd of kubetasks\.targets cannot be used"):
            provider_of(Context("kind-1"))
    finally:
        providers.providers.cache_clear()


def test_an_engine_that_is_down() -> None:
    runner = RecordingRunner({("docker", "ps"): lambda _: (1, "", "Cannot connect to the Docker daemon")})
    with pytest.raises(EngineDown):
        K3dTarget(SETTINGS, runner, Cluster("k3d-dev", "shop")).contents([REFERENCE])
