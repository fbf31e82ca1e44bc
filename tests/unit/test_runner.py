"""Real processes: small Python programs, so that nothing else needs to be installed."""

import ast
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kubetasks.environment import compose
from kubetasks.errors import Interrupted, ToolFailed, ToolMissing, ToolTimeout
from kubetasks.redact import Sensitive
from kubetasks.runner import Result, SystemRunner

PYTHON = sys.executable
ROOT = str(Path(__file__).resolve().parents[2])
# Tells the process id of a child of its own, which holds the pipes open; then waits for it, or ends before it.
# A shell is there within milliseconds, so that even on a busy machine the child exists when the limit is reached.
GRANDCHILD = {
    "stays": 'echo printed before; sleep 600 & echo $! >"$0"; wait',
    "ends": 'echo printed before; sleep 600 & echo $! >"$0"',
}


@pytest.fixture
def runner(tmp_path: Path) -> SystemRunner:
    return SystemRunner(tmp_path)


def program(text: str, *arguments: str) -> list[str]:
    return [PYTHON, "-c", text, *arguments]


def gone(pid: int) -> bool:
    """Whether a process has ended (an orphan that nobody reaped counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int) -> bool:
    for _ in range(1000):
        if gone(pid):
            return True
        threading.Event().wait(0.01)
    return False


def read_later(fifo: Path) -> list[int]:
    """What is written to a FIFO, read in a thread, as the writer blocks until somebody reads."""
    os.mkfifo(fifo)
    pids: list[int] = []
    threading.Thread(target=lambda: pids.append(int(fifo.read_text())), daemon=True).start()
    return pids


def test_both_outputs_and_the_exit_code(runner: SystemRunner) -> None:
    argv = program("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    result = runner.run(argv, check=False)
    assert (result.argv, result.code, result.stdout, result.stderr) == (tuple(argv), 3, "out\n", "err\n")
    assert not result.ok
    assert result.lines == ["out", "", "err"]


def test_arguments_meet_no_shell(runner: SystemRunner) -> None:
    assert (
        runner.run(program("import sys; print(sys.argv[1:])", "$HOME; *", "a b", "")).stdout
        == "['$HOME; *', 'a b', '']\n"
    )


def test_input_and_working_directory(runner: SystemRunner, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    argv = program("import os, sys; print(os.getcwd(), sys.stdin.read())")
    assert runner.run(argv, input="täxt").stdout == f"{tmp_path} täxt\n"
    assert runner.run(argv, input=b"x", cwd=tmp_path / "below").stdout == f"{tmp_path}/below x\n"
    assert runner.run(argv).stdout == f"{tmp_path} \n"


def test_none_takes_a_variable_away(runner: SystemRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN", "1")
    monkeypatch.setenv("KEPT", "2")
    argv = program("import os; print([os.environ.get(name) for name in ('TAKEN', 'KEPT', 'ADDED')])")
    assert runner.run(argv, env={"TAKEN": None, "ADDED": "3"}).stdout == "[None, '2', '3']\n"
    assert os.environ["TAKEN"] == "1"


def test_a_variable_stays_away_that_was_there_before_plumbum_was_imported(tmp_path: Path) -> None:
    # Plumbum takes a snapshot of the environment when it is imported, and children would get what is in that.
    code = """
import os, sys
os.environ |= {"EARLY": "1", "KUBE_EARLY": "1"}
import plumbum
assert plumbum.local.env["EARLY"] == "1"
from pathlib import Path
from kubetasks.environment import Exact
from kubetasks.runner import SystemRunner
del os.environ["KUBE_EARLY"]
runner = SystemRunner(Path.cwd())
show = [sys.executable, "-c", "import os; print(sorted(os.environ))"]
print(runner.run(show, env={"EARLY": None}).stdout)
print(runner.run(show, env=Exact(ONLY="1")).stdout)
"""
    first, second = (
        line
        for line in subprocess.run(
            [PYTHON, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env={"PYTHONPATH": ROOT}
        ).stdout.splitlines()
        if line
    )
    assert "EARLY" not in first
    # Python itself adds LC_CTYPE where no locale is set (PEP 538).
    assert set(ast.literal_eval(second)) - {"LC_CTYPE"} == {"ONLY"}


def test_the_environment_of_a_child_is_the_one_that_was_composed(
    runner: SystemRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "kubectl"
    tool.write_text("#!/bin/sh\ntr '\\0' '\\n' </proc/self/environ\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("KUBECTL_EXTERNAL_DIFF", "rm")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    got = dict(line.split("=", 1) for line in runner.run(["kubectl"], env={"A": "1"}).lines if "=" in line)
    assert got | {"PWD": "", "_": ""} == compose("kubectl", os.environ, {"A": "1"}) | {"PWD": "", "_": ""}
    assert "KUBECTL_EXTERNAL_DIFF" not in got
    assert got["AWS_PROFILE"] == "mine"


def test_a_relative_folder_on_path_is_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "tool"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"bin:{os.environ['PATH']}")
    assert SystemRunner(Path("/")).run(["tool"]).stdout == "found\n"


def test_a_failure_is_an_error_with_its_last_lines(runner: SystemRunner) -> None:
    runner.redactor.add([Sensitive("s3cret")])
    with pytest.raises(ToolFailed) as caught:
        runner.run(program("import sys; print('one'); sys.exit('bad s3cret')", "s3cret"))
    assert caught.value.why == "bad ***"
    assert caught.value.detail == "one\nbad ***"
    assert "s3cret" not in caught.value.line
    assert "exited with 1" in caught.value.what


def test_a_silent_failure_says_so(runner: SystemRunner) -> None:
    with pytest.raises(ToolFailed, match="it printed nothing"):
        runner.run(program("raise SystemExit(2)"))


def test_a_program_that_is_not_there(runner: SystemRunner) -> None:
    with pytest.raises(ToolMissing, match="no-such-program is not installed"):
        runner.run(["no-such-program"])
    runner.programs = {"docker": "/nowhere/docker"}
    with pytest.raises(ToolMissing, match=r"setting programs.docker says /nowhere/docker"):
        runner.run(["docker", "version"])
    runner.programs = {"docker": "no-such-docker"}
    with pytest.raises(ToolMissing, match="search PATH"):
        runner.run(["docker"])


@pytest.mark.parametrize("text", ["neither a script nor a binary", "#!/no/such/interpreter\n"])
def test_a_program_that_cannot_be_started(runner: SystemRunner, tmp_path: Path, text: str) -> None:
    damaged = tmp_path / "kubectl"
    damaged.write_text(text)
    damaged.chmod(0o755)
    runner.programs = {"kubectl": str(damaged)}
    with pytest.raises(ToolMissing, match="kubectl cannot be started") as caught:
        runner.run(["kubectl", "version"])
    assert str(damaged) in caught.value.why


def test_where_programs_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("path", "wheel", "own"):
        (tmp_path / folder).mkdir()
        for name in ("both", f"only-{folder}"):
            (tmp_path / folder / name).write_text("#!/bin/sh\n")
            (tmp_path / folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    runner = SystemRunner(tmp_path, extra_path=(tmp_path / "wheel",), programs={"mine": str(tmp_path / "own" / "both")})
    assert runner.which("both") == str(tmp_path / "path" / "both")
    assert runner.which("only-wheel") == str(tmp_path / "wheel" / "only-wheel")
    assert runner.which("mine") == str(tmp_path / "own" / "both")
    assert runner.which("only-own") is None


def test_lines_come_redacted_while_they_are_kept_whole(runner: SystemRunner) -> None:
    runner.redactor.add([Sensitive("s3cret")])
    seen: list[str] = []
    text = "import sys; print('one s3cret', flush=True); print('two', file=sys.stderr, flush=True); print('three\\r')"
    result = runner.run(program(text), on_line=seen.append)
    assert seen == ["one ***", "two", "three"]
    assert result.stdout == "one s3cret\ntwo\nthree"


def test_a_stream_may_be_written_before_everything_is_read(runner: SystemRunner) -> None:
    text = "import sys\nfor line in sys.stdin: print(line.strip() * 2)"
    seen: list[str] = []
    runner.run(program(text), input="x" * 99 + "\n" + "y\n" * 200_000, on_line=seen.append)
    assert len(seen) == 200_001
    assert seen[-1] == "yy"


def test_a_program_need_not_read_its_input(runner: SystemRunner) -> None:
    assert runner.run(program("print(1)"), input=b"x" * 1_000_000, on_line=lambda line: None).stdout == "1"
    assert runner.run(program("print(1)"), input=b"x" * 1_000_000).stdout == "1\n"


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("leader", ["stays", "ends"])
def test_a_time_out_ends_the_whole_group(runner: SystemRunner, tmp_path: Path, streaming: bool, leader: str) -> None:
    fifo = tmp_path / "fifo"
    pids = read_later(fifo)
    argv = ["sh", "-c", GRANDCHILD[leader], str(fifo)]
    with pytest.raises(ToolTimeout, match=r"did not end in 1 s") as caught:
        runner.run(argv, timeout=1, on_line=(lambda line: None) if streaming else None)
    assert caught.value.detail == "printed before"
    assert pids
    assert wait_until_gone(pids[0])


@pytest.mark.parametrize("streaming", [False, True])
def test_ctrl_c_ends_the_whole_group(runner: SystemRunner, tmp_path: Path, streaming: bool) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    pids: list[int] = []

    def press() -> None:
        pids.append(int(fifo.read_text()))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(Interrupted) as caught:
        runner.run(["sh", "-c", GRANDCHILD["stays"], str(fifo)], on_line=(lambda line: None) if streaming else None)
    assert caught.value.exit_code == 130
    assert wait_until_gone(pids[0])


def test_a_spawned_program_ends_with_its_block(runner: SystemRunner, tmp_path: Path) -> None:
    with runner.spawn(program("print('ready', flush=True); input()"), stdin=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert process.poll() is None
    assert process.poll() is not None


def test_a_spawned_program_ends_when_the_block_fails(runner: SystemRunner) -> None:
    text = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"
    with pytest.raises(ValueError, match="mine"), runner.spawn(program(text)) as process:  # noqa: PT012
        assert process.stdout is not None
        process.stdout.readline()
        raise ValueError("mine")
    assert process.poll() == -signal.SIGKILL


def test_spawn_merges_the_error_output_when_told_to(runner: SystemRunner) -> None:
    argv = program("import sys; print('err', file=sys.stderr)")
    with runner.spawn(argv, merge=True) as merged, runner.spawn(argv) as apart:
        assert merged.stdout is not None
        assert apart.stdout is not None
        assert (merged.stdout.read(), apart.stdout.read()) == (b"err\n", b"")


def test_the_echo_is_redacted(tmp_path: Path) -> None:
    shown: list[str] = []
    runner = SystemRunner(tmp_path, echo=shown.append)
    runner.redactor.add([Sensitive("s3cret")])
    runner.run(program("pass", "s3cret", "a b"))
    assert shown == [f"{PYTHON} -c pass *** 'a b'"]


def test_a_result_without_output_has_no_lines() -> None:
    assert Result(("x",), 0).lines == []
