"""What is in the layers of an image that should not be: caches of package managers, keys, and known secrets.

A file that a later layer deletes is still in the image for everyone who pulls it, so each layer is read by itself.
"""

import json
import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

# Read of a file's beginning, to look for secrets in it.
LARGEST: Final = 1 << 20
SHORTEST_VALUE: Final = 8

CACHES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "apt lists": (re.compile(r"^var/lib/apt/lists/.+"), "end that RUN with && rm -rf /var/lib/apt/lists/*"),
    "apt packages": (
        re.compile(r"^var/cache/apt/(?:archives/.+\.deb|\w*pkgcache\.bin)$"),
        "end that RUN with && apt-get clean",
    ),
    "apk cache": (re.compile(r"^var/cache/apk/.+"), "write apk add --no-cache"),
    "dnf cache": (re.compile(r"^var/cache/(?:dnf|yum)/.+"), "end that RUN with && dnf clean all"),
    "pip cache": (
        re.compile(r"(?:^|/)\.cache/pip/.+"),
        "write pip install --no-cache-dir, or mount a cache: RUN --mount=type=cache,target=/root/.cache/pip …",
    ),
    "uv cache": (re.compile(r"(?:^|/)\.cache/uv/.+"), "set UV_NO_CACHE=1, or mount a cache on /root/.cache/uv"),
    "npm cache": (re.compile(r"(?:^|/)\.npm/_cacache/.+"), "write npm ci && npm cache clean --force"),
    "yarn cache": (re.compile(r"(?:^|/)\.cache/yarn/.+|usr/local/share/\.cache/yarn/.+"), "run yarn cache clean"),
    "Go build cache": (re.compile(r"(?:^|/)\.cache/go-build/.+"), "build in an earlier stage, and copy the program"),
    "Cargo registry": (re.compile(r"(?:^|/)\.cargo/registry/.+"), "build in an earlier stage, and copy the program"),
    "Maven repository": (re.compile(r"(?:^|/)\.m2/repository/.+"), "build in an earlier stage, and copy the jar"),
    "Git history": (re.compile(r"(?:^|/)\.git/objects/.+"), "add .git to .dockerignore"),
}
# Files that hold credentials by their nature.
CREDENTIALS: Final = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$|dist$)[\w-]+)?|\.netrc|\.pgpass|\.pypirc|\.git-credentials|\.htpasswd"
    r"|\.docker/config\.json|\.aws/credentials|\.kube/config|kubeconfig|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|\.config/gcloud/[\w./-]*credentials[\w./-]*|service-account[\w-]*\.json|[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx))$"
)
NPMRC: Final = re.compile(rb"_auth(?:Token)?\s*=\s*(?!\$\{)\S+")
# A file that is a key, not one that speaks of keys.
KEY: Final = re.compile(rb"\A\s*-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
# Tests of libraries bring their own keys.
SAMPLES: Final = re.compile(r"(?:^|/)(?:tests?|testdata|examples?|fixtures?)/|(?:^|/)site-packages/.*/tests?/")


@dataclass(frozen=True)
class Layer:
    """What was noticed in one layer.

    Args:
        digest: the layer's name in the archive.
        caches: bytes of each kind of cache.
        secrets: each file that holds a secret, and what kind of secret; never the secret.
    """

    digest: str
    caches: Mapping[str, int]
    secrets: Mapping[str, str]


def read(archive: Path, values: Mapping[str, str]) -> list[Layer]:
    """Look at every layer of an archive that ``docker save`` wrote, the lowest first.

    Args:
        archive: the file.
        values: secrets that are known, by name; looked for in every file of up to ``LARGEST`` bytes.

    Raises:
        ValueError: it is not such an archive.
    """
    wanted = {name: value.encode() for name, value in values.items() if len(value) >= SHORTEST_VALUE}
    try:
        with tarfile.open(archive) as outer:
            return [_layer(outer, name, wanted) for name in _names(outer)]
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ValueError(f"it is not an image archive: {error}") from None


def _names(outer: tarfile.TarFile) -> list[str]:
    manifest = outer.extractfile("manifest.json")
    if manifest is None:
        raise ValueError("it has no manifest")
    names: list[str] = []
    for image in json.load(manifest):
        names += image["Layers"]
    return list(dict.fromkeys(names))


def _layer(outer: tarfile.TarFile, name: str, values: Mapping[str, bytes]) -> Layer:
    blob = outer.extractfile(name)
    caches: dict[str, int] = {}
    secrets: dict[str, str] = {}
    if blob is not None:
        for entry, content in _files(blob):
            path = entry.name.removeprefix("./").lstrip("/")
            for kind, (pattern, _) in CACHES.items():
                if pattern.search(path):
                    caches[kind] = caches.get(kind, 0) + entry.size
            found = _secret(path, content, values)
            if found:
                secrets[path] = found
    return Layer(name.removeprefix("blobs/").replace("/", ":").removesuffix(":layer.tar"), caches, secrets)


def _files(blob: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """The regular files of a layer, compressed or not, each with its beginning."""
    with tarfile.open(fileobj=blob, mode="r|*") as layer:
        for entry in layer:
            if entry.isreg():
                stream = layer.extractfile(entry)
                yield entry, stream.read(LARGEST) if stream is not None else b""


def _secret(path: str, content: bytes, values: Mapping[str, bytes]) -> str:
    """What kind of secret a file holds; empty for none."""
    for name, value in values.items():
        if value in content:
            return f"the value of {name}"
    if not content.strip() or SAMPLES.search(path):
        return ""
    if KEY.match(content):
        return "a private key"
    if path.endswith(".npmrc") and NPMRC.search(content):
        return "a registry's token"
    return "credentials" if CREDENTIALS.search(path) else ""


def total(layers: Collection[Layer]) -> dict[str, int]:
    """Bytes of each kind of cache in all layers."""
    found: dict[str, int] = {}
    for layer in layers:
        for kind, size in layer.caches.items():
            found[kind] = found.get(kind, 0) + size
    return found
