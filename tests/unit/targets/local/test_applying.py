import base64

import pytest

from kubetasks.errors import ApplyFailed
from kubetasks.objects import Object
from kubetasks.targets.local.applying import matches, merged
from tests.unit.targets.local.objects import config_map, deployment, job, secret


def test_metadata_is_kept_as_a_server_keeps_it() -> None:
    first = merged(deployment("web"), None, "demo")
    meta = first["metadata"]
    assert meta["namespace"] == "demo"
    assert meta["generation"] == 1
    assert all(meta[key] for key in ("uid", "resourceVersion", "creationTimestamp"))
    assert merged(deployment("web"), first, "demo") is first
    second = merged(deployment("web", replicas=2), first, "demo")
    assert second["metadata"]["generation"] == 2
    assert second["metadata"]["uid"] == meta["uid"]
    assert second["metadata"]["resourceVersion"] != meta["resourceVersion"]


def test_labels_alone_do_not_make_a_generation() -> None:
    first = merged(deployment("web"), None, "demo")
    other = deployment("web")
    other["metadata"]["labels"]["more"] = "x"
    assert merged(other, first, "demo")["metadata"]["generation"] == 1


def test_what_is_no_longer_asked_for_goes() -> None:
    first = merged(config_map("config", A="1", B="2"), None, "demo")
    assert merged(config_map("config", A="1"), first, "demo")["data"] == {"A": "1"}


def test_a_live_object_can_be_applied_again() -> None:
    first = merged(deployment("web"), None, "demo")
    assert merged({**first, "status": {"replicas": 1}}, first, "demo") is first


def test_string_data_becomes_data() -> None:
    made = merged(secret("secrets", KEY="välue"), None, "demo")
    assert "stringData" not in made
    assert base64.b64decode(made["data"]["KEY"]).decode() == "välue"
    assert merged(secret("secrets", KEY="välue"), made, "demo") is made


def test_an_old_version_is_refused() -> None:
    first = merged(config_map("config", A="1"), None, "demo")
    second = merged(config_map("config", A="2"), first, "demo")
    stale = config_map("config", A="3")
    stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    with pytest.raises(ApplyFailed, match="has been modified"):
        merged(stale, second, "demo")
    stale["metadata"]["resourceVersion"] = second["metadata"]["resourceVersion"]
    assert merged(stale, second, "demo")["data"] == {"A": "3"}


def test_a_job_cannot_change() -> None:
    first = merged(job("migrate", {"name": "a"}), None, "demo")
    with pytest.raises(ApplyFailed, match=r"spec\.template: field is immutable"):
        merged(job("migrate", {"name": "b"}), first, "demo")


@pytest.mark.parametrize(
    "item",
    [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "../escape"}},
        {"apiVersion": "v1", "kind": "../Config", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "UPPER"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
        {"kind": "ConfigMap", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "ConfigMap"},
    ],
)
def test_what_is_no_object_is_refused(item: Object) -> None:
    with pytest.raises(ApplyFailed, match=r"apiVersion, kind and a valid metadata\.name are required"):
        merged(item, None, "demo")


@pytest.mark.parametrize(
    ("selector", "result"),
    [("", True), ("a=1", True), ("a==1", True), ("a=2", False), ("a=1,b=2", True), ("a=1, b=3", False), ("a!=2", True),
     ("a!=1", False), ("c!=1", True), ("a", True), ("c", False)],
)  # fmt: skip
def test_selectors(selector: str, result: bool) -> None:
    assert matches({"a": "1", "b": "2"}, selector) is result
