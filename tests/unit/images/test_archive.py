"""Archives without what the nodes have."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubetasks.images.archive import Incomplete, is_image, needed, spare, thin, write
from kubetasks.images.sink import Sink

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
BASE = f"sha256:{'b' * 64}"


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def come(sink: Sink, data: bytes) -> str:
    path = sink.folder / "upload"
    path.write_bytes(data)
    assert sink.keep(path, sha(data), sha(data).removeprefix("sha256:"))
    return sha(data)


def manifest(sink: Sink, tag: str, layers: list[str], config: str) -> str:
    body: dict[str, Any] = {
        "mediaType": MANIFEST_TYPE,
        "config": {"digest": config},
        "layers": [{"digest": each} for each in layers],
    }
    return sink.keep_manifest(tag, json.dumps(body).encode(), MANIFEST_TYPE)


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    (tmp_path / "sink").mkdir()
    return Sink(tmp_path / "sink", {BASE: 1000})


def entries(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]


def test_writes_only_what_came(sink: Sink) -> None:
    config, layer = come(sink, b"{}"), come(sink, b"layer")
    root = manifest(sink, "web.1", [BASE, layer], config)
    out = io.BytesIO()
    write(sink, {"docker.io/kubetasks/web:1": root}, out)
    found = entries(out.getvalue())
    blobs = {name for name in found if name.startswith("blobs/")}
    assert blobs == {f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in (config, layer, root)}
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads(found["index.json"])["manifests"] == [
        {
            "mediaType": MANIFEST_TYPE,
            "digest": root,
            "size": len(sink.manifests[root]),
            "annotations": {"io.containerd.image.name": "docker.io/kubetasks/web:1"},
        }
    ]


def test_follows_an_index_to_its_manifests(sink: Sink) -> None:
    config = come(sink, b"{}")
    inner = manifest(sink, "x", [BASE], config)
    index = sink.keep_manifest("web.1", json.dumps({"manifests": [{"digest": inner}]}).encode(), "application/index")
    assert needed(sink, index) == [index, inner]


def test_refuses_an_image_that_lacks_a_part(sink: Sink) -> None:
    lost = sha(b"never came")
    root = manifest(sink, "web.1", [BASE, lost], come(sink, b"{}"))
    with pytest.raises(Incomplete, match=lost):
        write(sink, {"name": root}, io.BytesIO())
    with pytest.raises(Incomplete):
        needed(sink, "")


def test_knows_the_image_by_its_id(sink: Sink) -> None:
    config = come(sink, b"{}")
    root = manifest(sink, "web.1", [], config)
    assert is_image(sink, root, config)
    assert is_image(sink, root, root)
    assert not is_image(sink, root, sha(b"other"))
    assert not is_image(sink, "", config)


def saved(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("blobs")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def test_thins_an_oci_layout(tmp_path: Path) -> None:
    files = {
        "oci-layout": b"{}",
        f"blobs/sha256/{'b' * 64}": b"base",
        f"blobs/sha256/{'c' * 64}": b"new",
        "index.json": b"{}",
    }
    path = saved(tmp_path / "image.tar", files)
    without = spare(path, {BASE})
    assert without == {f"blobs/sha256/{'b' * 64}"}
    out = io.BytesIO()
    thin(path, without, out)
    assert entries(out.getvalue()) == {name: data for name, data in files.items() if name not in without}


def test_nothing_can_be_spared_of_the_old_format(tmp_path: Path) -> None:
    path = saved(tmp_path / "image.tar", {"manifest.json": b"[]", f"{'b' * 64}/layer.tar": b"base"})
    assert spare(path, {BASE}) == set()
