"""The context target: a registry in between."""

import json
from typing import Any

import pytest

from kubetasks.errors import DeliveryFailed, EngineDown, RegistryMissing
from kubetasks.images.content import Content
from kubetasks.settings import load
from kubetasks.targets.base import Cluster, Target
from kubetasks.targets.context import ContextTarget
from tests.recording import Answer, RecordingRunner

REFERENCE = "ghcr.io/me/shop-api:1"
MANIFEST = ("docker", "manifest", "inspect")


def make(
    answers: dict[tuple[str, ...], Answer] | None = None,
    *,
    registry: str = "ghcr.io/me",
    cluster: Cluster | None = None,
) -> tuple[ContextTarget, RecordingRunner]:
    runner = RecordingRunner(answers or {})
    settings = load({"project": "shop", "images": {"registry": registry}}, environ={})
    return ContextTarget(settings, runner, cluster or Cluster("prod", "shop", "https://prod.example")), runner


def test_is_a_target() -> None:
    target: Target = make()[0]
    assert (target.name, target.pull_policy, target.build_env()) == ("context", "IfNotPresent", {})
    assert target.repository("api") == "ghcr.io/me/shop-api"
    assert make(registry="ghcr.io/me/")[0].repository("api") == "ghcr.io/me/shop-api"


def test_refuses_without_a_registry() -> None:
    with pytest.raises(
        RegistryMissing, match=r"context prod pulls its images, and no registry is set.*images\.registry"
    ):
        make(registry="")[0].repository("api")


@pytest.mark.parametrize(
    ("cluster", "bundled"),
    [
        (Cluster("prod", "n", "https://prod.example"), False),
        (Cluster("docker-desktop", "n", "https://kubernetes.docker.internal:6443"), True),
        (Cluster("docker-desktop", "n", "https://prod.example"), False),
    ],
)
def test_only_a_local_cluster_gets_a_database_by_itself(cluster: Cluster, bundled: bool) -> None:
    assert make(cluster=cluster)[0].bundled_database is bundled


@pytest.mark.parametrize(("context", "kind"), [("kind-x", "--target kind"), ("minikube", "--target minikube")])
def test_a_local_cluster_needs_none(context: str, kind: str) -> None:
    target, _ = make(registry="", cluster=Cluster(context, "shop", "https://127.0.0.1:6443"))
    with pytest.raises(RegistryMissing) as caught:
        target.repository("api")
    assert kind in caught.value.fix


INSPECT = ("docker", "image", "inspect")
VERBOSE = json.dumps({"Descriptor": {"digest": "sha256:m"}, "SchemaV2Manifest": {"config": {"digest": "sha256:c"}}})


def engine_has(number: str) -> str:
    return json.dumps({"Id": number, "RepoTags": [REFERENCE]}) + "\n"


def test_asks_the_registry_what_it_has() -> None:
    target, runner = make({(*MANIFEST, "--verbose", REFERENCE): VERBOSE, MANIFEST: (1, "", "no such manifest: x")})
    assert target.contents([REFERENCE, "ghcr.io/me/shop-web:1", "localhost:5000/x:1"]) == {
        REFERENCE: Content(frozenset({"manifest:sha256:m", "config:sha256:c"}))
    }
    assert runner.argvs == [
        ["docker", "manifest", "inspect", "--verbose", REFERENCE],
        ["docker", "manifest", "inspect", "--verbose", "ghcr.io/me/shop-web:1"],
        ["docker", "manifest", "inspect", "--verbose", "--insecure", "localhost:5000/x:1"],
    ]


@pytest.mark.parametrize("number", ["sha256:c", ""])
def test_pushes_and_looks(number: str) -> None:
    target, runner = make(
        {("docker", "push"): "", MANIFEST: VERBOSE, INSPECT: engine_has(number) if number else (1, "", "No such image")}
    )
    told: list[str] = []
    target.deliver([REFERENCE], told.append)
    assert told == [f"pushing {REFERENCE}"]
    assert [argv[:3] for argv in runner.argvs] == [list(INSPECT), ["docker", "push", REFERENCE], list(MANIFEST)]


def test_another_content_under_the_pushed_name_is_noticed() -> None:
    target, _ = make({("docker", "push"): "", MANIFEST: VERBOSE, INSPECT: engine_has("sha256:other")})
    with pytest.raises(DeliveryFailed, match="the registry has another image under that name"):
        target.deliver([REFERENCE], lambda line: None)


@pytest.mark.parametrize(
    ("answers", "error", "says"),
    [
        ({("docker", "push"): (1, "", "denied: permission_denied")}, DeliveryFailed, "docker login ghcr.io"),
        ({("docker", "push"): (1, "", "Cannot connect to the Docker daemon")}, EngineDown, "does not answer"),
        ({("docker", "push"): "", MANIFEST: (1, "", "denied")}, DeliveryFailed, "the registry does not show it"),
    ],
)
def test_says_why_it_was_not_pushed(answers: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make({INSPECT: engine_has("sha256:c"), **answers})[0].deliver([REFERENCE], lambda line: None)
