from typing import Any

import pytest

from kubetasks import objects


def thing(kind: str, name: str = "a", **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def test_identity() -> None:
    assert objects.identity(thing("Deployment", "web")) == "Deployment/web"
    items = [thing("Service"), thing("Deployment")]
    assert list(objects.by_identity(items)) == ["Service/a", "Deployment/a"]


def test_of_kind_keeps_the_order() -> None:
    items = [thing("Service", "1"), thing("Job", "2"), thing("Service", "3")]
    assert [item["metadata"]["name"] for item in objects.of_kind(items, "Service")] == ["1", "3"]


@pytest.mark.parametrize("kind", objects.WORKLOADS)
def test_workloads_have_a_pod_template(kind: str) -> None:
    template = {"spec": {"initContainers": [{"name": "first"}], "containers": [{"name": "second"}]}}
    item = thing(kind, template=template)
    assert objects.pod_template(item) is template
    assert [each["name"] for each in objects.containers(item)] == ["first", "second"]


@pytest.mark.parametrize(
    "item", [thing("Service"), {"kind": "ConfigMap", "metadata": {"name": "a"}}, thing("Deployment")]
)
def test_others_have_none(item: dict[str, Any]) -> None:
    assert objects.pod_template(item) is None
    assert list(objects.containers(item)) == []


def test_digest_does_not_depend_on_order() -> None:
    assert objects.digest({"a": 1, "b": [1, 2]}) == objects.digest({"b": [1, 2], "a": 1})
    assert objects.digest([1, 2]) != objects.digest([2, 1])
    assert len(objects.digest("x")) == 64
    assert objects.digest("x", length=12) == objects.digest("x")[:12]
