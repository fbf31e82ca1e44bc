"""Where kubetasks keeps its state: never in the checkout, and found again when a checkout is moved."""

import shutil
import stat
from pathlib import Path

import pytest

from kubetasks import state
from kubetasks.errors import StateUnavailable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "my project"
    path.mkdir()
    (path / "tasks.py").touch()
    return path


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "linux", "/x/kubetasks"),
        ({"XDG_STATE_HOME": "", "HOME": "/h"}, "linux", "/h/.local/state/kubetasks"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "linux", "/h/.local/state/kubetasks"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support/kubetasks"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "darwin", "/x/kubetasks"),
        ({"LOCALAPPDATA": "/l", "HOME": "/h"}, "win32", "/l/kubetasks"),
    ],
)
def test_home(environ: dict[str, str], platform: str, expected: str) -> None:
    assert state.home(environ, platform) == Path(expected)


@pytest.mark.parametrize("home", ["", "."])
def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(StateUnavailable, match="HOME is not set") as caught:
        state.home({"HOME": home} if home else {})
    assert (caught.value.exit_code, caught.value.fix) == (39, "set XDG_STATE_HOME to a folder that you own")


def test_nothing_is_made_before_it_is_needed(root: Path, state_home: Path) -> None:
    found = state.folder(root)
    assert found.parent == state_home / "kubetasks"
    assert found.name.startswith("my-project-")
    assert list(state_home.iterdir()) == []
    assert not list(root.glob(".kubetasks*"))


def test_is_private(root: Path) -> None:
    assert stat.S_IMODE(state.claim(root).stat().st_mode) == 0o700


def test_two_checkouts_have_two_folders(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(root, other)
    assert state.claim(root) != state.claim(other)
    assert state.folder(root) == state.claim(root)


def test_one_checkout_by_another_path_has_one(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(root)
    found = state.claim(root)
    assert state.folder(tmp_path / "link") == found
    monkeypatch.chdir(root)
    assert state.folder(Path()) == found


def test_a_moved_checkout_is_recognised(root: Path, tmp_path: Path) -> None:
    found = state.claim(root)
    root.rename(tmp_path / "elsewhere")
    assert state.folder(tmp_path / "elsewhere") == found
    assert state.claim(tmp_path / "elsewhere") == found
    root.mkdir()
    (root / "tasks.py").touch()
    new = state.claim(root)
    assert new != found, "a new checkout at the old path is another one"
    assert state.folder(root) == new
    assert state.folder(tmp_path / "elsewhere") == found


def test_a_reused_inode_is_no_moved_checkout(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = state.claim(root)
    (root / "tasks.py").rename(tmp_path / "kept")  # so that its inode number stays taken
    shutil.rmtree(root)
    other = tmp_path / "other"
    other.mkdir()
    (other / "tasks.py").touch()
    monkeypatch.setattr(state, "_inodes", lambda path: {".": 1, "tasks.py": 2})
    note = found / state.NOTE
    note.write_text(f'{{"root": "{root}", "device": {other.stat().st_dev}, "inodes": {{".": 1, "tasks.py": 3}}}}')
    assert state.folder(other) != found


@pytest.mark.parametrize("text", ["", "{", "[]", '{"root": 3}'])
def test_a_damaged_note_is_written_anew(root: Path, text: str) -> None:
    found = state.claim(root)
    (found / state.NOTE).write_text(text)
    assert state.claim(root) == state.folder(root)


def test_a_folder_that_cannot_be_made(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(StateUnavailable, match="cannot be used"):
        state.claim(root)


def test_release_keeps_what_is_in_use(root: Path) -> None:
    found = state.claim(root)
    (found / "images.json").touch()
    state.release(root)
    assert found.exists()
    (found / "images.json").unlink()
    state.release(root)
    assert not found.exists()
    state.release(root)


def test_what_a_deleted_checkout_left(root: Path) -> None:
    found = state.claim(root)
    assert state.abandoned() == []
    shutil.rmtree(root)
    assert state.abandoned() == [(found, str(root))]
