import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks.errors import SupervisorFailed
from kubetasks.runner import SystemRunner
from kubetasks.targets.local import supervisor
from kubetasks.targets.local.supervisor import Supervisor
from kubetasks.targets.local.workloads import Pod, Program
from tests.recording import RecordingRunner
from tests.unit.targets.local.objects import deployment


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a socket; pytest's own may be too long."""
    with tempfile.TemporaryDirectory(prefix="k") as name:
        yield Path(name)


RUN = [{"name": "web", "argv": ["x"], "env": {}}]
PODS = [Pod("deployment.web", deployment("web"), "web-1", "d", {}, [], [Program("deployment.web@web", RUN)])]


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-W", "ignore", "-P", "-m", "supervisor.supervisord", "-c", "supervisord.conf"]
    runner = RecordingRunner({tuple(argv): (2, "", "Error: no space left\n")})
    with pytest.raises(SupervisorFailed, match="no space left") as caught:
        Supervisor(tmp_path, runner).apply(PODS)
    assert caught.value.exit_code == 71
    assert runner.argvs == [argv]


def test_it_starts_with_the_environment_it_is_given_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "x")
    runner = RecordingRunner({(sys.executable,): (2, "", "no")})
    with pytest.raises(SupervisorFailed):
        Supervisor(tmp_path, runner, {"PATH": "/bin"}).apply(PODS)
    assert runner.calls[0].env == {"PATH": "/bin"}
    assert runner.calls[0].exact


def test_a_socket_folder_of_somebody_else_is_refused(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    folder = supervisor.socket_folder()
    assert folder.parent == short
    folder.chmod(0o755)
    with pytest.raises(SupervisorFailed, match="is not private to you"):
        supervisor.socket_folder()
    folder.rmdir()
    folder.symlink_to(short)
    with pytest.raises(SupervisorFailed, match="is not private to you"):
        supervisor.socket_folder()


@pytest.mark.parametrize("name", ["a b", "100%", "%(here)s", "x;y", "x #y", "it's", 'q"', "$HOME", "ünï", "a\tb"])
def test_a_temporary_folder_whose_name_supervisord_would_take_apart_is_not_used(
    short: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short / name))
    assert supervisor.socket_folder().parent == Path("/tmp")


def test_a_long_temporary_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 100)))
    assert supervisor.socket_folder().parent == Path("/tmp")


def test_exit_codes_come_from_its_log(tmp_path: Path) -> None:
    (tmp_path / "supervisord.log.1").write_text(
        "2026-01-01 INFO exited: a@x (exit status 9; not expected)\n"
        "2026-01-01 INFO exited: b@x (exit status 0; expected)\n"
    )
    (tmp_path / "supervisord.log").write_text(
        "2026-01-01 WARN exited: a@x (exit status 1; not expected)\n"
        "2026-01-01 WARN exited: c@x (terminated by SIGKILL; not expected)\n"
        "2026-01-01 INFO stopped: d@x (terminated by SIGTERM)\n"
    )
    assert Supervisor(tmp_path, SystemRunner(tmp_path)).exits() == {"a@x": 1, "b@x": 0, "c@x": 137, "d@x": 143}


def test_without_a_start_there_is_nothing(tmp_path: Path) -> None:
    ours = Supervisor(tmp_path, SystemRunner(tmp_path))
    assert (ours.socket, ours.pid, ours.info(), ours.exits(), ours.last_words()) == (None, 0, None, {}, "")
    ours.shut_down()
