"""Who a tool is on the cluster: the Role, the token and the kubeconfig."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks.aiops import observer
from kubetasks.errors import ToolFailed
from kubetasks.objects import PART_OF, of_kind
from kubetasks.redact import Sensitive
from kubetasks.targets.base import Cluster
from tests.memory_store import MemoryStore
from tests.recording import RecordingRunner

CLUSTER = Cluster("kind-c", "shop", "https://127.0.0.1:40001")


def rules() -> list[dict[str, Any]]:
    [role] = of_kind(observer.objects("shop"), "Role")
    found: list[dict[str, Any]] = role["rules"]
    return found


def test_the_role_only_reads_named_kinds() -> None:
    assert {verb for rule in rules() for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = [resource for rule in rules() for resource in rule["resources"]]
    groups = [group for rule in rules() for group in rule["apiGroups"]]
    assert "*" not in [*resources, *groups]
    assert not any("resourceNames" in rule or "nonResourceURLs" in rule for rule in rules())
    assert {each for each in resources if "/" in each} == {"pods/log"}
    for kept in ("secrets", "roles", "rolebindings", "namespaces", "nodes", "customresourcedefinitions", "pods/exec"):
        assert kept not in resources


def test_nothing_is_bound_in_another_namespace_or_everywhere() -> None:
    objects = observer.objects("shop")
    assert [each["kind"] for each in objects] == ["ServiceAccount", "Role", "RoleBinding"]
    for each in objects:
        assert (each["metadata"]["name"], each["metadata"]["namespace"]) == ("kubetasks-observer", "shop")
        assert PART_OF not in each["metadata"]["labels"]  # a deploy would take it away as no longer wanted
    [binding] = of_kind(objects, "RoleBinding")
    assert binding["roleRef"]["kind"] == "Role"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "kubetasks-observer", "namespace": "shop"}]
    [account] = of_kind(objects, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False


def test_it_is_created_once_and_put_right_where_it_was_widened() -> None:
    store = MemoryStore(namespace="shop")
    store.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}])
    assert observer.ensure(store, "shop") is True
    assert observer.ensure(store, "shop") is False
    role = store.objects["Role/kubetasks-observer"]
    role["rules"] = [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}]
    assert observer.ensure(store, "shop") is True
    assert store.objects["Role/kubetasks-observer"]["rules"] == rules()


def test_the_token_lives_for_ten_minutes_and_is_hidden() -> None:
    runner = RecordingRunner({("kubectl",): "eyJhbGciOiJSUzI1NiJ9.token.of-the-observer\n"})
    key = observer.token(CLUSTER, runner)
    assert runner.argvs == [
        ["kubectl", "--context", "kind-c", "--namespace", "shop", "--request-timeout=20s", "create", "token",
         "kubetasks-observer", "--duration=10m"]
    ]  # fmt: skip
    assert key.reveal() == "eyJhbGciOiJSUzI1NiJ9.token.of-the-observer"
    assert "of-the-observer" not in runner.redactor(f"token: {key.reveal()}")


def test_no_token() -> None:
    runner = RecordingRunner({("kubectl",): (1, "", 'error: serviceaccounts "kubetasks-observer" not found')})
    with pytest.raises(ToolFailed):
        observer.token(CLUSTER, runner)


@pytest.mark.parametrize(
    ("entry", "port", "wanted"),
    [
        ({"server": "https://127.0.0.1:40001", "certificate-authority-data": "Q0E="}, 6443,
         {"server": "https://127.0.0.1:6443", "certificate-authority-data": "Q0E=", "tls-server-name": "127.0.0.1"}),
        ({"server": "https://api.example.com:443/k8s/c-1", "proxy-url": "http://proxy:3128"}, 6443,
         {"server": "https://127.0.0.1:6443/k8s/c-1", "tls-server-name": "api.example.com"}),
        ({"server": "https://10.0.0.1", "tls-server-name": "kubernetes"}, 6443,
         {"server": "https://127.0.0.1:6443", "tls-server-name": "kubernetes"}),
        ({"server": "https://10.0.0.1", "insecure-skip-tls-verify": True}, 6443,
         {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True, "tls-server-name": "10.0.0.1"}),
        ({"server": "http://127.0.0.1:8001"}, 6443, {"server": "http://127.0.0.1:6443"}),
        ({"server": "https://10.0.0.1", "proxy-url": "http://proxy:3128"}, 0,
         {"server": "https://10.0.0.1", "proxy-url": "http://proxy:3128"}),
    ],
)  # fmt: skip
def test_the_kubeconfig_for_the_occasion(
    tmp_path: Path, entry: dict[str, Any], port: int, wanted: dict[str, Any]
) -> None:
    path = tmp_path / "private"
    user = {"client-key-data": "a2V5LW9mLXRoZS11c2Vy", "token": "token-of-the-user"}
    path.write_text(json.dumps({"clusters": [{"name": "c", "cluster": entry}], "users": [{"name": "u", "user": user}]}))
    cluster = Cluster("kind-c", "shop", str(entry["server"]), str(path))
    text = observer.kubeconfig(cluster, Sensitive("the-token"), port)
    document = json.loads(text)
    assert document["clusters"][0]["cluster"] == wanted
    assert document["users"] == [{"name": "kubetasks-observer", "user": {"token": "the-token"}}]
    assert document["contexts"][0]["context"]["namespace"] == "shop"
    assert "of-the-user" not in text
    assert "a2V5" not in text
