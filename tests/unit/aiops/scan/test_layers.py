"""The layers of an image: caches, credentials and known values, in archives as ``docker save`` writes them."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from kubetasks.aiops.scan import layers

KEY = "-----BEGIN RSA PRIVATE KEY-----\nabc\n"
VALUE = "correct-horse-battery"


def tar(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def image(folder: Path, *contents: dict[str, str | bytes], compressed: bool = False) -> Path:
    names = [f"blobs/sha256/{number:064d}" for number in range(len(contents))]
    blobs = {name: tar(files) for name, files in zip(names, contents, strict=True)}
    if compressed:
        blobs = {name: gzip.compress(blob) for name, blob in blobs.items()}
    path = folder / "image.tar"
    path.write_bytes(tar({"manifest.json": json.dumps([{"Layers": names}]), **blobs}))
    return path


CACHED = {
    "apt lists": "var/lib/apt/lists/deb.debian.org_InRelease",
    "apt packages": "var/cache/apt/archives/curl.deb",
    "apk cache": "var/cache/apk/x.apk",
    "dnf cache": "var/cache/dnf/x/y.rpm",
    "pip cache": "root/.cache/pip/http/x",
    "uv cache": "home/app/.cache/uv/x",
    "npm cache": "root/.npm/_cacache/content-v2/x",
    "yarn cache": "usr/local/share/.cache/yarn/v6/x",
    "Go build cache": "root/.cache/go-build/00/x",
    "Cargo registry": "root/.cargo/registry/cache/x",
    "Maven repository": "root/.m2/repository/x.jar",
    "Git history": "app/.git/objects/00/x",
}


def test_every_cache_is_in_the_table() -> None:
    assert set(CACHED) == set(layers.CACHES)


@pytest.mark.parametrize(("kind", "path"), CACHED.items())
@pytest.mark.parametrize("compressed", [False, True])
def test_a_cache_is_weighed(tmp_path: Path, kind: str, path: str, compressed: bool) -> None:
    found = layers.read(image(tmp_path, {path: "x" * 100, f"./{path}2": "y"}, compressed=compressed), {})
    assert layers.total(found) == {kind: 101} or kind == "apt packages"


SECRETS = [
    ("app/.env", "A=b", "credentials"), ("app/.env.production", "A=b", "credentials"),
    ("root/.netrc", "x", "credentials"),
    ("root/.ssh/id_ed25519", "x", "credentials"), ("root/.aws/credentials", "x", "credentials"),
    ("root/.docker/config.json", "{}", "credentials"), ("root/.kube/config", "x", "credentials"),
    ("root/.npmrc", "//registry/:_authToken=abc", "a registry's token"), ("etc/tls.key", KEY, "a private key"),
    ("app/config.py", f"X = '{VALUE}'", "the value of API_KEY"), ("x.p12", "x", "credentials"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "content", "what"), SECRETS)
def test_a_secret_is_noticed_also_where_a_later_layer_deletes_it(
    tmp_path: Path, path: str, content: str, what: str
) -> None:
    folder, _, name = path.rpartition("/")
    found = layers.read(image(tmp_path, {path: content}, {f"{folder}/.wh.{name}".lstrip("/"): ""}), {"API_KEY": VALUE})
    assert [layer.secrets for layer in found] == [{path: what}, {}]


HARMLESS = [
    ("app/.env.example", "A=b"), ("app/.env", ""), ("root/.npmrc", "registry=https://x"),
    ("root/.npmrc", "//registry/:_authToken=${NPM_TOKEN}"), ("doc.md", "use a -----BEGIN PRIVATE KEY-----"),
    ("srv/site-packages/lib/tests/key.pem", KEY), ("app/environment.py", "x"), ("etc/ssl/cert.pem", "CERTIFICATE"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "content"), HARMLESS)
def test_what_is_not_a_secret(tmp_path: Path, path: str, content: str) -> None:
    (layer,) = layers.read(image(tmp_path, {path: content}), {"API_KEY": VALUE, "SHORT": "x"})
    assert layer.secrets == {}


@pytest.mark.parametrize(
    "content", [b"", b"not a tar", tar({"x": "y"}), tar({"manifest.json": '[{"Layers": ["gone"]}]'})]
)
def test_what_is_not_an_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not an image archive"):
        layers.read(path, {})
