"""What images a project has."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks import state
from kubetasks.errors import BuildFailed, ContextUnusable, DockerfileMissing, SecretInImage
from kubetasks.images.plan import Image, plan
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
    assert api.reference == api.built_as == f"{api.repository}:{api.tag}"
    assert api.mark == f"shop-api:{api.tag}"
    assert len(api.tag) == 16
    assert api.tag != web.tag
    assert (api.recipe.dockerfile, api.recipe.context) == (root / "docker/Dockerfile", root / "src/api")
    assert api.recipe.build_args == {"BASE_IMAGE": "python:3.11-slim", "SERVICE": "api"}
    assert api.recipe.named.bases == ("python:3.11-slim",)


def test_a_name_of_another_content(root: Path) -> None:
    api = plan(settings(), root, name)["api"]
    other = replace(api, name=f"{api.tag}-0123abcd")
    assert other.reference == f"{api.reference}-0123abcd"
    assert (other.built_as, other.mark, other.tag) == (api.reference, api.mark, api.tag)
    assert all(api.names(each.reference) for each in (api, other))
    assert not api.names(f"{api.repository}:{api.tag}0")
    assert not api.names(f"{api.repository}-x:{api.tag}")


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
    assert offline.recipe.build_args["BASE_IMAGE"] == "kubetasks.local/python:3.11"
    assert arm.recipe.platform == "linux/s390x"


def test_a_service_may_have_a_base_of_its_own(root: Path) -> None:
    services = {
        "api": {"context": "src/api", "dockerfile": "docker/Dockerfile", "build_args": {"BASE_IMAGE": "alpine"}}
    }
    found = plan(load({"services": services}, environ={}), root, name)["api"]
    assert found.recipe.build_args == {"BASE_IMAGE": "alpine"}


def test_says_which_dockerfile_or_context_is_missing(root: Path) -> None:
    (root / "docker" / "Dockerfile").unlink()
    with pytest.raises(DockerfileMissing) as caught:
        plan(settings(), root, name)
    assert caught.value.line == (
        "the Dockerfile of api does not exist: docker/Dockerfile: No such file or directory"
        " -- make it, or set kubetasks.services.api.dockerfile"
    )
    (root / "src/api/main.py").unlink()
    (root / "src/api").rmdir()
    with pytest.raises(DockerfileMissing, match="build context of api does not exist: no folder src/api"):
        plan(settings(), root, name)


def test_a_bad_pattern_is_an_error(root: Path) -> None:
    (root / "src/web/.dockerignore").write_text("a[\n")
    with pytest.raises(BuildFailed, match=r"\.dockerignore of web has a pattern that Docker refuses: `a\[`"):
        plan(settings(), root, name)


def test_the_dockerfiles_own_ignore_file_goes_first(root: Path) -> None:
    (root / "src/web/.dockerignore").write_text("main.py\n")
    (root / "docker/Dockerfile.dockerignore").write_text("other\n")
    assert [item.path for item in plan(settings(), root, name)["web"].recipe.listing.items] == [
        ".dockerignore", "main.py",
    ]  # fmt: skip


# The project's own folder as the context, with no ignore file: what most people begin with.
WHOLE: dict[str, Any] = {"services": {"web": {}}, "secrets": {"API_KEY": {}}}


def whole(root: Path, dockerfile: str = "FROM x\nCOPY . .\n", **more: Any) -> Image:
    (root / "Dockerfile").write_text(dockerfile)
    return plan(load({"env_file": ".env", **WHOLE, **more}, environ={}), root, name, [root / "staging.secrets"])["web"]


def test_secrets_and_state_are_in_no_context_and_in_no_tag(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(root / "state"))
    before = whole(root, env_file="conf/prod")
    for path in (
        ".env", "conf/prod", "staging.secrets", ".kubetasks/local/a/objects/Secret/x.json",
        "state/kubetasks/x-1/local/a/objects/Secret/x.json", "prod.env",
    ):  # fmt: skip
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("API_KEY=1\n")
    after = whole(root, env_file="conf/prod")
    assert not [item.path for item in after.recipe.listing.items if "docker" not in item.path.lower()
                and not item.path.startswith("src/") and item.path not in {"conf", "state"}]  # fmt: skip
    assert [item.kind for item in after.recipe.listing.items if item.path in {"conf", "state"}] == [b"folder"] * 2
    (root / "conf/prod").unlink()
    (root / "conf").rmdir()
    (root / "state/kubetasks").rename(root.parent / f"{root.name}-moved")
    (root / "state").rmdir()
    assert whole(root, env_file="conf/prod").tag == before.tag


def test_the_state_of_this_machine_is_withheld(root: Path) -> None:
    assert state.home() in whole(root).recipe.withheld.paths
    assert root / ".kubetasks" in whole(root).recipe.withheld.paths


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("COPY .env /x", ".env"),
        ("COPY a .env b /x/", ".env"),
        ("ADD ./.env /x", ".env"),
        ('COPY [".env", "/x"]', ".env"),
        ("ARG F=.env\nCOPY $F /x", ".env"),
        ("RUN --mount=type=bind,source=.env,target=/e cat /e", ".env"),
        ("COPY staging.secrets /x", "staging.secrets"),
        ("COPY .kubetasks /x", ".kubetasks"),
        ("COPY .kubetasks/local/a /x", ".kubetasks"),
    ],
)
def test_a_dockerfile_that_copies_a_secret_is_refused_by_name(root: Path, line: str, path: str, there: bool) -> None:
    if there:
        (root / ".env").write_text("API_KEY=1\n")
    image = whole(root, f"FROM x\n{line}\n")
    with pytest.raises(SecretInImage, match=f"Dockerfile of web copies {path}"):
        image.check()


@pytest.mark.parametrize("line", ["COPY .e[n]v /x", "COPY .env* /x", "COPY ?env /x"])
def test_a_pattern_that_matches_nothing_but_secrets_is_refused(root: Path, line: str) -> None:
    (root / ".env").write_text("API_KEY=1\n")
    with pytest.raises(SecretInImage, match=r"copies \.env"):
        whole(root, f"FROM x\n{line}\n").check()


@pytest.mark.parametrize("line", ["COPY . .", "COPY .env* ./", "COPY src /x", "COPY --from=y .env /x", "COPY *.py /x"])
def test_other_copies_are_not_refused(root: Path, line: str) -> None:
    (root / ".env").write_text("API_KEY=1\n")
    (root / ".env.example").write_text("API_KEY=\n")
    whole(root, f"FROM x\n{line}\n").check()


def test_a_secret_is_no_build_argument(root: Path) -> None:
    services = {"web": {"build_args": {"API_KEY": "1"}}}
    with pytest.raises(SecretInImage, match="build argument API_KEY of web is a declared secret"):
        whole(root, services=services)


def test_a_special_file_is_refused_by_name(root: Path) -> None:
    os.mkfifo(root / "src" / "pipe")
    image = whole(root)
    with pytest.raises(ContextUnusable) as caught:
        image.check()
    assert caught.value.line == (
        f"{root}/src/pipe cannot go into the image of web: it is a named pipe -- add it to .dockerignore"
    )


def test_an_unreadable_file_is_refused_by_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def content(item: Any) -> bytes:
        if item.path == "src/api/main.py":
            raise PermissionError(13, "Permission denied")
        return b""

    monkeypatch.setattr("kubetasks.images.digest.content", content)
    image = whole(root)
    with pytest.raises(ContextUnusable, match=r"main\.py cannot go into the image of web: Permission denied"):
        image.check()


def test_notes(root: Path) -> None:
    (root / ".netrc").touch()
    (root / "uploads").mkdir()
    (root / "uploads").chmod(0o777)
    assert list(whole(root).notes()) == [
        "web: the context holds .netrc; add it to .dockerignore",
        "web: the modes of uploads are not kept (git would not keep them either); set them in the Dockerfile",
    ]
