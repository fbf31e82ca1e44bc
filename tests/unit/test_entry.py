"""The entry of an application: which Service its users reach first."""

from typing import Any

import pytest

from kubetasks.entry import Entry, candidates, choose, unclear
from kubetasks.objects import Object


def service(called: str, port: int = 80, *, kind: str = "ClusterIP", **of_port: Any) -> Object:
    ports = [{"port": port, **of_port}]
    return {
        "kind": "Service", "apiVersion": "v1", "metadata": {"name": called},
        "spec": {"type": kind, "selector": {"app": called}, "ports": ports},
    }  # fmt: skip


def workload(name: str, *env: str, probe: Any = None, port: int = 0) -> Object:
    container: dict[str, Any] = {"name": name, "env": [{"name": f"V{i}", "value": text} for i, text in enumerate(env)]}
    if port:
        container["ports"] = [{"name": "main", "containerPort": port}]
    if probe is not None:
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": probe}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name}, "spec": {"template": template},
    }  # fmt: skip


def ingress(name: str, *backends: tuple[str, str, Any], host: str = "") -> Object:
    paths = [{"path": path, "backend": {"service": {"name": to, "port": port}}} for path, to, port in backends]
    rule = {"http": {"paths": paths}} | ({"host": host} if host else {})
    return {
        "kind": "Ingress", "apiVersion": "networking.k8s.io/v1", "metadata": {"name": name}, "spec": {"rules": [rule]},
    }  # fmt: skip


def route(name: str, gateway: str, to: str, port: int) -> Object:
    rule = {"matches": [{"path": {"value": "/app"}}], "backendRefs": [{"name": to, "port": port}]}
    return {
        "kind": "HTTPRoute", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {"name": name},
        "spec": {"parentRefs": [{"name": gateway}], "hostnames": ["a.example"], "rules": [rule]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        ([service("web")], ("web", 80)),
        # What is exposed goes before what is not, and what an Ingress leads to before both.
        ([service("api", 8000), service("web", 80, kind="LoadBalancer")], ("web", 80)),
        ([service("api", 8000), service("web", 5000, kind="NodePort")], ("web", 5000)),
        (
            [service("lb", kind="LoadBalancer"), service("web", 8080), ingress("i", ("/", "web", {"number": 8080}))],
            ("web", 8080),
        ),
        # A port by its name; the shortest path is the one that a user opens.
        ([service("web", 7, name="http"), ingress("i", ("/", "web", {"name": "http"}))], ("web", 7)),
        # What others ask is behind them.
        ([service("api", 8000), service("ui", 3000), workload("ui", "http://api:8000/v1")], ("ui", 3000)),
        ([service("api", 8000), service("ui", 3000), workload("ui", "api.shop.svc")], ("ui", 3000)),
        # What does not speak HTTP is no entry.
        ([service("db", 5432), service("cache", 6379), service("web", 8080)], ("web", 8080)),
        ([service("db", 5000, name="tcp-db"), service("web", 9999, name="http-web")], ("web", 9999)),
        ([service("web", 9999, appProtocol="http"), service("rpc", 9000, appProtocol="grpc")], ("web", 9999)),
        # A probe says that a port speaks HTTP, whatever its number.
        ([service("web", 7777, targetPort="main"), workload("web", probe=7777, port=7777)], ("web", 7777)),
        ([service("web", 7777, targetPort=7777), workload("web", probe="main", port=7777)], ("web", 7777)),
        # Nothing, and several.
        ([], None),
        ([service("db", 5432)], None),
        ([service("queue", 9999)], None),
        ([service("one"), service("two")], None),
        ([service("one", kind="LoadBalancer"), service("two", kind="LoadBalancer")], None),
    ],
)
def test_without_a_setting_the_only_one_is_taken(objects: list[Object], wanted: tuple[str, int] | None) -> None:
    found = choose(objects)
    assert (found and (found.service, found.port)) == wanted


def test_a_service_that_refers_to_itself_is_still_the_entry() -> None:
    objects = [service("web"), workload("web", "http://web/"), service("api", 8000), workload("api", "none")]
    assert [each.service for each in candidates([*objects, workload("ui", "http://api:8000")])] == ["web"]


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("api", Entry("api", 8000, through="ClusterIP")),
        ("api:9000", Entry("api", 9000)),
        ("api:metrics", Entry("api", 9, through="ClusterIP")),
        ("Ingress/shop", Entry("web", 80, "/", "shop.example", "Ingress/shop")),
        ("HTTPRoute/r", Entry("api", 8000, "/app", "a.example", "HTTPRoute/r")),
        ("Gateway/g", Entry("api", 8000, "/app", "a.example", "HTTPRoute/r")),
        ("Gateway/other", None),
        ("Ingress/other", None),
        ("other", None),
    ],
)
def test_the_setting_goes_before_all(setting: str, wanted: Entry | None) -> None:
    api = service("api", 8000)
    api["spec"]["ports"].append({"port": 9, "name": "metrics"})
    shop = ingress("shop", ("/", "web", {"number": 80}), host="shop.example")
    assert choose([service("web"), api, shop, route("r", "g", "api", 8000)], setting) == wanted


def test_patterns_of_paths_and_hosts_are_not_asked() -> None:
    item = ingress("i", ("/(.*)", "web", {"number": 80}), host="*.example")
    assert choose([service("web"), item]) == Entry("web", 80, "/", "", "Ingress/i")


@pytest.mark.parametrize(
    ("objects", "setting", "why"),
    [
        ([], "", "no Service is rendered that speaks HTTP, and `verify.entry` names none"),
        ([service("a"), service("b")], "", "several Services could be the entry (a, b): name one in `verify.entry`"),
        ([service("a")], "b", "`verify.entry` is b, and no such Service is rendered"),
    ],
)
def test_why_there_is_no_entry(objects: list[Object], setting: str, why: str) -> None:
    assert unclear(objects, setting) == why
