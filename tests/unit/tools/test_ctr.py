"""containerd's client: command lines, and what it prints (seen with 1.6)."""

import json
import subprocess
from pathlib import Path

import pytest

from kubetasks.tools import ctr

A, B = "a" * 64, "b" * 64
CHECK = f"""REF TYPE DIGEST STATUS SIZE UNPACKED
docker.io/x/a:1  application/vnd.oci.image.manifest.v1+json sha256:{A} complete (5/5)   255.3 MiB/255.3 MiB true
docker.io/x/b:1  application/vnd.oci.image.manifest.v1+json sha256:{A} complete (5/5)   165.0 B/165.0 B     false
docker.io/x/c:1  application/vnd.oci.image.manifest.v1+json sha256:{A} incomplete (4/5) 1.0 MiB/255.3 MiB   true
docker.io/x/d:1  application/vnd.oci.image.manifest.v1+json sha256:{A} unavailable (0/?) 0.0 B/?             false
"""


def test_argv() -> None:
    assert ctr.images_import() == ["ctr", "-n", "k8s.io", "images", "import", "-"]
    assert ctr.images(["a", "b"])[:2] == ["sh", "-c"]
    assert "ctr -n k8s.io images check name==a name==b" in ctr.images(["a", "b"])[2]
    assert ctr.content()[:2] == ["sh", "-c"]


def test_counts_blobs_that_are_listed_and_on_disk() -> None:
    assert ctr.parse_content(f"sha256:{A}\nsha256:{'c' * 64}\n\n{A} 123\n{B} 456\n") == {f"sha256:{A}": 123}
    assert ctr.parse_content("") == {}


def test_only_what_is_complete_and_unpacked_is_there() -> None:
    assert set(ctr.parse_images(CHECK)) == {"docker.io/x/a:1"}
    assert ctr.parse_images("") == {}


def document(digest: str, value: object) -> str:
    return f"sha256:{digest} {json.dumps(value)}\n"


def test_an_image_is_known_by_its_manifests_and_configurations() -> None:
    labels = {"kubetasks.dev/image": "x:1"}
    text = CHECK + document(A, {"config": {"digest": f"sha256:{B}"}, "layers": []})
    text += document(B, {"config": {"Labels": labels}, "rootfs": {}})
    held = ctr.parse_images(text)["docker.io/x/a:1"]
    assert held == ctr.Held(frozenset({f"sha256:{A}"}), frozenset({f"sha256:{B}"}), labels)


def test_an_index_is_followed_to_its_manifests() -> None:
    child, config = "c" * 64, "d" * 64
    text = CHECK + document(A, {"manifests": [{"digest": f"sha256:{child}"}, {"digest": f"sha256:{B}"}]})
    text += document(child, {"config": {"digest": f"sha256:{config}"}}) + f"sha256:{B} not JSON\n"
    held = ctr.parse_images(text)["docker.io/x/a:1"]
    assert held.manifests == {f"sha256:{A}", f"sha256:{B}", f"sha256:{child}"}
    assert set(held.configs) == {f"sha256:{config}"}
    assert held.labels == {}


def test_the_script_prints_what_is_parsed(tmp_path: Path) -> None:
    """Run with a shell and a `ctr` that lists one image, over blobs as containerd keeps them."""
    layer, config = tmp_path / ("c" * 64), tmp_path / B
    layer.write_bytes(b"\x1f\x8b\x00{")
    config.write_text(json.dumps({"config": {"Labels": {"a": "b"}}}))
    manifest = {"config": {"digest": f"sha256:{B}"}, "layers": [{"digest": f"sha256:{layer.name}"}]}
    (tmp_path / A).write_text(json.dumps(manifest, indent=3))
    program = tmp_path / "ctr"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{CHECK}END\n")
    program.chmod(0o755)
    script = ctr.images(["x"])[2].replace(ctr.BLOBS, str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert ctr.parse_images(done.stdout) == {
        "docker.io/x/a:1": ctr.Held(frozenset({f"sha256:{A}"}), frozenset({f"sha256:{B}"}), {"a": "b"})
    }


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("app:1", "docker.io/library/app:1"),
        ("kubetasks/app:1", "docker.io/kubetasks/app:1"),
        ("ghcr.io/me/app:1", "ghcr.io/me/app:1"),
        ("kubetasks.local/app:1", "kubetasks.local/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("registry:5000/app:1", "registry:5000/app:1"),
        ("docker.io/kubetasks/app:1", "docker.io/kubetasks/app:1"),
    ],
)
def test_full_name(reference: str, name: str) -> None:
    assert ctr.full_name(reference) == name
