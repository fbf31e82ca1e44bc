"""Dockerfiles by any name, and the folder that each is built from."""

from pathlib import Path

import pytest

from kubetasks.init import dockerfiles
from kubetasks.init.walk import walk
from tests.unit.init.tree import PYTHON, written


def found(root: Path, files: dict[str, str]) -> dict[str, dockerfiles.Dockerfile]:
    return {each.path: each for each in dockerfiles.find(walk(written(root, files)))}


@pytest.mark.parametrize(
    ("path", "names", "variant"),
    [
        ("Dockerfile", (), ""),
        ("web/Dockerfile", ("web",), ""),
        ("Containerfile", (), ""),
        ("api/Containerfile", ("api",), ""),
        ("Dockerfile.web", ("web",), ""),
        ("Dockerfile-web", ("web",), ""),
        ("web.Dockerfile", ("web",), ""),
        ("web.dockerfile", ("web",), ""),
        ("docker/web/Dockerfile", ("web",), ""),
        ("src/cart/src/Dockerfile", ("cart",), ""),
        ("web/Dockerfile.dev", ("web",), "dev"),
        ("web/prod.Dockerfile", ("web",), "prod"),
        ("docker/Dockerfile.worker", ("worker",), ""),
    ],
)
def test_the_name_of_a_dockerfile(tmp_path: Path, path: str, names: tuple[str, ...], variant: str) -> None:
    each = found(tmp_path, {path: PYTHON})[path]
    assert (each.names, each.variant) == (names, variant)


@pytest.mark.parametrize(
    "name", ["Dockerfile.dockerignore", "Dockerfile.md", "Dockerfile.j2", "dockerfile.py", "Makefile", "mydockerfile"]
)
def test_what_is_not_a_dockerfile(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, {name: PYTHON}) == {}


def test_a_file_without_from_is_none(tmp_path: Path) -> None:
    assert found(tmp_path, {"Dockerfile": "# empty\nRUN true\n"}) == {}


@pytest.mark.parametrize(
    ("files", "path", "context"),
    [
        ({"web/Dockerfile": PYTHON, "web/app.py": ""}, "web/Dockerfile", "web"),
        ({"web/Dockerfile": "FROM x\nCOPY web/app.py .\n", "web/app.py": ""}, "web/Dockerfile", "."),
        ({"docker/web/Dockerfile": "FROM x\nCOPY site/a .\n", "site/a": ""}, "docker/web/Dockerfile", "."),
        ({"docker/web/Dockerfile": PYTHON, "web/app.py": ""}, "docker/web/Dockerfile", "web"),
        ({"docker/Dockerfile.web": PYTHON, "package.json": "{}"}, "docker/Dockerfile.web", "."),
        ({"cmd/api/Dockerfile": "FROM scratch\nCOPY bin/api /\n", "go.mod": ""}, "cmd/api/Dockerfile", "."),
        (
            {"api/Dockerfile": "FROM x\nCOPY target/*.jar /\n", "api/pom.xml": "", "pom.xml": ""},
            "api/Dockerfile",
            "api",
        ),
        ({"a/b/Dockerfile": "FROM x\nCOPY go.mod go.sum ./\n", "go.mod": "", "go.sum": ""}, "a/b/Dockerfile", "."),
        ({"a/Dockerfile": "FROM x\nCOPY ../../etc/passwd /\n"}, "a/Dockerfile", "a"),
    ],
)
def test_the_context(tmp_path: Path, files: dict[str, str], path: str, context: str) -> None:
    assert found(tmp_path, files)[path].context == context


def test_ports_user_and_arguments_of_the_last_stage(tmp_path: Path) -> None:
    text = (
        "ARG BASE_IMAGE=node:20\nFROM $BASE_IMAGE AS build\nEXPOSE 1\nUSER root\n"
        "FROM scratch\nARG NEEDED\nENV PORT=8080\n"
        "EXPOSE $PORT 9000/tcp 53/udp\nUSER 1001:1001\n"
    )
    each = found(tmp_path, {"Dockerfile": text})["Dockerfile"]
    assert (each.ports, each.user, each.base_arg, each.arguments) == ((8080, 9000), "1001", "node:20", ("NEEDED",))
