"""The private folder of a run: who may read it, that it goes away, and that leftovers do."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks import private
from kubetasks.errors import KubetasksError

ROOT = str(Path(__file__).resolve().parents[2])
RUN = """
import sys, time
from kubetasks import private
print(private.write("config", "secret"), flush=True)
{then}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    private.folder.cache_clear()
    yield tmp_path / f"kubetasks-run-{os.getuid()}"
    private.folder.cache_clear()


def start(tmp_path: Path, then: str) -> "subprocess.Popen[str]":
    environ = {"PYTHONPATH": ROOT, "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-c", RUN.format(then=then)]
    return subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_only_its_owner_can_read_it() -> None:
    path = private.write("config", "text")
    assert path.read_text() == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)] == [0o700, 0o700]
    assert private.write("other", "").parent == path.parent


def test_it_is_in_the_runtime_folder_where_that_is_the_users_own(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert private.parent() == runtime / "kubetasks"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    assert private.parent() == place
    if os.getuid() == 0:  # as after `sudo -E`
        os.chown(runtime, 12345, 12345)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        assert private.parent() == place


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_could_open_is_refused(place: Path, tmp_path: Path, kind: str) -> None:
    if kind == "open":
        place.mkdir(mode=0o755)
    elif kind == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.touch()
    with pytest.raises(KubetasksError, match="is not private") as caught:
        private.write("config", "text")
    assert "TMPDIR" in caught.value.fix


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_refused(place: Path) -> None:
    place.mkdir(mode=0o700)
    os.chown(place, 12345, 12345)
    with pytest.raises(KubetasksError, match="it belongs to user 12345"):
        private.folder()


@pytest.mark.parametrize("then", ["", "sys.exit(3)", "raise ValueError", "raise KeyboardInterrupt"])
def test_it_goes_away_however_the_run_ends(tmp_path: Path, place: Path, then: str) -> None:
    with start(tmp_path, then) as run:
        assert run.stdout is not None
        assert run.stdout.readline()
    assert not place.exists()


def test_ctrl_c_takes_it_away(tmp_path: Path, place: Path) -> None:
    with start(tmp_path, "time.sleep(60)") as run:
        assert run.stdout is not None
        path = Path(run.stdout.readline().strip())
        assert path.exists()
        run.send_signal(signal.SIGINT)
    assert not place.exists()


def test_the_leftover_of_a_killed_run_goes_with_the_next_and_a_living_one_stays(tmp_path: Path, place: Path) -> None:
    with start(tmp_path, "time.sleep(60)") as killed, start(tmp_path, "time.sleep(60)") as living:
        assert killed.stdout is not None
        assert living.stdout is not None
        left, kept = (Path(each.stdout.readline().strip()) for each in (killed, living) if each.stdout)
        killed.kill()
        killed.wait()
        assert left.exists()
        mine = private.folder()
        assert not left.exists()
        assert kept.exists()
        assert mine.exists()
        living.send_signal(signal.SIGINT)
        living.wait()
    assert not kept.exists()


def test_many_at_once_each_get_their_own(tmp_path: Path, place: Path) -> None:
    runs = [start(tmp_path, "time.sleep(0.05)") for _ in range(12)]
    paths = []
    for run in runs:
        with run:
            assert run.stdout is not None
            paths.append(run.stdout.readline().strip())
    assert all(paths)
    assert len(set(paths)) == 12
    assert not place.exists()
