"""``kubetasks init`` as it is typed: what it writes, what it leaves alone, how it ends."""

import os
from pathlib import Path

import pytest

from tests.unit.init.tree import PYTHON, deployment, service, written
from tests.unit.tasks.foreign import invoke

SHOP = {
    "web/Dockerfile": PYTHON,
    "k8s/web.yaml": deployment("web", "ghcr.io/acme/web:v1") + "---\n" + service("web"),
    "k8s/cache.yaml": deployment("cache", "redis:7"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return written(tmp_path / "shop", SHOP)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_it_writes_two_files_and_plan_works_at_once(shop: Path) -> None:
    done = invoke(shop, "init", program="kubetasks")
    assert (done.returncode, done.stderr) == (0, "")
    for each in (
        "ghcr.io/acme/web",
        "same name: web",
        "images that are pulled: redis:7",
        "wrote invoke.yaml",
        "wrote tasks.py",
    ):
        assert each in done.stdout
    assert files(shop) == {*SHOP, "invoke.yaml", "tasks.py"}
    plan = invoke(shop, "plan", "--target", "local")
    assert plan.returncode == 0, plan.stderr


def test_a_configuration_is_never_overwritten(shop: Path) -> None:
    written(shop, {"invoke.yaml": "kubetasks: {project: mine}\n"})
    done = invoke(shop, "init", program="kubetasks")
    assert (done.returncode, len(done.stderr.splitlines())) == (65, 1), done.stderr
    assert "invoke.yaml already exists" in done.stderr
    assert (shop / "invoke.yaml").read_text() == "kubetasks: {project: mine}\n"
    assert files(shop) == {*SHOP, "invoke.yaml"}


def test_a_tasks_file_is_never_overwritten(shop: Path) -> None:
    written(shop, {"tasks.py": "from invoke import task\n"})
    done = invoke(shop, "init", program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert "tasks.py already existed" in done.stdout
    assert "tasks.py does not use kubetasks" in done.stdout
    assert (shop / "tasks.py").read_text() == "from invoke import task\n"


@pytest.mark.parametrize("flag", ["--print", "--dry"])
def test_it_shows_and_writes_nothing(shop: Path, flag: str) -> None:
    words = ["init", flag] if flag == "--print" else [flag, "init"]
    done = invoke(shop, *words, program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert files(shop) == {*SHOP}
    if flag == "--print":
        assert done.stdout.splitlines()[1:3] == ["kubetasks:", "  project: shop"]
        assert "pulled" in done.stderr
    else:
        assert "would write invoke.yaml" in done.stdout


def test_print_with_a_configuration_there(shop: Path) -> None:
    written(shop, {"invoke.yaml": "kubetasks: {project: mine}\n"})
    assert "project: shop" in invoke(shop, "init", "--print", program="kubetasks").stdout


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        ({}, 64, "has nothing to read"),
        ({"a.txt": ""}, 64, "has nothing to read"),
        ({"Dockerfile": PYTHON}, 66, "init --manifests"),
        ({"compose.yaml": "services: {a: {image: x}}\n"}, 66, "init --manifests"),
    ],
)
def test_nothing_to_write(tmp_path: Path, content: dict[str, str], code: int, text: str) -> None:
    root = written(tmp_path / "empty", content)
    root.mkdir(exist_ok=True)
    done = invoke(root, "init", program="kubetasks")
    assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert text in done.stderr
    assert files(root) == {*content}


def test_another_folder(shop: Path, tmp_path: Path) -> None:
    done = invoke(tmp_path, "init", "--path", "shop", program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert (shop / "invoke.yaml").is_file()
    assert invoke(tmp_path, "init", "--path", "none", program="kubetasks").returncode == 3


def test_manifests_from_compose(tmp_path: Path) -> None:
    web = "{build: web, ports: ['80:8080'], environment: {API_KEY: x, MODE: y}}"
    compose = f"services: {{web: {web}, db: {{image: 'postgres:16'}}}}\n"
    root = written(tmp_path / "shop", {"compose.yaml": compose, "web/Dockerfile": PYTHON, "k8s/db.yaml": service("db")})
    done = invoke(root, "init", "--manifests", program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert "k8s/db.yaml already existed" in done.stdout
    assert (root / "k8s/db.yaml").read_text() == service("db")
    assert "API_KEY: {}" in (root / "invoke.yaml").read_text()
    plan = invoke(root, "plan", "--target", "local", API_KEY="value-of-the-key")
    assert plan.returncode == 0, plan.stderr
    assert invoke(root, "init", "--manifests", program="kubetasks").returncode == 65


def test_a_folder_that_nobody_made_for_us(tmp_path: Path) -> None:
    odd = {
        "bad.yaml": "a: [\n",
        "tpl/x.yaml": "{{ .Values.a }}: {{- if }}\n",
        "docker-compose.yml": "services: [1, 2]\n",
        "k.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: null\n",
        "l.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: y}\nspec: {containers: 7}\n",
        "kustomization.yaml": "- a list\n",
        "skaffold.yaml": "apiVersion: skaffold/v4\nbuild: {artifacts: no}\n",
        "deploy/Chart.yaml": "- broken\n",
    }
    root = written(tmp_path / "odd", {**SHOP, **odd})
    (root / "latin.yaml").write_bytes(b"apiVersion: v1\nkind: \xe9\n")
    (root / "loop").symlink_to(root)
    (root / "self").symlink_to("self")
    os.mkfifo(root / "Dockerfile.pipe")
    done = invoke(root, "init", program="kubetasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ghcr.io/acme/web" in (root / "invoke.yaml").read_text()


def test_something_else_is_in_the_way(shop: Path) -> None:
    (shop / "tasks.py").mkdir()
    done = invoke(shop, "init", program="kubetasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tasks.py already existed" in done.stdout
