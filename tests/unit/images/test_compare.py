"""Whether two images hold the same files."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubetasks.images.compare import same_content, same_files
from kubetasks.tools.docker import Inspected
from tests.recording import Call, RecordingRunner

Change = Callable[[tarfile.TarInfo], None]
ONE = Inspected("sha256:1", layers=("sha256:a", "sha256:b"), configuration="x")
OTHER = replace(ONE, id="sha256:2", layers=("sha256:a", "sha256:c"))


def layer(time: int, change: Change = lambda entry: None, *, data: bytes = b"data") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind in (("srv", tarfile.DIRTYPE), ("srv/file", tarfile.REGTYPE), ("srv/link", tarfile.SYMTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime, entry.mode = kind, time, 0o755
            if kind == tarfile.SYMTYPE:
                entry.linkname = "file"
            if kind == tarfile.REGTYPE:
                entry.size = len(data)
                change(entry)
            tar.addfile(entry, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


def archive(path: Path, one: bytes, other: bytes) -> Path:
    """What `docker save` writes of two images with one layer in common."""
    manifest = json.dumps([{"Layers": ["a/layer.tar", "b/layer.tar"]}, {"Layers": ["a/layer.tar", "c/layer.tar"]}])
    with tarfile.open(path, "w") as tar:
        for name, data in (
            ("a/layer.tar", b"common: not read"), ("b/layer.tar", one), ("c/layer.tar", other),
            ("manifest.json", manifest.encode()),
        ):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def mode(entry: tarfile.TarInfo) -> None:
    entry.mode = 0o4755


def owner(entry: tarfile.TarInfo) -> None:
    entry.uid = 1000


def attribute(entry: tarfile.TarInfo) -> None:
    entry.pax_headers = {"SCHILY.xattr.security.capability": "x"}


def finer_time(entry: tarfile.TarInfo) -> None:
    entry.pax_headers = {"mtime": "7.123456789"}


def test_times_are_no_content(tmp_path: Path) -> None:
    assert same_files(archive(tmp_path / "a.tar", layer(1), layer(2)))
    assert same_files(archive(tmp_path / "a.tar", layer(1), layer(1, finer_time)))


@pytest.mark.parametrize("change", [mode, owner, attribute])
def test_all_else_is(tmp_path: Path, change: Change) -> None:
    assert not same_files(archive(tmp_path / "a.tar", layer(1), layer(1, change)))


def test_bytes_are(tmp_path: Path) -> None:
    assert not same_files(archive(tmp_path / "a.tar", layer(1), layer(1, data=b"atad")))


def saving(one: bytes, other: bytes) -> RecordingRunner:
    def save(call: Call) -> str:
        archive(Path(call.argv[3]), one, other)
        return ""

    return RecordingRunner({("docker", "save"): save})


def test_the_engine_is_asked_only_where_layers_differ() -> None:
    runner = saving(layer(1), layer(2))
    assert same_content(ONE, ONE, runner)
    assert same_content(ONE, replace(OTHER, layers=ONE.layers), runner)
    assert not same_content(ONE, replace(OTHER, configuration="y"), runner)
    assert not same_content(ONE, replace(OTHER, layers=()), runner)
    assert runner.calls == []
    assert same_content(ONE, OTHER, runner, {"DOCKER_HOST": "x"})
    assert runner.argvs[0][-2:] == [ONE.id, OTHER.id]
    assert runner.calls[0].env == {"DOCKER_HOST": "x"}
    assert not same_content(ONE, OTHER, saving(layer(1), layer(1, mode)))


@pytest.mark.parametrize("text", ["{}", "[]", '[{"Layers": ["gone"]}, {"Layers": ["b"]}]', "no JSON"])
def test_what_cannot_be_read_is_not_known_to_be_the_same(text: str) -> None:
    def save(call: Call) -> str:
        with tarfile.open(call.argv[3], "w") as tar:
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        return ""

    assert not same_content(ONE, OTHER, RecordingRunner({("docker", "save"): save}))
    assert not same_content(ONE, OTHER, RecordingRunner({("docker", "save"): (1, "", "no space left on device")}))
