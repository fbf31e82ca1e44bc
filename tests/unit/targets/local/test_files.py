"""Private files, and what the system may refuse about them."""

import errno
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import DiskFull, KubetasksError
from kubetasks.targets.local import files


def refuse(number: int) -> Any:
    def refusing(*_: Any, **__: Any) -> Any:
        raise OSError(number, "no")

    return refusing


def test_a_file_is_written_whole_and_private(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a" / "b.json", {"x": 1})
    assert files.read_json(tmp_path / "a" / "b.json") == {"x": 1}
    assert (tmp_path / "a" / "b.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_create_is_once(tmp_path: Path) -> None:
    assert files.create_json(tmp_path / "x.json", 1)
    assert not files.create_json(tmp_path / "x.json", 2)
    assert files.read_json(tmp_path / "x.json") == 1


@pytest.mark.parametrize(("number", "error"), [(errno.ENOSPC, DiskFull), (errno.EROFS, KubetasksError)])
def test_a_full_or_read_only_disk_is_told_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[KubetasksError]
) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, "old")
    monkeypatch.setattr("kubetasks.targets.local.files.Path.replace", refuse(number))
    with pytest.raises(error, match=str(path)):
        files.write_json(path, "new")
    assert files.read_json(path) == "old"
    assert list(tmp_path.iterdir()) == [path], "nothing half written stays"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubetasks.targets.local.files.Path.mkdir", refuse(errno.EACCES))
    with pytest.raises(KubetasksError, match="state cannot be used"), files.locked(tmp_path / "state"):
        pass
