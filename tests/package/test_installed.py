"""The wheel in an environment of its own, used from an empty folder without any other program."""

from pathlib import Path

import pytest

from kubetasks import __version__
from tests.package.conftest import Installed

MIB = 1024 * 1024
TASKS = "from kubetasks import collection\n\nnamespace = collection\n"
SETTINGS = "kubetasks: {project: shop, services: {web: {context: ., dockerfile: Dockerfile}}}\n"
OVERLAY = "manifests/overlays/sqlite"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The least that an application of one's own needs."""
    (tmp_path / "tasks.py").write_text(TASKS, encoding="utf-8")
    (tmp_path / "invoke.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    (tmp_path / OVERLAY).mkdir(parents=True)
    (tmp_path / OVERLAY / "kustomization.yaml").write_text("configMapGenerator: [{name: web}]\n", encoding="utf-8")
    return tmp_path


def test_it_is_the_version_that_was_built(installed: Installed, tmp_path: Path) -> None:
    done = installed.run(tmp_path, "python", "-m", "kubetasks", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"kubetasks {__version__} ")


@pytest.mark.parametrize("argv", [["kubetasks"], ["inv"], ["python", "-m", "kubetasks"]], ids=" ".join)
def test_the_tasks_are_there(installed: Installed, project: Path, argv: list[str]) -> None:
    done = installed.run(project, *argv, "--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deploy" in done.stdout
    assert "aiops.mcp" in done.stdout


def test_its_program_needs_no_tasks_py(installed: Installed, tmp_path: Path) -> None:
    done = installed.run(tmp_path, "kubetasks", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deploy" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["kubectl", "helm"])
def test_a_program_that_is_missing_is_named_with_the_extra_that_has_it(
    installed: Installed, project: Path, program: str
) -> None:
    words = ["plan", "--target", "local", "--with", "manifests" if program == "kubectl" else "helm"]
    (project / "chart").mkdir()
    (project / "chart/Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n", encoding="utf-8")
    done = installed.run(project, "inv", *words)
    assert done.returncode == 10, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {program} is not installed: ")
    assert "pip install 'kubetasks[tools]'" in line


def test_doctor_names_the_extra_too(installed: Installed, project: Path) -> None:
    done = installed.run(project, "inv", "doctor")
    assert "Traceback" not in done.stderr
    assert "kubetasks[tools]" in done.stdout


def test_the_extra_aiops_is_named_where_it_is_needed(installed: Installed, project: Path) -> None:
    done = installed.run(project, "inv", "aiops.mcp")
    assert done.returncode == 100
    assert "kubetasks[aiops]" in done.stderr


def test_what_is_installed_is_small(installed: Installed) -> None:
    """kubectl and helm alone are 115 MB."""
    size = sum(path.stat().st_size for path in installed.folder.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < 60 * MIB
