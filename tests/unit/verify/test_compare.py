"""Rendered fields against live ones."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from kubetasks.verify.compare import differences, quantity
from tests.unit.verify.fakes import deployment, rolled_out


def told(rendered: dict[str, Any], live: dict[str, Any]) -> list[str]:
    return [str(each) for each in differences(rendered, live)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", Decimal("0.5")),
        (0.5, Decimal("0.5")),
        (1, Decimal(1)),
        ("1Gi", Decimal(2**30)),
        ("1024Mi", Decimal(2**30)),
        ("1k", Decimal(1000)),
        ("1e3", Decimal(1000)),
        ("100u", Decimal("0.0001")),
        ("-1", Decimal(-1)),
        ("a lot", None),
        ("1.2.3", None),
        (True, None),
        ("", None),
        ("10%", None),
    ],
)
def test_quantity(text: Any, number: Decimal | None) -> None:
    assert quantity(text) == number


def test_what_the_server_adds_does_not_matter() -> None:
    assert differences(deployment(), rolled_out(deployment())) == []


def _container(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["spec"]["template"]["spec"]["containers"][0]
    return found


def test_an_image_with_another_tag() -> None:
    live = rolled_out(deployment(image="test/web:2"))
    assert told(deployment(), live) == [
        "spec.template.spec.containers[web].image: expected test/web:1, found test/web:2"
    ]


@pytest.mark.parametrize(("rendered", "live"), [("test/web", "test/web:1"), ("test/web:1", "test/web")])
def test_an_absent_or_extra_tag(rendered: str, live: str) -> None:
    assert told(deployment(image=rendered), rolled_out(deployment(image=live))) == [
        f"spec.template.spec.containers[web].image: expected {rendered}, found {live}"
    ]


def test_lists_are_merged_by_their_key_whatever_the_order() -> None:
    rendered = deployment()
    live = rolled_out(rendered)
    _container(live)["env"].insert(0, {"name": "INJECTED", "value": "x"})
    live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar", "image": "s"})
    assert differences(rendered, live) == []


def test_paths_name_what_is_otherwise() -> None:
    rendered = deployment()
    rendered["metadata"]["annotations"] = {"example.org/a.b": "1"}
    rendered["spec"]["template"]["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
    live = rolled_out(rendered)
    live["metadata"]["annotations"] = {"example.org/a.b": "2"}
    container = _container(live)
    container["env"] = []
    container["resources"]["limits"]["memory"] = "2Gi"
    container["ports"][0]["containerPort"] = 3001
    live["spec"]["template"]["spec"]["volumes"][0]["emptyDir"]["sizeLimit"] = "1024Mi"
    live["spec"]["replicas"] = 1
    assert told(rendered, live) == [
        "metadata.annotations[example.org/a.b]: expected 1, found 2",
        "spec.replicas: expected 2, found 1",
        "spec.template.spec.containers[web].ports[http].containerPort: expected 3000, found 3001",
        "spec.template.spec.containers[web].env[LEVEL]: expected {'name': 'LEVEL', 'value': 'info'}, found nothing",
        "spec.template.spec.containers[web].resources.limits.memory: expected 1024Mi, found 2Gi",
    ]


@pytest.mark.parametrize(
    ("rendered", "live"),
    [
        ({"spec": {"emptyDir": {}}}, {"spec": {}}),
        ({"spec": {"value": ""}}, {"spec": {}}),
        ({"spec": {"ingress": []}}, {"spec": {"ingress": None}}),
        ({"spec": {"nothing": None}}, {"spec": {"nothing": 3}}),
        ({"spec": {}, "status": {"replicas": 1}}, {"spec": {}}),
        ({"metadata": {"creationTimestamp": None, "name": "a"}}, {"metadata": {"name": "a", "creationTimestamp": "x"}}),
        ({"spec": {"args": ["a", "b"]}}, {"spec": {"args": ["a", "b"]}}),
        (
            {"spec": {"volumeMounts": [{"name": "t", "mountPath": "/a"}, {"name": "t", "mountPath": "/b"}]}},
            {"spec": {"volumeMounts": [{"name": "t", "mountPath": "/b"}, {"name": "t", "mountPath": "/a"}]}},
        ),
        (
            {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}},
            {"spec": {"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": []}]}},
        ),
    ],
)
def test_equal(rendered: dict[str, Any], live: dict[str, Any]) -> None:
    assert differences(rendered, live) == []


@pytest.mark.parametrize(
    ("rendered", "live", "wrong"),
    [
        (
            {"spec": {"args": ["a", "b"]}},
            {"spec": {"args": ["b", "a"]}},
            "spec.args: expected ['a', 'b'], found ['b', 'a']",
        ),
        ({"spec": {"a": {"b": 1}}}, {"spec": {}}, "spec.a: expected {'b': 1}, found nothing"),
        ({"spec": {"a": [1]}}, {"spec": {}}, "spec.a: expected [1], found nothing"),
        ({"spec": {"on": True}}, {"spec": {"on": 1}}, "spec.on: expected True, found 1"),
        ({"spec": {"value": ""}}, {"spec": {"value": "x"}}, 'spec.value: expected "", found x'),
        (
            {"spec": {"from": [{"a": 1}]}},
            {"spec": {"from": [{"a": 1}, {"b": 1}]}},
            "spec.from: expected 1 entries, found 2",
        ),
        ({"spec": {"from": [{"a": 1}]}}, {"spec": {"from": [{"a": 2}]}}, "spec.from[0].a: expected 1, found 2"),
    ],
)
def test_different(rendered: dict[str, Any], live: dict[str, Any], wrong: str) -> None:
    assert told(rendered, live) == [wrong]


def test_neither_object_is_changed() -> None:
    rendered, live = deployment(), rolled_out(deployment())
    before = deepcopy((rendered, live))
    differences(rendered, live)
    assert (rendered, live) == before
