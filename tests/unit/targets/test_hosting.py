"""The local registry that a cluster advertises, and the kind target with one."""

import json
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable, DeliveryFailed
from kubetasks.images.content import Content
from kubetasks.settings import load
from kubetasks.targets import hosting, strategies
from kubetasks.targets.base import Cluster, Target
from kubetasks.targets.kind import KindTarget
from tests.recording import Answer, Call, RecordingRunner

KUBECTL = ("kubectl", "--context", "kind-c")
HOSTING = (*KUBECTL, "--namespace", "kube-public")
SETTINGS = load({"project": "shop"}, environ={})
HOST = "localhost:5001"
IMAGE = f"{HOST}/kubetasks/shop-api:1"
DIGEST = f"sha256:{'1' * 64}"
MANIFEST = json.dumps(
    {"Descriptor": {"digest": f"sha256:{'2' * 64}"}, "SchemaV2Manifest": {"config": {"digest": DIGEST}}}
)


def maps(text: object, name: str = "local-registry-hosting", key: str = "localRegistryHosting.v1") -> str:
    other = {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": "x"}}
    item = {"metadata": {"name": name}, "data": None if text is None else {key: text}}
    return json.dumps({"items": [other, item]})


def find(answer: Answer) -> tuple[str, list[str]]:
    notes: list[str] = []
    cluster = Cluster("kind-c", "shop", "https://127.0.0.1:1")
    cluster.link.notify = notes.append
    return hosting.find(cluster, RecordingRunner({HOSTING: answer})), notes


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ('host: "localhost:5001"\nhelp: "https://kind.sigs.k8s.io/docs/user/local-registry/"\n', "localhost:5001"),
        ("host: 127.0.0.1:5000", "127.0.0.1:5000"),
        ('{"host": "[::1]:5000", "hostFromClusterNetwork": "registry:5000"}', "[::1]:5000"),
        ("host: 192.168.49.2:5000", "192.168.49.2:5000"),
        ("host: localhost", "localhost"),
        # It decides where source code goes, so nothing but a plain host is taken.
        ("host: localhost:5001/evil", ""),
        ("host: user@localhost:5001", ""),
        ("host: http://localhost:5001", ""),
        ("host: --config=x", ""),
        ("host: 'localhost:5001 x'", ""),
        ("host: ''", ""),
        ("host: 5001", ""),
        ("host: [localhost]", ""),
        ("hostFromClusterNetwork: registry:5000", ""),
        ("host: a\nhost: b", ""),
        ("- localhost:5001", ""),
        ("localhost:5001", ""),
        ("a: [", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_what_the_document_says(text: str | None, host: str) -> None:
    assert find(maps(text)) == (host, [])


@pytest.mark.parametrize("host", ["registry.example.com", "203.0.113.7:5000", "localhost.example.com:5000", "ghcr.io"])
def test_a_registry_elsewhere_gets_nothing(host: str) -> None:
    found, notes = find(maps(f"host: {host}"))
    assert found == ""
    assert notes == [f"the cluster advertises the registry {host}, which is not local: it is not used"]


@pytest.mark.parametrize(
    "answer",
    [
        '{"items": []}',
        maps("host: localhost:1", name="other"),
        maps("host: localhost:1", key="localRegistryHosting.v2"),
        (1, "", 'Error from server (Forbidden): configmaps is forbidden: User "x" cannot list resource "configmaps"'),
    ],
)
def test_no_registry(answer: Answer) -> None:
    assert find(answer) == ("", [])


def test_a_cluster_that_does_not_answer_has_not_said_that_it_has_none() -> None:
    with pytest.raises(ClusterUnreachable):
        find((1, "", "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"))


def make(more: dict[tuple[str, ...], Answer] | None = None) -> tuple[KindTarget, RecordingRunner]:
    row = {"Id": DIGEST, "RepoTags": [IMAGE]}
    answers: dict[tuple[str, ...], Answer] = {
        HOSTING: maps(f"host: {HOST}"),
        ("docker", "manifest", "inspect"): MANIFEST,
        ("docker", "image", "inspect"): json.dumps(row) + "\n",
        ("docker", "push"): "",
        ("docker", "ps"): "c-control-plane control-plane\n",
        ("docker", "exec", "c-control-plane", "sh"): "",
    }
    runner = RecordingRunner({**answers, **(more or {})})
    return KindTarget(SETTINGS, runner, Cluster("kind-c", "shop", "https://127.0.0.1:1")), runner


def test_is_a_target() -> None:
    target: Target = make()[0]
    assert target.pull_policy == "IfNotPresent"
    assert target.repository("api") == f"{HOST}/kubetasks/shop-api"
    assert make()[0].strategy.deliver == strategies.LOCAL_PUSH
    without, runner = make({HOSTING: '{"items": []}'})
    assert (without.pull_policy, without.repository("api")) == ("Never", "kubetasks/shop-api")
    assert without.strategy.deliver == strategies.LAYERS
    assert len(runner.argvs) == 1, "asked once"


def test_images_are_pushed_and_looked_for() -> None:
    target, runner = make()
    there = target.deliver([IMAGE], lambda line: None)
    assert there[IMAGE] == Content(frozenset({f"config:{DIGEST}", f"manifest:sha256:{'2' * 64}"}))
    assert ["docker", "push", IMAGE] in runner.argvs
    assert ["docker", "manifest", "inspect", "--verbose", "--insecure", IMAGE] in runner.argvs
    assert not [argv for argv in runner.argvs if argv[:2] in (["docker", "exec"], ["docker", "ps"])]
    assert set(target.contents([IMAGE])) == {IMAGE}


def test_what_is_not_in_the_registry_is_brought_into_the_nodes() -> None:
    target, runner = make({("docker", "manifest", "inspect"): (1, "", "no such manifest")})
    assert target.contents([IMAGE, "kubetasks.local/postgres:15"]) == {}
    assert [argv[-1] for argv in runner.argvs if argv[1:3] == ["manifest", "inspect"]] == [IMAGE]
    asked = [argv for argv in runner.argvs if argv[:2] == ["docker", "exec"]]
    assert asked
    assert all(IMAGE not in " ".join(argv) for argv in asked)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({("docker", "push"): (1, "", "connection refused")}, f"{IMAGE} was not pushed"),
        ({("docker", "manifest", "inspect"): (1, "", "no such manifest")}, "the registry does not show it"),
        (
            {("docker", "manifest", "inspect"): MANIFEST.replace("1" * 64, "3" * 64)},
            "has another image under that name",
        ),
    ],
)
def test_what_did_not_arrive_is_said(more: dict[tuple[str, ...], Any], says: str) -> None:
    with pytest.raises(DeliveryFailed, match=says) as caught:
        make(more)[0].deliver([IMAGE], lambda line: None)
    if "push" in str(more):
        assert "start the registry localhost:5001" in caught.value.fix
        assert "delete configmap/local-registry-hosting" in caught.value.fix


def test_the_cluster_is_asked_with_its_private_kubeconfig() -> None:
    seen: list[Call] = []

    def answer(call: Call) -> str:
        seen.append(call)
        return '{"items": []}'

    cluster = Cluster("kind-c", "shop", "https://127.0.0.1:1", kubeconfig="/private/config", local=True)
    hosting.find(cluster, RecordingRunner({HOSTING: answer}))
    assert seen[0].env["KUBECONFIG"] == "/private/config"
