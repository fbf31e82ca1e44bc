"""The walk: bounded, without links and without what others wrote."""

from pathlib import Path

from kubetasks.init.walk import values_of, walk
from tests.unit.init.tree import written


def test_what_is_left_out(tmp_path: Path) -> None:
    names = [
        "Dockerfile", "web/Dockerfile", "node_modules/a/Dockerfile", "web/node_modules/a/Dockerfile", ".git/Dockerfile",
        ".venv/Dockerfile", "vendor/x/Dockerfile", "other/.git/HEAD", "other/Dockerfile", "env3/pyvenv.cfg",
        "env3/Dockerfile", "tests/fixtures/Dockerfile", "pkg/testdata/Dockerfile", "__pycache__/Dockerfile",
    ]  # fmt: skip
    root = written(tmp_path, dict.fromkeys(names, ""))
    assert walk(root).files == ("Dockerfile", "web/Dockerfile")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    written(tmp_path, {"a/Dockerfile": "FROM x\n"})
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to("self")
    assert walk(tmp_path).files == ("a/Dockerfile",)


def test_a_large_folder_is_cut(tmp_path: Path) -> None:
    written(tmp_path, {f"{index:03}.txt": "" for index in range(30)})
    found = walk(tmp_path, most=10)
    assert found.cut
    assert len(found.files) == 10


def test_a_folder_that_cannot_be_read_and_a_file_that_is_gone(tmp_path: Path) -> None:
    found = walk(tmp_path / "none")
    assert found.files == ()
    assert found.text("gone.yaml") == ""


def test_bytes_that_are_not_utf_8_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: caf\xe9\n")
    assert walk(tmp_path).documents("a.yaml") == [{"name": "caf\ufffd"}]


def test_of_a_file_with_a_broken_document_the_others_count() -> None:
    assert values_of("a: 1\n---\n{{ broken\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]
