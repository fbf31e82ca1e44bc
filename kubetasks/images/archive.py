"""Image archives that leave out the layers which the receiver has already.

containerd imports an OCI layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md) by digest:
what the archive lacks it takes from its own content store, and unpacks only layers that have no snapshot yet.
"""

import io
import json
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any, Final

from kubetasks.images.sink import Sink

NAME: Final = "io.containerd.image.name"
_BLOBS: Final = "blobs/sha256/"
_BUFFER: Final = 1 << 20


class Incomplete(ValueError):
    """A manifest, or something that it names, is neither here nor on the nodes."""


def needed(sink: Sink, root: str) -> list[str]:
    """The manifests that a pushed image stands on, its root first.

    Raises:
        Incomplete: a blob or manifest that it names came not and is not on every node.
    """
    found: list[str] = []
    waiting = [root]
    while waiting:
        digest = waiting.pop()
        document = sink.document(digest)
        if not document:
            raise Incomplete(digest)
        found.append(digest)
        waiting += [item["digest"] for item in document.get("manifests") or ()]
        blobs = [item["digest"] for item in document.get("layers") or ()]
        blobs += [document["config"]["digest"]] if "config" in document else []
        for blob in blobs:
            if sink.size(blob) is None:
                raise Incomplete(blob)
    return found


def is_image(sink: Sink, root: str, identity: str) -> bool:
    """Whether a pushed manifest is the image of this ID: its config's digest, or its own (containerd image store)."""
    return identity in {root, sink.document(root).get("config", {}).get("digest")}


def write(sink: Sink, roots: Mapping[str, str], out: IO[bytes]) -> None:
    """Write the OCI layout of what came in.

    Args:
        sink: what came in.
        roots: an image's full name to the digest of its manifest.
        out: where the tar stream goes.

    Raises:
        Incomplete: an image lacks a part.
    """
    manifests = dict.fromkeys(digest for root in roots.values() for digest in needed(sink, root))
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [_descriptor(sink, digest, name) for name, digest in roots.items()],
    }
    with tarfile.open(fileobj=out, mode="w|", bufsize=_BUFFER) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", json.dumps(index).encode())
        for digest in manifests:
            _add(tar, _BLOBS + digest.removeprefix("sha256:"), sink.manifests[digest])
        for digest, path in sink.blobs.items():
            tar.add(path, _BLOBS + digest.removeprefix("sha256:"), recursive=False)


def _descriptor(sink: Sink, digest: str, name: str) -> dict[str, Any]:
    return {
        "mediaType": sink.document(digest).get("mediaType") or sink.media_types[digest],
        "digest": digest,
        "size": len(sink.manifests[digest]),
        "annotations": {NAME: name},
    }


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def spare(source: Path, present: Collection[str]) -> set[str]:
    """The entries of what ``docker save`` wrote that every node has already.

    Only an OCI layout (Docker 25 and later) names its layers by digest; of anything else nothing can be spared.
    """
    with tarfile.open(source) as tar:
        names = tar.getnames()
    if "oci-layout" not in names:
        return set()
    return {name for name in names if f"sha256:{name.removeprefix(_BLOBS)}" in present}


def thin(source: Path, without: Collection[str], out: IO[bytes]) -> None:
    """Copy an archive without some of its entries."""
    with tarfile.open(source) as tar, tarfile.open(fileobj=out, mode="w|", bufsize=_BUFFER) as thinner:
        for entry in tar:
            if entry.name not in without:
                thinner.addfile(entry, tar.extractfile(entry) if entry.isfile() else None)
