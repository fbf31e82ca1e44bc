"""The copy of a context that the builder gets."""

import errno
import os
import stat
from pathlib import Path

import pytest

from kubetasks.errors import DiskFull, SourceChanged
from kubetasks.images.digest import Recipe, digest
from kubetasks.images.ignore import Ignore
from kubetasks.images.stage import staged
from kubetasks.images.withheld import Withheld

TIME = 1_700_000_000


def make(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM x\n")
    (root / "app").mkdir(mode=0o700)
    (root / "app" / "main.py").write_text("print(1)\n")
    (root / "app" / "main.py").chmod(0o600)
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o4775)
    (root / "empty").mkdir()
    (root / "link").symlink_to("app/main.py")
    (root / ".env").write_text("TOKEN=1\n")
    for path in root.rglob("*"):
        os.utime(path, (TIME, TIME), follow_symlinks=False)
    return root


def recipe(root: Path) -> Recipe:
    return Recipe(
        root, root / "Dockerfile", (root / "Dockerfile").read_bytes(), Ignore([]), {}, "", Withheld((root / ".env",))
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "source")


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Each path's mode and time in seconds."""
    return {
        path.relative_to(folder).as_posix(): (stat.S_IMODE(path.lstat().st_mode), int(path.lstat().st_mtime))
        for path in sorted(folder.rglob("*"))
    }


def test_writes_what_was_counted_with_the_modes_of_git(root: Path, tmp_path: Path) -> None:
    one = recipe(root)
    old = os.umask(0o077)
    try:
        with staged(one, digest(one), tmp_path / "stage" / "web") as place:
            found = tree(place.context)
            assert (place.context / "app/main.py").read_text() == "print(1)\n"
            assert (place.context / "link").readlink() == Path("app/main.py")
            assert place.dockerfile.read_text() == "FROM x\n"
            assert not place.dockerfile.is_relative_to(place.context)
            assert stat.S_IMODE(place.context.stat().st_mode) == 0o755
            assert stat.S_IMODE(place.context.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)
    assert {path: mode for path, (mode, _) in found.items() if path != "link"} == {
        "Dockerfile": 0o644, "app": 0o755, "app/main.py": 0o644, "empty": 0o755, "run": 0o755,
    }  # fmt: skip
    assert {seconds for _, seconds in found.values()} == {TIME}
    assert not (tmp_path / "stage" / "web").exists()


def test_another_content_of_the_same_size_and_time_has_another_time(root: Path, tmp_path: Path) -> None:
    """BuildKit compares size and time alone: it would build the new tag from the old file."""
    times = []
    for text in ("print(1)\n", "print(2)\n", "print(1)\n"):
        (root / "app" / "main.py").write_text(text)
        os.utime(root / "app" / "main.py", (TIME, TIME))
        one = recipe(root)
        with staged(one, digest(one), tmp_path / "stage") as place:
            times.append((place.context / "app/main.py").stat().st_mtime_ns)
    assert times[0] == times[2] != times[1]
    assert [each // 10**9 for each in times] == [TIME] * 3


def test_a_file_that_is_saved_meanwhile_is_noticed(root: Path, tmp_path: Path) -> None:
    one = recipe(root)
    tag = digest(one)
    (root / "app" / "main.py").write_text("print(2)\n")
    with (
        pytest.raises(SourceChanged, match="changed while it was being built") as caught,
        staged(one, tag, tmp_path / "s"),
    ):
        pass
    assert tag in caught.value.why
    assert not (tmp_path / "s").exists()


def test_a_dockerfile_that_is_saved_meanwhile_is_noticed(root: Path, tmp_path: Path) -> None:
    one = recipe(root)
    tag = digest(one)
    (tmp_path / "Dockerfile").write_text("FROM y\n")
    other = Recipe(root, tmp_path / "Dockerfile", one.source, one.ignore, {}, "", one.withheld)
    with pytest.raises(SourceChanged, match="Dockerfile changed"), staged(other, tag, tmp_path / "s"):
        pass


def test_two_builds_at_a_time_do_not_meet(root: Path, tmp_path: Path) -> None:
    one = recipe(root)
    tag = digest(one)
    with staged(one, tag, tmp_path / "s") as first, staged(one, tag, tmp_path / "s") as second:
        assert first.context == tmp_path / "s" / "context"
        assert second.context != first.context
        assert tree(first.context) == tree(second.context)
    assert [path.name for path in tmp_path.iterdir() if path.name != "source"] == ["s.lock"]


def test_what_a_killed_build_left_is_replaced(root: Path, tmp_path: Path) -> None:
    (tmp_path / "s" / "context").mkdir(parents=True)
    (tmp_path / "s" / "context" / "old").touch()
    one = recipe(root)
    with staged(one, digest(one), tmp_path / "s") as place:
        assert not (place.context / "old").exists()


def test_large_files(root: Path, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (root / "large").write_bytes(data)
    one = recipe(root)
    with staged(one, digest(one), tmp_path / "s") as place:
        assert (place.context / "large").read_bytes() == data


def test_a_full_disk_is_no_change_of_the_source(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "x")

    one = recipe(root)
    tag = digest(one)
    monkeypatch.setattr("kubetasks.images.stage.os.utime", full)
    with pytest.raises(DiskFull), staged(one, tag, tmp_path / "s"):
        pass


def test_odd_names(root: Path, tmp_path: Path) -> None:
    names = [b"new\nline", b"\xff\xfe", b" blank ", b"-n", "é".encode()]
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).touch()
    one = recipe(root)
    with staged(one, digest(one), tmp_path / "s") as place:
        assert set(names) <= {os.fsencode(path.name) for path in place.context.iterdir()}
