"""What images a project has."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import BuildFailed, DockerfileMissing
from kubetasks.images.plan import plan
from kubetasks.settings import Settings, load


def settings(**extra: Any) -> Settings:
    services = {
        "api": {"context": "src/api", "dockerfile": "docker/Dockerfile", "build_args": {"SERVICE": "api"}},
        "web": {"context": "src/web", "dockerfile": "docker/Dockerfile", "build_args": {"SERVICE": "web"}},
    }
    return load({"project": "shop", "services": services, **extra}, environ={})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("api", "web"):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "main.py").write_text("print()\n")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM $BASE_IMAGE\n")
    return tmp_path


def name(service: str) -> str:
    return f"r.test:5000/shop-{service}"


def test_names_every_image_by_what_goes_into_it(root: Path) -> None:
    images = plan(settings(), root, name)
    api, web = images["api"], images["web"]
    assert list(images) == ["api", "web"]
    assert api.repository == "r.test:5000/shop-api"
    assert api.reference == f"{api.repository}:{api.tag}"
    assert len(api.tag) == 16
    assert api.tag != web.tag
    assert (api.dockerfile, api.context) == (root / "docker/Dockerfile", root / "src/api")
    assert dict(api.build_args) == {"BASE_IMAGE": "python:3.11-slim", "SERVICE": "api"}


def test_one_changed_line_renames_only_its_own_image(root: Path) -> None:
    before = plan(settings(), root, name)
    (root / "src/api/main.py").write_text("print(2)\n")
    after = plan(settings(), root, name)
    assert before["api"] != after["api"]
    assert before["web"] == after["web"]


def test_the_base_and_the_platform_count(root: Path) -> None:
    one = plan(settings(), root, name)["api"]
    offline = plan(settings(offline=True), root, name)["api"]
    arm = plan(settings(images={"platform": "linux/s390x"}), root, name)["api"]
    assert len({one.tag, offline.tag, arm.tag}) == 3
    assert offline.build_args["BASE_IMAGE"] == "kubetasks.local/python:3.11"
    assert arm.platform == "linux/s390x"


def test_a_service_may_have_a_base_of_its_own(root: Path) -> None:
    services = {
        "api": {"context": "src/api", "dockerfile": "docker/Dockerfile", "build_args": {"BASE_IMAGE": "alpine"}}
    }
    assert plan(load({"services": services}, environ={}), root, name)["api"].build_args == {"BASE_IMAGE": "alpine"}


def test_says_which_dockerfile_or_context_is_missing(root: Path) -> None:
    (root / "docker" / "Dockerfile").unlink()
    with pytest.raises(DockerfileMissing) as caught:
        plan(settings(), root, name)
    assert caught.value.line == (
        "the Dockerfile of api is not there: docker/Dockerfile: No such file or directory"
        " -- make it, or set kubetasks.services.api.dockerfile"
    )
    (root / "src/api/main.py").unlink()
    (root / "src/api").rmdir()
    with pytest.raises(DockerfileMissing, match="build context of api is not there: no folder src/api"):
        plan(settings(), root, name)


def test_a_bad_pattern_is_an_error(root: Path) -> None:
    (root / "src/web/.dockerignore").write_text("a[\n")
    with pytest.raises(BuildFailed, match=r"\.dockerignore of web has a pattern that Docker refuses: `a\[`"):
        plan(settings(), root, name)
