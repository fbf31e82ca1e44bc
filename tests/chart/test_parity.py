"""Both deployers give the same objects."""

from typing import Any

import pytest
import yaml

from kubetasks.deployers.belonging import labelled
from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer
from kubetasks.objects import CONFIG_DIGEST, MANAGED_BY, SECRET_DIGEST, by_identity, of_kind

from .common import ROOT, release, runner, settings, template, without_manager
from .conftest import Rendered


def fields(value: Any, path: str = "") -> dict[str, Any]:
    """Every leaf by its path, so that a difference is shown as the field that it is."""
    if isinstance(value, dict) and value:
        return {key: leaf for name in value for key, leaf in fields(value[name], f"{path}.{name}").items()}
    if isinstance(value, list) and value:
        return {key: leaf for index, each in enumerate(value) for key, leaf in fields(each, f"{path}[{index}]").items()}
    return {path: value}


def test_the_same_objects(rendered: Rendered, mode: str) -> None:
    manifests, helm = (by_identity(rendered[name, mode]) for name in ("manifests", "helm"))
    assert sorted(manifests) == sorted(helm)


def test_field_by_field(rendered: Rendered, mode: str) -> None:
    manifests, helm = (by_identity(without_manager(rendered[name, mode])) for name in ("manifests", "helm"))
    assert fields(helm) == fields(manifests)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"pull_policy": "IfNotPresent"}, id="pulled"),
        pytest.param({"secret_digest": ""}, id="no secret digest"),
        pytest.param(
            {"images": {"backend": "r.io:5000/a/b:1", "frontend": "r.io:5000/a/f:2"}}, id="registry with a port"
        ),
        pytest.param({"namespace": "elsewhere"}, id="another namespace"),
        pytest.param({"config": {"LLM_BASE_URL": "http://llm:11434/v1", "LLM_MODEL": "m"}}, id="with a model"),
    ],
)
def test_field_by_field_of_other_releases(facts: dict[str, Any]) -> None:
    manifests = ManifestsRenderer(settings(), ROOT, runner()).render(release("bundled", **facts))
    helm = ChartRenderer(settings(), ROOT, runner()).render(release("bundled", **facts))
    assert fields(by_identity(without_manager(helm))) == fields(by_identity(without_manager(manifests)))


def test_what_helm_upgrade_is_told_gives_what_was_rendered(rendered: Rendered, mode: str) -> None:
    values = ChartRenderer(settings(), ROOT, runner()).values(release(mode))
    told = [item for item in yaml.safe_load_all(template(values=values).stdout) if item]
    assert by_identity(labelled(told, "todo")) == by_identity(rendered["helm", mode])


def test_each_says_who_manages_it(rendered: Rendered, mode: str) -> None:
    for name, manager in (("manifests", "kubetasks"), ("helm", "Helm")):
        assert {item["metadata"]["labels"][MANAGED_BY] for item in rendered[name, mode]} == {manager}


def test_digests_are_on_the_pods_that_use_them(rendered: Rendered, deployer: str) -> None:
    workloads = by_identity(of_kind(rendered[deployer, "bundled"], "Deployment", "StatefulSet", "Job"))
    found = {name: item["spec"]["template"]["metadata"].get("annotations", {}) for name, item in workloads.items()}
    config = found["Deployment/frontend"][CONFIG_DIGEST]
    assert len(config) == 64
    assert set(config) != {"0"}
    assert found == {
        "Deployment/backend": {CONFIG_DIGEST: config, SECRET_DIGEST: "5ec7e7"},
        "Deployment/frontend": {CONFIG_DIGEST: config},
        "StatefulSet/postgres": {},
        "Job/migrate-0123456789ab": {},
    }
