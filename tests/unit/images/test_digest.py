"""The digest: the same for the same source, another for any other."""

import os
import sys
from pathlib import Path

import pytest

from kubetasks.images.digest import digest, files, own_platform
from kubetasks.images.ignore import Ignore


def make(root: Path, *, reverse: bool = False) -> Path:
    """The same source, written in either order."""
    source = {"app/main.py": b"print(1)\n", "app/data/é.txt": b"\xff\x00", "run": b"#!/bin/sh\n", "junk.pyc": b"x"}
    for name in sorted(source, reverse=reverse):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source[name])
    (root / "run").chmod(0o755)
    return root


def of(
    root: Path,
    *patterns: str,
    dockerfile: bytes = b"FROM x\n",
    base: str = "python:3",
    platform: str = "linux/amd64",
    **arguments: str,
) -> str:
    return digest(
        context=root,
        dockerfile=dockerfile,
        ignore=Ignore(patterns),
        build_args=arguments,
        base_image=base,
        platform=platform,
    )


def test_is_sixteen_hex_digits_and_does_not_change_between_versions(tmp_path: Path) -> None:
    assert of(make(tmp_path), "*.pyc") == "8c31cabcc102e943"


def test_is_equal_on_every_checkout(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one"), make(tmp_path / "other", reverse=True)
    os.utime(other / "run", (0, 0))
    (other / "app/main.py").chmod(0o600)
    (other / "empty").mkdir()
    assert of(one) == of(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "app/main.py").write_bytes(b"print(2)\n"),
        lambda root: (root / "app/main.py").rename(root / "app/other.py"),
        lambda root: (root / "app/main.py").unlink(),
        lambda root: (root / "new").touch(),
        lambda root: (root / "link").symlink_to("run"),
    ],
)
def test_every_change_of_a_file_counts(tmp_path: Path, change: object) -> None:
    before = of(make(tmp_path))
    assert callable(change)
    change(tmp_path)
    assert of(tmp_path) != before


@pytest.mark.skipif(sys.platform == "win32", reason="no executable bit")
def test_the_executable_bit_counts(tmp_path: Path) -> None:
    before = of(make(tmp_path))
    (tmp_path / "run").chmod(0o644)
    assert of(tmp_path) != before


def test_a_link_counts_by_its_target_and_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path / "a")
    (tmp_path / "a" / "link").symlink_to("nowhere")
    before = of(tmp_path / "a")
    (tmp_path / "a" / "link").unlink()
    (tmp_path / "a" / "link").symlink_to("elsewhere")
    assert of(tmp_path / "a") != before


def test_everything_else_that_goes_in_counts(tmp_path: Path) -> None:
    root = make(tmp_path)
    different = [
        of(root), of(root, dockerfile=b"FROM y\n"), of(root, base="python:4"), of(root, platform="linux/arm64"),
        of(root, SERVICE="a"), of(root, SERVICE="b"),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert of(root, A="1", B="2") == of(root, B="2", A="1")
    assert of(root, platform="") == of(root, platform=own_platform())


def test_what_is_ignored_does_not_count(tmp_path: Path) -> None:
    before = of(make(tmp_path), "*.pyc", "node_modules")
    (tmp_path / "junk.pyc").write_bytes(b"other")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x").touch()
    assert of(tmp_path, "*.pyc", "node_modules") == before


def test_lets_through_again_what_is_in_an_ignored_folder(tmp_path: Path) -> None:
    make(tmp_path)
    assert {path for path, _ in files(tmp_path, Ignore(["app", "!app/data"]))} == {"app/data/é.txt", "run", "junk.pyc"}
    assert {path for path, _ in files(tmp_path, Ignore(["**", "!run"]))} == {"run"}


def test_does_not_look_into_an_ignored_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    looked: list[str] = []
    real = os.scandir

    def scandir(folder: str) -> object:
        looked.append(folder)
        return real(folder)

    monkeypatch.setattr("kubetasks.images.digest.os.scandir", scandir)
    list(files(tmp_path, Ignore(["app"])))
    assert looked == [str(tmp_path)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs")
def test_bytecode_that_running_the_source_leaves_does_not_count(tmp_path: Path) -> None:
    before = of(make(tmp_path))
    (tmp_path / "app" / "__pycache__").mkdir()
    (tmp_path / "app" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    assert of(tmp_path) == before


def test_leaves_pipes_alone(tmp_path: Path) -> None:
    before = of(make(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    assert of(tmp_path) == before
