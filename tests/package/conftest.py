"""The distributions, built once, and the wheel in a new environment that has nothing else."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Of `pip install` with an empty cache and a slow index.
INSTALL_SECONDS = 600
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?(==\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Distributions:
    """The paths of what an index gets."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and its dependencies, without any extra."""

    folder: Path
    home: Path

    @property
    def programs(self) -> Path:
        """The folder of its programs."""
        return self.folder / "bin"

    def run(self, cwd: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the environment as a user would who has no other program: not even kubectl or docker."""
        env = {"HOME": str(self.home), "PATH": str(self.programs), "LANG": "C.UTF-8"}
        return subprocess.run(
            [str(self.programs / argv[0]), *argv[1:]],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def build(folder: Path, source: Path = ROOT, *arguments: str) -> None:
    """Build distributions of a source tree with the build backend that pyproject.toml names."""
    argv = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder), *arguments]
    subprocess.run(argv, cwd=source, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The wheel and the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="session")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel as pip installs it, with dependencies of the versions that the other suites use."""
    folder = tmp_path_factory.mktemp("installed")
    home = tmp_path_factory.mktemp("home")
    pins = PIN.findall((ROOT / "requirements-dev.lock").read_text(encoding="utf-8"))
    constraints = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    constraints.write_text("".join(f"{name}{version}\n" for name, version in pins), encoding="utf-8")
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(folder)], check=True, timeout=INSTALL_SECONDS)
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", str(constraints), str(distributions.wheel)]
    subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
    return Installed(folder, home)
