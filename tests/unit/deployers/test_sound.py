"""What is rendered and can never work is refused before anything is built."""

from copy import deepcopy
from typing import Any

import pytest

from kubetasks.deployers.sound import check
from kubetasks.errors import ImageUnused, LineEndings, RenderFailed, SettingsError
from kubetasks.objects import Objects
from tests.samples import application, configmap, deployment, job, service, settings


def changed(**container: Any) -> Objects:
    """The application with something else in the backend's container."""
    objects = deepcopy(application())
    objects[2]["spec"]["template"]["spec"]["containers"][0].update(container)
    return objects


def test_what_works() -> None:
    chosen = settings(verify={"entry": "backend:8000"}, migrations={"job": "migrate", "service": "backend"})
    check(chosen, application())
    check(settings(), [])
    check(settings(verify={"entry": "backend"}), application())
    sound = changed(
        ports=[{"name": "http", "containerPort": 80}],
        readinessProbe={"httpGet": {"port": "http"}, "initialDelaySeconds": 10},
        livenessProbe={"tcpSocket": {"port": 80}},
        startupProbe={"exec": {"command": ["true"]}},
        resources={
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": 0.5, "memory": "1024Mi", "x": "odd"},
        },
    )
    sound[1]["spec"]["ports"] = [{"name": "web", "port": 80, "targetPort": "http"}]
    check(settings(verify={"entry": "backend:web"}), sound)


@pytest.mark.parametrize(
    ("container", "why"),
    [
        (
            {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
            "requests 2 of cpu, more than its limit 1500m",
        ),
        ({"resources": {"requests": {"memory": "1G"}, "limits": {"memory": "900Mi"}}}, "requests 1G of memory"),
        ({"readinessProbe": {"httpGet": {"port": "http"}}}, "asks port http, and it has none with a name"),
        (
            {"ports": [{"name": "web", "containerPort": 80}], "livenessProbe": {"tcpSocket": {"port": "http"}}},
            "the livenessProbe of container backend asks port http, and it has web",
        ),
    ],
)
def test_a_workload_at_odds_with_itself(container: dict[str, Any], why: str) -> None:
    with pytest.raises(RenderFailed) as caught:
        check(settings(), changed(**container))
    assert caught.value.what == "Deployment/backend can never work"
    assert why in caught.value.why


def test_a_service_that_leads_nowhere() -> None:
    objects = changed(ports=[{"name": "http", "containerPort": 80}])
    objects[1]["spec"]["ports"] = [{"port": 80, "targetPort": "web"}]
    with pytest.raises(RenderFailed, match="it leads to port web of Deployment/backend, which has http"):
        check(settings(), objects)
    # What is behind it may be made by others.
    objects[1]["spec"]["selector"] = {"app": "elsewhere"}
    check(settings(), objects)


@pytest.mark.parametrize(
    ("given", "path", "why"),
    [
        ({"verify": {"entry": "frontend:80"}}, "verify.entry", "no Service frontend is rendered"),
        ({"verify": {"entry": "backend:80"}}, "verify.entry", "Service backend has no port 80"),
        ({"verify": {"entry": "backend:http"}}, "verify.entry", "Service backend has no port http"),
        ({"migrations": {"job": "upgrade", "service": "backend"}}, "migrations.job", "no Job upgrade is rendered"),
        ({"migrations": {"job": "migrat", "service": "backend"}}, "migrations.job", "no Job migrat is rendered"),
    ],
)
def test_a_setting_that_names_what_is_not_rendered(given: dict[str, Any], path: str, why: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check(settings(**given), [service("backend"), job()])
    assert (caught.value.what, caught.value.why) == (f"setting `kubetasks.{path}`", why)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("where", ["probe", "minimum", "both"])
def test_a_deadline_that_no_pod_can_keep(where: str) -> None:
    objects = [deployment()]
    if where != "minimum":
        probe: dict[str, Any] = {"exec": {}, "initialDelaySeconds": 20 if where == "probe" else 15}
        objects[0]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    if where != "probe":
        objects[0]["spec"]["minReadySeconds"] = 20 if where == "minimum" else 5
    with pytest.raises(SettingsError, match=r"kubetasks\.deadline.*cannot be ready before 20 s"):
        check(settings(deadline=20), objects)
    check(settings(deadline=21), objects)
    objects[0]["spec"]["replicas"] = 0
    check(settings(deadline=5), objects)


@pytest.mark.parametrize(
    ("objects", "what"),
    [
        ([configmap(**{"run.sh": "echo 1\r\necho 2\r\n"})], "run.sh of ConfigMap/todo-config"),
        ([configmap(START="#!/bin/sh\r\nexec x\r\n")], "START of ConfigMap/todo-config"),
        (
            changed(command=["sh", "-c", "echo 1\r\necho 2\r\n"]),
            "the command of container backend of Deployment/backend",
        ),
        (changed(args=["a\r\nb"]), "the command of container backend of Deployment/backend"),
    ],
)
def test_a_script_with_windows_line_endings(objects: Objects, what: str) -> None:
    with pytest.raises(LineEndings) as caught:
        check(settings(), objects)
    assert caught.value.what == f"{what} has Windows line endings"
    assert caught.value.exit_code == 44


def test_other_texts_may_have_them() -> None:
    check(settings(), [configmap(TEXT="a\r\nb\r\n", CSV="a,b\r\n1,2\r\n"), *changed(args=["#!/bin/sh\nx"])])


def test_a_built_image_that_no_object_uses_is_refused() -> None:
    objects = [deployment("backend", "ghcr.io/me/shop_cart:v1"), deployment("db", "postgres:17")]
    chosen = settings(services={"cart": {}})
    with pytest.raises(ImageUnused) as caught:
        check(chosen, objects, {"cart": "kubetasks/todo-cart:abc"})
    assert caught.value.exit_code == 72
    assert caught.value.line == (
        "no object uses the image of service cart: none has the image cart; there are ghcr.io/me/shop_cart:v1, "
        "postgres:17 -- set kubetasks.services.cart.image to the image that stands for it, such as "
        "ghcr.io/me/shop_cart, or remove the service (a custom resource needs kubetasks.pod_templates)"
    )
    # Its repository is there, with the tag of an earlier build: the Job of a migration keeps its image.
    check(chosen, [job("migrate-1", "kubetasks/todo-cart:old")], {"cart": "kubetasks/todo-cart:abc"})
    with pytest.raises(ImageUnused, match="no other images -- add a workload"):
        check(chosen, [], {"cart": "kubetasks/todo-cart:abc"})


def test_one_image_stands_for_one_service() -> None:
    with pytest.raises(SettingsError, match=r"services\.b\.image.*docker.io/library/a:2 stands for service a too"):
        check(settings(services={"a": {}, "b": {"image": "docker.io/library/a:2"}}), [])
