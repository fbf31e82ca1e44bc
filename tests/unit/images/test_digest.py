"""The digest: the same for the same source, another for any other."""

import os
import sys
from pathlib import Path

import pytest

from kubetasks.images.digest import Recipe, digest, own_platform
from kubetasks.images.ignore import Ignore
from kubetasks.images.withheld import Withheld


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
    platform: str = "linux/amd64",
    withheld: Withheld | None = None,
    **arguments: str,
) -> str:
    return digest(
        Recipe(root, root / "Dockerfile", dockerfile, Ignore(patterns), arguments, platform, withheld or Withheld())
    )


def test_is_sixteen_hex_digits_and_does_not_change_between_versions(tmp_path: Path) -> None:
    assert of(make(tmp_path), "*.pyc") == "fc561f44c1d7369e"


def test_is_equal_on_every_checkout(tmp_path: Path) -> None:
    """Another order, other times, another owner's umask: git knows none of them."""
    one, other = make(tmp_path / "one"), make(tmp_path / "other", reverse=True)
    os.utime(other / "run", (0, 0))
    (other / "app/main.py").chmod(0o600)
    (other / "app").chmod(0o2775)
    (other / "run").chmod(0o700)
    assert of(one) == of(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "app/main.py").write_bytes(b"print(2)\n"),
        lambda root: (root / "app/main.py").rename(root / "app/other.py"),
        lambda root: (root / "app/main.py").unlink(),
        lambda root: (root / "new").touch(),
        lambda root: (root / "link").symlink_to("run"),
        lambda root: (root / "empty").mkdir(),
        lambda root: (root / "a" / "b").mkdir(parents=True),
        lambda root: (root / "new\nline").touch(),
        lambda root: Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch(),
    ],
)
def test_every_change_of_a_context_counts(tmp_path: Path, change: object) -> None:
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


def test_a_link_to_a_file_is_not_that_file(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    (one / "more").symlink_to("run")
    (other / "more").write_bytes(b"#!/bin/sh\n")
    assert of(one) != of(other)


def test_a_hard_link_is_a_file(tmp_path: Path) -> None:
    """git makes two files of it."""
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    (one / "more").hardlink_to(one / "app/main.py")
    (other / "more").write_bytes(b"print(1)\n")
    assert of(one) == of(other)


def test_everything_else_that_goes_in_counts(tmp_path: Path) -> None:
    root = make(tmp_path)
    different = [
        of(root), of(root, dockerfile=b"FROM y\n"), of(root, dockerfile=b"FROM x\r\n"), of(root, BASE_IMAGE="python:4"),
        of(root, platform="linux/arm64"), of(root, SERVICE="a"), of(root, SERVICE="b"), of(root, HTTP_PROXY="x"),
        of(root, SOURCE_DATE_EPOCH="0"), of(root, A="b=c"),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    assert of(root, A="1", B="2") == of(root, B="2", A="1")
    assert of(root, platform="") == of(root, platform=own_platform())
    assert of(root, A="1", B="2") != of(root, A="1B=2")


def test_large_files_count_whole(tmp_path: Path) -> None:
    file = make(tmp_path) / "large"
    file.write_bytes(b"\0" * (3 << 20))
    before = of(tmp_path)
    with file.open("r+b") as large:
        large.seek(2 << 20)
        large.write(b"1")
    assert of(tmp_path) != before


def test_what_is_ignored_does_not_count(tmp_path: Path) -> None:
    before = of(make(tmp_path), "*.pyc", "node_modules")
    (tmp_path / "junk.pyc").write_bytes(b"other")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x").touch()
    assert of(tmp_path, "*.pyc", "node_modules") == before


def test_what_is_withheld_does_not_count(tmp_path: Path) -> None:
    withheld = Withheld((tmp_path / ".env",), ("TOKEN",))
    before = of(make(tmp_path), withheld=withheld)
    (tmp_path / ".env").write_text("TOKEN=1\n")
    (tmp_path / "prod.env").write_text("TOKEN=1\n")
    assert of(tmp_path, withheld=withheld) == before


def test_what_cannot_be_sent_counts(tmp_path: Path) -> None:
    before = of(make(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    assert of(tmp_path) != before
