"""Which Dockerfile builds which image."""

from pathlib import Path

import pytest

from kubetasks.init.builds import Build
from kubetasks.init.likeness import of_names, words
from kubetasks.init.proposal import propose
from tests.unit.init.tree import PYTHON, application, deployment, pairs, proposed


@pytest.mark.parametrize(
    ("name", "expected"),
    [("examplevotingapp_vote", ("examplevotingapp", "vote")), ("VoteApp", ("vote", "app")), ("a.b-c", ("a", "b", "c"))],
)
def test_the_words_of_a_name(name: str, expected: tuple[str, ...]) -> None:
    assert words(name) == expected


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("dockersamples/examplevotingapp_vote", "vote"),
        ("ghcr.io/acme/web:v1", "web"),
        ("org/project-web", "web"),
        ("cart:1", "cartservice"),
        ("acme/cart-service", "cart"),
        ("acme/frontend@sha256:" + "0" * 64, "frontend"),
        ("localhost:5000/shop_web", "shop-web"),
        ("acme/web", "shop-web"),
        ("acme/gb-redisslave", "redis-slave"),
    ],
)
def test_names_that_are_alike(image: str, name: str) -> None:
    assert of_names(image.partition("@")[0].rpartition("/")[2].partition(":")[0], name) >= 50


@pytest.mark.parametrize(
    ("image", "name"), [("voter", "vote"), ("redis", "web"), ("a", "b"), ("webhook", "web"), ("", "x")]
)
def test_names_that_are_not(image: str, name: str) -> None:
    assert of_names(image, name) == 0


@pytest.mark.parametrize(
    "path",
    [
        "web/Dockerfile", "docker/web/Dockerfile", "Dockerfile.web", "web.Dockerfile", "services/web/Dockerfile",
        "docker/Dockerfile.web", "web/Containerfile", "src/web/src/Dockerfile", "apps/web/docker/prod/Dockerfile",
    ],
)  # fmt: skip
def test_a_dockerfile_for_an_image(tmp_path: Path, path: str) -> None:
    files = {
        path: PYTHON,
        "other/Dockerfile": PYTHON,
        "k8s/a.yaml": deployment("site", "ghcr.io/acme/web:v1", "redis:7"),
    }
    assert pairs(proposed(tmp_path, files)) == {"ghcr.io/acme/web": path}


def test_a_compose_file_names_the_image(tmp_path: Path) -> None:
    compose = "services: {front: {build: {context: ./a, args: {MODE: x}}, image: 'acme/thing:${TAG:-1}'}}\n"
    files = {"compose.yaml": compose, "a/Dockerfile": PYTHON, "k8s/a.yaml": deployment("x", "acme/thing:v7")}
    found = proposed(tmp_path, files)
    assert pairs(found) == {"acme/thing": "a/Dockerfile"}
    assert found.services["x"].build.args == {"MODE": "x"}


def test_a_compose_service_without_an_image_is_a_name(tmp_path: Path) -> None:
    files = {
        "docker-compose.yml": "services: {web: {build: ./code}}\n",
        "code/Dockerfile": PYTHON,
        "k8s/a.yaml": deployment("site", "acme/shop-web"),
    }
    assert pairs(proposed(tmp_path, files)) == {"acme/shop-web": "code/Dockerfile"}


def test_one_dockerfile_for_several_images(tmp_path: Path) -> None:
    compose = (
        "services:\n"
        "  a: {build: {context: ., args: {NAME: a}}, image: acme/a}\n"
        "  b: {build: {context: ., args: {NAME: b}}, image: acme/b}\n"
    )
    files = {
        "compose.yaml": compose,
        "Dockerfile": "FROM x\nARG NAME\n",
        "k.yaml": deployment("a", "acme/a") + "---\n" + deployment("b", "acme/b"),
    }
    found = proposed(tmp_path, files)
    assert {name: dict(each.build.args) for name, each in found.services.items()} == {
        "a": {"NAME": "a"},
        "b": {"NAME": "b"},
    }


def test_skaffold_is_a_hint(tmp_path: Path) -> None:
    skaffold = "apiVersion: skaffold/v4beta1\nkind: Config\nbuild: {artifacts: [{image: shop, context: code/x}]}\n"
    files = {
        "skaffold.yaml": skaffold,
        "code/x/Dockerfile": PYTHON,
        "code/y/Dockerfile": PYTHON,
        "k.yaml": deployment("s", "gcr.io/acme/shop:v1"),
    }
    assert pairs(proposed(tmp_path, files)) == {"gcr.io/acme/shop": "code/x/Dockerfile"}


@pytest.mark.parametrize(
    ("dockerfile", "image"),
    [
        ("FROM postgres:16\nCOPY . .\n", "postgres:15"),
        ("FROM debian\nCOPY . .\n", "redis:7"),
        ("FROM debian\nCOPY . .\n", "registry.k8s.io/redis:e2e"),
    ],
    ids=["its own base", "an official image that is named alike", "the same from another registry"],
)
def test_an_image_that_is_pulled(tmp_path: Path, dockerfile: str, image: str) -> None:
    files = {
        "postgres/Dockerfile": dockerfile,
        "php-redis/Dockerfile": PYTHON,
        "k.yaml": deployment("db", image) + "---\n" + deployment("x", "acme/postgres-tools"),
    }
    assert image not in pairs(proposed(tmp_path, files))


def test_dockerfiles_of_tests_and_for_debugging_do_not_win(tmp_path: Path) -> None:
    files = {
        "tests/web/Dockerfile": PYTHON,
        "web/Dockerfile": PYTHON,
        "web/Dockerfile.debug": PYTHON,
        "web/Dockerfile.dev": PYTHON,
        "k.yaml": deployment("web", "acme/web"),
    }
    assert pairs(proposed(tmp_path, files)) == {"acme/web": "web/Dockerfile"}


AMBIGUOUS = {
    "a/web/Dockerfile": PYTHON,
    "b/web/Dockerfile": PYTHON,
    "k.yaml": deployment("w", "acme/web") + "---\n" + deployment("x", "acme/api"),
    "api/Dockerfile": PYTHON,
}


def test_what_is_not_sure_is_left_out_and_said(tmp_path: Path) -> None:
    found = proposed(tmp_path, AMBIGUOUS)
    assert pairs(found) == {"acme/api": "api/Dockerfile"}
    [(image, several)] = found.pairing.ambiguous
    assert (image, [each.path for each in several]) == ("acme/web", ["a/web/Dockerfile", "b/web/Dockerfile"])


@pytest.mark.parametrize("index", [0, 1, None])
def test_a_person_decides(tmp_path: Path, index: int | None) -> None:
    asked: list[str] = []

    def ask(image: str, several: list[Build]) -> Build | None:
        asked.append(image)
        return None if index is None else several[index]

    found = propose(application(tmp_path, AMBIGUOUS), ask)
    assert found is not None
    assert asked == ["acme/web"]
    chosen = {0: "a/web/Dockerfile", 1: "b/web/Dockerfile"}
    assert pairs(found).get("acme/web") == (None if index is None else chosen[index])


def test_the_only_dockerfile_and_the_only_image(tmp_path: Path) -> None:
    files = {"code/Dockerfile": PYTHON, "k.yaml": deployment("x", "acme/unlike:v1", "busybox")}
    found = proposed(tmp_path, files)
    assert pairs(found) == {"acme/unlike": "code/Dockerfile"}
    assert found.pairing.pulled == ("busybox",)


def test_services_have_names_of_their_own(tmp_path: Path) -> None:
    files = {
        "My_App/Dockerfile": PYTHON,
        "k.yaml": "\n---\n".join(
            [deployment("one", "acme/my_app:1"), deployment("two", "acme/my_app:2"), deployment("x", "x/y/z")]
        ),
    }
    assert [*proposed(tmp_path, files).services] == ["my-app"]
