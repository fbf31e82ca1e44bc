"""What a build gets of its context."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kubetasks.images.context import FILE, FOLDER, LINK, PROGRAM, Listing, walk
from kubetasks.images.ignore import Ignore
from kubetasks.images.withheld import Withheld


def write(root: Path, *names: str, text: str = "x") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def listed(root: Path, *patterns: str) -> Listing:
    return walk(root, Ignore(patterns))


def sent(root: Path, *patterns: str) -> list[str]:
    return [item.path for item in listed(root, *patterns).items]


def test_kinds(tmp_path: Path) -> None:
    write(tmp_path, "file", "program")
    (tmp_path / "program").chmod(0o700)
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    kinds = {item.path: item.kind for item in listed(tmp_path).items}
    assert kinds == {"file": FILE, "program": PROGRAM, "link": LINK, "folder": FOLDER}


def test_is_sorted_by_bytes(tmp_path: Path) -> None:
    write(tmp_path, "b", "a/z", "é", "a.txt", "B")
    assert sent(tmp_path) == ["B", "a.txt", "a/z", "b", "é"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), ["a/b", "a/c/d", "e"]),
        (("a",), ["e"]),
        (("a/*",), ["a", "e"]),
        (("a", "!a/c"), ["a/c/d", "e"]),
        (("**", "!e"), ["e"]),
        (("**/d",), ["a/b", "a/c", "e"]),
        (("*", "!a/b"), ["a/b"]),
        (("*", "!x"), []),
    ],
)
def test_sends_the_folders_that_docker_sends(tmp_path: Path, patterns: tuple[str, ...], expected: list[str]) -> None:
    """A folder that is not ignored is sent, and may be empty; an ignored one only with what is let through again."""
    assert sent(write(tmp_path, "a/b", "a/c/d", "e"), *patterns) == expected


@pytest.mark.parametrize("name", [".git", "__pycache__"])
def test_leaves_out_what_changes_without_the_source(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a/b", f"{name}/x", f"a/{name}/x", f"left/{name}/x", f"left/over/{name}/x")
    assert sent(tmp_path) == ["a/b"]
    assert sent(tmp_path, "y", "!z") == ["a/b"]
    assert len(sent(tmp_path, f"!**/{name}")) == 5, "unless the ignore file names it"


def test_leaves_out_the_file_that_git_makes_in_a_worktree_and_a_submodule(tmp_path: Path) -> None:
    assert sent(write(tmp_path, ".git", "module/.git", "module/a")) == ["module/a"]


def test_what_only_begins_like_git_is_sent(tmp_path: Path) -> None:
    assert sent(write(tmp_path, ".github/a", ".gitignore", ".git/x"), "!.github") == [".github/a", ".gitignore"]


def test_does_not_look_into_an_ignored_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "app/x", "y")
    looked: list[str] = []
    real = os.scandir

    def scandir(folder: str) -> object:
        looked.append(folder)
        return real(folder)

    monkeypatch.setattr("kubetasks.images.context.os.scandir", scandir)
    listed(tmp_path, "app")
    assert looked == [str(tmp_path)]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "why"), [(fifo, "it is a named pipe"), (unix_socket, "it is a socket")], ids=["fifo", "socket"]
)
def test_refuses_special_files_by_name(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    (tmp_path / "a").mkdir()
    make(tmp_path / "a" / "special")
    assert listed(tmp_path).refused == {"a/special": why}
    assert listed(tmp_path, "a/special").refused == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_refuses_devices(tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", 0o20666, os.makedev(1, 3))
    assert listed(tmp_path).refused == {"null": "it is a device"}


@pytest.fixture
def unprivileged(tmp_path: Path) -> object:
    """Modes count: root reads everything."""
    if os.geteuid() == 0:
        for folder in (tmp_path, *tmp_path.parents):
            if folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
            if folder.name.startswith("pytest-of-"):
                break
        os.seteuid(65534)
        yield None
        os.seteuid(0)
    else:
        yield None


def test_a_folder_of_another_user(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    write(tmp_path, "theirs/x", "mine")
    (tmp_path / "theirs").chmod(0)
    request.getfixturevalue("unprivileged")
    assert listed(tmp_path).refused == {"theirs": "Permission denied"}
    assert listed(tmp_path, "theirs").refused == {}
    found = listed(tmp_path, "theirs", "!theirs/y")
    assert (found.refused, [item.path for item in found.items]) == ({}, ["mine"])


def test_what_belongs_in_no_image_is_mentioned(tmp_path: Path) -> None:
    write(tmp_path, "a/.kube/config", ".netrc", "id_rsa", "main.py")
    assert sorted(listed(tmp_path).suspect) == [".netrc", "a/.kube", "id_rsa"]
    assert sorted(listed(tmp_path, "**/.kube", "id_rsa").suspect) == [".netrc"]


def test_modes_that_are_not_kept_are_mentioned(tmp_path: Path) -> None:
    write(tmp_path, "a/x", "b/x", "c/x", "uploads/x", "suid")
    (tmp_path / "uploads").chmod(0o777)
    (tmp_path / "suid").chmod(0o4755)
    assert sorted(listed(tmp_path).modes) == ["suid", "uploads"]


def test_a_file_system_without_modes_is_no_reason_to_mention_any(tmp_path: Path) -> None:
    write(tmp_path, "a/x", "b/x", "c/x")
    for name in "abc":
        (tmp_path / name).chmod(0o777)
    assert listed(tmp_path).modes == []


def test_a_file_that_vanishes_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a", "b")

    def ignore(path: str, parent: object = ()) -> tuple[bool, tuple[bool, ...]]:
        if path == "a":
            (tmp_path / "a").unlink()
        return False, ()

    rules = Ignore(["x"])
    monkeypatch.setattr(rules, "verdict", ignore)
    assert [item.path for item in walk(tmp_path, rules, Withheld()).items] == ["b"]
