"""The stand-in for kubectl-ai prints what the real one printed, and has every hole that the real one has."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.fake_api import closed_port
from tests.scripted_model import HANG, KEY, Model, Say, bash, kubectl
from tests.unit.aiops.conftest import FAKE

RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "kubectl-ai"
LOGGED = re.compile(r"^[EIW]\d{4} .*\n", re.MULTILINE)


def recorded(name: str) -> tuple[int, str, str]:
    """Exit code and outputs of a real run; an output that is absent was empty."""
    texts = [RECORDED / f"{name}.{kind}" for kind in ("stdout", "stderr")]
    out, err = (path.read_text() if path.exists() else "" for path in texts)
    code = RECORDED / f"{name}.exit"
    return int(code.read_text()) if code.exists() else 0, out, err


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a kubectl that notes how it was called."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "kubectl"
    program.write_text('#!/bin/sh\necho "$@" >> "$HOME/called"\necho "ran $1"\n')
    program.chmod(0o755)
    return tmp_path


def run(home: Path, *argv: str, url: str = "", key: str = KEY, timeout: float = 60) -> tuple[int, str, str]:
    env = {"HOME": str(home), "TMPDIR": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}", "OPENAI_ENDPOINT": url}
    if "--quiet" in argv and "--trace-path" not in argv:
        argv = (*argv, "--trace-path", str(home / "trace.txt"))
    done = subprocess.run(
        [str(FAKE), *argv], env=env | ({"OPENAI_API_KEY": key} if key else {}), capture_output=True, text=True,
        check=False, timeout=timeout,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def ask(home: Path, model: Model, *argv: str) -> tuple[int, str, str]:
    trace = str(home / "kubectl-ai-trace.txt")
    return run(home, "--quiet", "--llm-provider", "openai", "--trace-path", trace, *argv, "why?", url=model.url)


@pytest.mark.parametrize(
    ("name", "argv", "key"),
    [("help", ["--help"], KEY), ("version", ["version"], KEY), ("nokey", ["--quiet", "x"], ""),
     ("noquery", ["--quiet"], KEY)],
)  # fmt: skip
def test_it_prints_what_the_real_one_prints(home: Path, name: str, argv: list[str], key: str) -> None:
    code, out, err = run(home, *argv, key=key)
    wanted = recorded(name)
    assert (code, out, err.rstrip()) == (wanted[0], wanted[1], wanted[2].rstrip())


def test_it_reads_as_the_real_one(home: Path, model: Model) -> None:
    model.script = [Say("", [kubectl("kubectl get deploy -n default")]),
                    Say("There is 1 deployment named a with 1 ready replica.")]  # fmt: skip
    code, out, err = ask(home, model)
    wanted = recorded("read")
    assert (code, out.split(), err) == (wanted[0], wanted[1].split(), wanted[2])


def test_it_asks_for_an_approval_as_the_real_one(home: Path, model: Model) -> None:
    model.script = [Say("", [kubectl("kubectl delete deploy a -n default")])]
    code, out, err = ask(home, model)
    wanted = recorded("mutate")
    assert (code, out) == wanted[:2]
    assert LOGGED.sub("", err).rstrip() == LOGGED.sub("", wanted[2]).rstrip()
    assert not (home / "called").exists()


def test_it_fails_as_the_real_one_without_an_endpoint(home: Path) -> None:
    code, out, _ = run(home, "--quiet", "x", url=f"http://127.0.0.1:{closed_port()}/v1")
    wanted = recorded("unreachable")
    assert code == wanted[0]
    assert out.startswith(wanted[1].partition('"http')[0])


@pytest.mark.parametrize(
    "command",
    ["kubectl delete pod x --dry-run=none", "kubectl config set-context --current --namespace=x",
     "kubectl get secrets -o yaml > $HOME/taken", "$HOME/bin/kubectl-x get pods"],
)  # fmt: skip
def test_its_holes_are_open(home: Path, model: Model, command: str) -> None:
    """Holes 1 to 4: each is run without being asked for."""
    (home / "bin" / "kubectl-x").write_text("#!/bin/sh\ntouch $HOME/called\n")
    (home / "bin" / "kubectl-x").chmod(0o755)
    model.script = [Say("", [bash(command)]), Say("done")]
    code, out, _ = ask(home, model)
    assert code == 0
    assert f"Running: {command}" in out
    assert (home / "called").exists()


def test_hole_5_its_key_goes_to_the_model(home: Path, model: Model) -> None:
    model.script = [Say("", [bash("kubectl version --client; echo $OPENAI_API_KEY")]), Say("done")]
    ask(home, model)
    assert KEY in json.dumps(model.bodies[-1]["messages"])


def test_hole_6_everybody_may_read_its_trace_and_its_log(home: Path, model: Model) -> None:
    ask(home, model)
    for name in ("kubectl-ai-trace.txt", "kubectl-ai.log"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o644


def test_hole_7_an_empty_answer_exits_with_0(home: Path, model: Model) -> None:
    model.script = [Say("")]
    assert ask(home, model)[:2] == (0, "")


def test_hole_8_it_waits_for_a_hanging_endpoint(home: Path, model: Model) -> None:
    model.script = [HANG]
    with pytest.raises(subprocess.TimeoutExpired):
        run(home, "--quiet", "x", url=model.url, timeout=4)
