"""``./inv`` and ``./nox`` in a copy of their own, with stand-ins for uv and Python that take no time."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
POSIX = "/usr/bin:/bin"

# Makes DIR/bin/python, which prints what it is to run, and notes each call. $TROUBLE names the step that goes wrong.
UV = """#!/bin/sh
echo "uv $*" >>"$CALLS"
[ "${TROUBLE:-}" != "$1" ] || exit 1
case $1 in
venv)
    for venv; do :; done
    mkdir -p "$venv/bin" "$venv/lib/python3.11/site-packages"
    printf '#!/bin/sh\\nprintf "%%s\\\\n" "$PWD" "$@"\\n' >"$venv/bin/python"
    chmod +x "$venv/bin/python"
    ;;
pip)
    if [ "${TROUBLE:-}" = hang ]; then
        echo hanging >"$HANGS"
        read -r _ <"$HANGS" # in this process: a signal that comes as one is being started may be lost
    fi
    ;;
esac
"""
# A Python whose version is new enough, with pip; it makes environments like the one above.
PYTHON = """#!/bin/sh
echo "python $*" >>"$CALLS"
case $* in
-c*) exit "${OLD:-0}" ;;
*'-m venv'*) for venv; do :; done
    mkdir -p "$venv/bin" "$venv/lib/python3.11/site-packages"
    printf '#!/bin/sh\\n[ "$2" = ensurepip ] && exit %s\\nprintf "%%s\\\\n" "$PWD" "$@"\\n' "${NO_ENSUREPIP:-0}" \
        >"$venv/bin/python"
    chmod +x "$venv/bin/python"
    ;;
*--version) exit "${NO_PIP:-0}" ;;
esac
"""
INSTALL = "install --quiet --no-input --disable-pip-version-check --no-deps --no-compile --require-hashes"
# What the launcher needs of POSIX, and nothing that would find a Python or a uv of this machine.
TOOLS = ("cat", "chmod", "cmp", "cp", "dirname", "env", "ln", "mkdir", "readlink", "rm", "sh", "sleep")


@dataclass
class Checkout:
    """A copy of the launchers with a PATH of its own."""

    root: Path
    programs: Path
    environ: dict[str, str] = field(default_factory=dict)

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        path = Path(self.environ["CALLS"])
        return path.read_text().splitlines() if path.exists() else []

    @property
    def environment(self) -> Path:
        return self.root / ".venv"

    def start(self, *argv: str, cwd: Path | None = None, **environ: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(self.root / argv[0]) if argv[0] in {"inv", "nox"} else argv[0], *argv[1:]],
            cwd=cwd or self.root,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv: str, cwd: Path | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*argv, cwd=cwd, **environ) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "a checkout"
    programs = tmp_path / "programs"
    root.mkdir()
    programs.mkdir()
    for name in ("inv", "nox"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "bin", root / "bin")
    (root / "requirements.lock").write_text("invoke==3.0.3\n")
    for name in TOOLS:
        found = shutil.which(name, path=POSIX)
        assert found
        (programs / name).symlink_to(found)
    environ = {"PATH": str(programs), "CALLS": str(tmp_path / "calls"), "HANGS": str(tmp_path / "hangs")}
    return Checkout(root, programs, environ)


@pytest.fixture
def with_uv(checkout: Checkout) -> Checkout:
    checkout.program("uv", UV)
    return checkout


def ran(checkout: Checkout, program: str, *arguments: str, cwd: Path | None = None) -> str:
    module = {
        "inv": ("kubetasks", "--search-root", str(checkout.root)),
        "nox": ("nox", "--noxfile", str(checkout.root / "noxfile.py")),
    }
    return "\n".join([str(cwd or checkout.root), "-E", "-P", "-m", *module[program], *arguments, ""])


def test_uv_makes_the_environment_once(with_uv: Checkout) -> None:
    first = with_uv.run("inv", "deploy", "--with", "a b", "")
    assert first.stdout == ran(with_uv, "inv", "deploy", "--with", "a b", "")
    assert first.stderr == "setting up .venv with uv (once, and again when requirements.lock changes)\n"
    venv, root = with_uv.environment, with_uv.root
    assert with_uv.calls == [
        f"uv venv --quiet --no-project --python >=3.11 {venv}",
        f"uv pip install --quiet --python {venv}/bin/python --require-hashes -r {root}/requirements.lock",
    ]
    second = with_uv.run("nox", "-s", "lint")
    assert (second.stdout, second.stderr) == (ran(with_uv, "nox", "-s", "lint"), "")
    assert len(with_uv.calls) == 2
    assert not os.path.lexists(root / ".venv.lock")


def test_the_project_is_found_from_the_environment_wherever_it_is_moved(with_uv: Checkout) -> None:
    with_uv.run("inv")
    packages = with_uv.environment / "lib" / "python3.11" / "site-packages"
    assert (packages / (packages / "project.pth").read_text().strip()).resolve() == with_uv.root
    moved = with_uv.root.rename(with_uv.root.with_name("moved"))
    with_uv.root = moved
    assert with_uv.run("inv").stdout == ran(with_uv, "inv")


def test_runs_from_anywhere_and_through_a_link(with_uv: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(with_uv.root / "inv")
    for argv in (("inv", "deploy"), (str(elsewhere / "link"), "deploy"), ("sh", "../a checkout/inv", "deploy")):
        assert with_uv.run(*argv, cwd=elsewhere).stdout == ran(with_uv, "inv", "deploy", cwd=elsewhere)


def test_another_list_makes_another_environment(with_uv: Checkout) -> None:
    with_uv.run("inv")
    (with_uv.environment / "left over").touch()
    (with_uv.root / "requirements.lock").write_text("invoke==3.0.4\n")
    assert "setting up" in with_uv.run("inv").stderr
    assert not (with_uv.environment / "left over").exists()


def test_a_python_that_is_gone_makes_another_environment(with_uv: Checkout) -> None:
    with_uv.run("inv")
    python = with_uv.environment / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    assert with_uv.run("inv").stdout == ran(with_uv, "inv")


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_a_failure_leaves_nothing_half_made(with_uv: Checkout, step: str) -> None:
    failed = with_uv.run("inv", TROUBLE=step)
    assert failed.returncode == 10
    assert failed.stderr.splitlines()[-1].startswith("error: uv could not install requirements.lock -- ")
    assert not with_uv.environment.exists()
    assert not os.path.lexists(with_uv.root / ".venv.lock")
    assert with_uv.run("inv").returncode == 0


def hanging(checkout: Checkout) -> "subprocess.Popen[str]":
    """A set-up that is in the middle of it."""
    os.mkfifo(checkout.environ["HANGS"])
    process = checkout.start("inv", TROUBLE="hang")
    Path(checkout.environ["HANGS"]).read_text()
    return process


@pytest.fixture
def interrupted(with_uv: Checkout) -> Iterator["subprocess.Popen[str]"]:
    process = hanging(with_uv)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, 9)
    process.communicate()


def test_ctrl_c_leaves_nothing_half_made(with_uv: Checkout, interrupted: "subprocess.Popen[str]") -> None:
    os.killpg(interrupted.pid, 2)
    assert interrupted.wait(30) == 130
    assert not with_uv.environment.exists()
    assert not os.path.lexists(with_uv.root / ".venv.lock")


def test_one_that_was_killed_is_not_waited_for(with_uv: Checkout, interrupted: "subprocess.Popen[str]") -> None:
    os.killpg(interrupted.pid, 9)
    interrupted.wait(30)
    assert with_uv.environment.exists()
    assert str((with_uv.root / ".venv.lock").readlink()) == str(interrupted.pid)
    assert with_uv.run("inv").stdout == ran(with_uv, "inv")
    assert not os.path.lexists(with_uv.root / ".venv.lock")


def test_two_at_once_set_it_up_once(with_uv: Checkout, interrupted: "subprocess.Popen[str]") -> None:
    second = with_uv.start("inv", "second")
    assert second.stderr is not None
    assert second.stderr.readline() == f"waiting for process {interrupted.pid}, which is setting up .venv\n"
    os.killpg(interrupted.pid, 2)
    out, _ = second.communicate(timeout=30)
    assert out == ran(with_uv, "inv", "second")
    assert [call.split()[1] for call in with_uv.calls] == ["venv", "pip", "venv", "pip"]


def test_without_uv_pip_fills_it(checkout: Checkout) -> None:
    checkout.program("python3.12", PYTHON)
    assert checkout.run("inv").stdout == ran(checkout, "inv")
    venv = checkout.environment
    assert checkout.calls[1:] == [
        f"python -m venv --without-pip {venv}",
        f"python -m pip --python {venv}/bin/python --version",
        f"python -m pip --python {venv}/bin/python {INSTALL} -r {checkout.root}/requirements.lock",
    ]


def test_a_python_without_pip_but_with_ensurepip(checkout: Checkout) -> None:
    checkout.program("python3", PYTHON)
    assert checkout.run("inv", NO_PIP="1").returncode == 0
    assert checkout.calls[-1].endswith("--version")


def test_a_python_without_either_is_told_what_to_install(checkout: Checkout) -> None:
    checkout.program("python3", PYTHON)
    failed = checkout.run("inv", NO_PIP="1", NO_ENSUREPIP="1")
    assert (failed.returncode, failed.stdout) == (10, "")
    assert failed.stderr.splitlines()[1:] == [
        "error: python3 has no pip -- install it (Debian, Ubuntu: apt install python3-pip or python3-venv) or uv"
    ]
    assert not checkout.environment.exists()


@pytest.mark.parametrize("present", [True, False])
def test_no_python_that_is_new_enough(checkout: Checkout, present: bool) -> None:
    if present:
        checkout.program("python3", PYTHON)
    failed = checkout.run("inv", OLD="1")
    assert failed.returncode == 10
    assert failed.stderr.splitlines()[1:] == [
        "error: no Python 3.11 or newer is on PATH -- install one (Debian, Ubuntu: apt install python3)"
    ]


def test_nothing_but_the_program_runs_when_all_is_there(with_uv: Checkout) -> None:
    with_uv.run("inv")
    for name in ("uv", "rm", "ln", "cp", "mkdir", "sleep", "chmod", "cat", "env"):
        (with_uv.programs / name).unlink()
    assert with_uv.run("inv", "--list").stdout == ran(with_uv, "inv", "--list")


LOCKED = {item["name"]: item.get("version") for item in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
LISTS = [
    "requirements.lock",
    "requirements-dev.lock",
    "app/backend/requirements.txt",
    "app/backend/requirements-model.txt",
    "app/frontend/requirements.txt",
]


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_are_those_of_the_lock_hashed_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", text, re.MULTILINE)
    assert pins
    assert dict(pins) == {package: LOCKED[package] for package, _ in pins}
    assert len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)) == len(pins)
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text.strip()))
    assert "://" not in text


def test_the_lists_have_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=;\[ ]", line)[0] for line in project}
    for name in LISTS[:2]:
        listed = set(re.findall(r"^([a-z0-9._-]+)", (ROOT / name).read_text(), re.MULTILINE))
        assert names | {"nox", "fastapi"} <= listed
