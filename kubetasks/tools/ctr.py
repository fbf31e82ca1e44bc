"""containerd's own client inside a node: command lines, and what it prints."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# Where containerd of every kind node keeps its blobs; `ctr content ls` rounds their sizes.
BLOBS: Final = "/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256"
_CTR: Final = ("ctr", "-n", "k8s.io")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_CHECKED = re.compile(
    r"^(?P<name>\S+)\s+\S+\s+(?P<digest>sha256:\S+)\s+(?P<status>complete|incomplete|unavailable)\b.*\s(?P<unpacked>true|false)\s*$"
)


def images(names: Sequence[str]) -> list[str]:
    """What ``ctr images check`` says of images, then of each its manifest and configuration, as ``DIGEST JSON`` lines.

    From the index, manifest or configuration that a name leads to, three levels down; layers are no JSON and left out.
    """
    wanted = " ".join(f"name=={name}" for name in names)
    script = f"""held=$({" ".join(_CTR)} images check {wanted}) || exit; echo "$held"; cd {BLOBS} || exit
digests=$(echo "$held" | grep -o 'sha256:[0-9a-f]\\{{64\\}}' | sort -u)
for level in 1 2 3; do
  below=
  for each in $digests; do
    file=${{each#sha256:}}
    [ -f "$file" ] && [ "$(head -c 1 "$file" | tr -d '\\0')" = '{{' ] || continue
    echo "$each $(tr -d '\\n' <"$file")"
    below="$below $(grep -o 'sha256:[0-9a-f]\\{{64\\}}' "$file")"
  done
  digests=$(printf '%s\\n' $below | sort -u)
done"""
    return ["sh", "-c", script]


def image_names() -> list[str]:
    """The full names of all images, one a line."""
    return [*_CTR, "images", "ls", "-q"]


def remove(names: Sequence[str]) -> list[str]:
    """Remove images by their full names; containers that run keep what they need."""
    return [*_CTR, "images", "rm", *names]


def version() -> list[str]:
    """``ctr version``: exits with 0 if containerd answers."""
    return ["ctr", "version"]


def images_import() -> list[str]:
    """Import an archive from standard input, and unpack it."""
    return [*_CTR, "images", "import", "-"]


def content() -> list[str]:
    """The digests in the content store, an empty line, then ``HEX SIZE`` of the blobs on disk."""
    return ["sh", "-c", f'{" ".join(_CTR)} content ls -q && echo && cd {BLOBS} && stat -c "%n %s" -- *']


def parse_content(text: str) -> dict[str, int]:
    """Digest (``sha256:…``) to size in bytes of what the content store holds."""
    listed, _, sizes = text.partition("\n\n")
    known = {line.strip() for line in listed.splitlines() if line.startswith("sha256:")}
    found: dict[str, int] = {}
    for line in sizes.splitlines():
        name, _, size = line.partition(" ")
        digest = f"sha256:{name}"
        if digest in known and size.strip().isdigit():
            found[digest] = int(size)
    return found


@dataclass(frozen=True)
class Held:
    """One image that is complete and unpacked on a node.

    Args:
        manifests: the digests of its index and manifests.
        configs: the digests of its configurations.
        labels: the labels in its configuration.
    """

    manifests: frozenset[str]
    configs: frozenset[str]
    labels: Mapping[str, str]


def parse_images(text: str) -> dict[str, Held]:
    """The images in what ``images`` printed that are complete and unpacked, by their full names."""
    documents: dict[str, Any] = {}
    roots: dict[str, str] = {}
    for line in text.splitlines():
        digest, _, rest = line.partition(" ")
        if _DIGEST.fullmatch(digest):
            with contextlib.suppress(ValueError):
                documents[digest] = json.loads(rest)
            continue
        row = _CHECKED.match(line)
        if row and row["status"] == "complete" and row["unpacked"] == "true":
            roots[row["name"]] = row["digest"]
    return {name: _held(root, documents) for name, root in roots.items()}


def _held(root: str, documents: Mapping[str, Any]) -> Held:
    manifests, configs = {root}, set()
    labels: dict[str, str] = {}
    waiting = [root]
    while waiting:
        document = documents.get(waiting.pop()) or {}
        for each in document.get("manifests") or ():
            manifests.add(each["digest"])
            waiting.append(each["digest"])
        config = (document.get("config") or {}).get("digest")
        if config:
            configs.add(config)
            labels.update(((documents.get(config) or {}).get("config") or {}).get("Labels") or {})
    return Held(frozenset(manifests), frozenset(configs), labels)


def full_name(reference: str) -> str:
    """A reference as containerd knows it: ``app:1`` is ``docker.io/library/app:1``.

    The rule is that of https://github.com/distribution/reference (normalize.go): the first part is a registry's host
    when it has a dot or a colon or is ``localhost``.
    """
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
