"""Scripts with Windows line endings are refused before they are built into an image."""

from pathlib import Path

import pytest

from kubetasks.errors import LineEndings
from kubetasks.images.digest import Recipe
from kubetasks.images.ignore import Ignore, read
from kubetasks.images.line_endings import scripts
from kubetasks.images.plan import Image

SH = b"#!/bin/sh\r\nexec app\r\n"


def recipe(root: Path, files: dict[str, bytes], dockerfile: str = "FROM x\nCOPY . .\n", ignored: str = "") -> Recipe:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Recipe(root, root / "Dockerfile", dockerfile.encode(), Ignore(read(ignored)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("start.sh", SH),
        ("start", SH),
        ("bin/start", b"#!/usr/bin/env bash\r\n"),
        ("start.sh", b"set -e\r\nexec app\r\n"),
        ("deep/er/run.bash", b"echo\r\n"),
        ("start", b"#!/bin/dash -e\r\n"),
        ("start", b"#! /bin/sh\r\n"),
    ],
)
def test_a_script_of_a_shell(tmp_path: Path, name: str, content: bytes) -> None:
    found = recipe(tmp_path, {name: content, "other.sh": b"#!/bin/sh\nx\n"})
    assert list(scripts(found)) == [name]
    with pytest.raises(LineEndings) as caught:
        Image("web", "acme/web", "1", found).check()
    assert caught.value.what == f"{tmp_path / name} has Windows line endings"
    assert f"sed -i 's/\\r$//' {name}" in caught.value.fix
    assert caught.value.exit_code == 44


@pytest.mark.parametrize("line", ['ENTRYPOINT ["./serve.py"]', "CMD ./serve.py --port 80", 'CMD ["/srv/serve.py"]'])
def test_a_script_of_another_interpreter_that_is_started_by_its_name(tmp_path: Path, line: str) -> None:
    files = {"serve.py": b"#!/usr/bin/env python3\r\nprint()\r\n", "other.py": b"#!/usr/bin/env python3\r\n"}
    assert list(scripts(recipe(tmp_path, files, f"FROM x\nCOPY . .\n{line}\n"))) == ["serve.py"]
    assert list(scripts(recipe(tmp_path, files))) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("start.sh", b"#!/bin/sh\nexec app\n"),
        ("start.sh", b"#!/bin/sh\n# one line\r\n"),
        ("start.sh", b""),
        ("start.sh", b"\r"),
        ("data.csv", b"#!a,b\r\n"),
        ("notes.txt", b"#!/bin/sh\r\n"),
        ("README", b"about\r\n"),
        ("start", b"#!" + b"x" * 600 + b"/sh\r\n"),
        ("main.py", b"#!/usr/bin/env python3\r\n"),
        ("picture", bytes(range(256)) * 4),
    ],
)
def test_what_is_no_such_script(tmp_path: Path, name: str, content: bytes) -> None:
    assert list(scripts(recipe(tmp_path, {name: content}))) == []


def test_what_does_not_go_in_does_not_count(tmp_path: Path) -> None:
    files = {"dev/build.sh": SH, "src/main.py": b""}
    assert list(scripts(recipe(tmp_path, files, "FROM x\nCOPY src /srv\n"))) == []
    assert list(scripts(recipe(tmp_path, files, ignored="dev"))) == []
    assert list(scripts(recipe(tmp_path, files, "FROM x\nCOPY dev/build.sh /srv\n"))) == ["dev/build.sh"]
    assert list(scripts(recipe(tmp_path, files, "FROM x\nADD dev/*.sh /srv\n"))) == ["dev/build.sh"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    found = recipe(tmp_path, {})
    (tmp_path / "start.sh").symlink_to("/nowhere")
    assert list(scripts(found)) == []
