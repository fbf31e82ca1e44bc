"""containerd's own client inside a node: command lines, and what it prints."""

import re
from collections.abc import Sequence
from typing import Final

# Where containerd of every kind node keeps its blobs; `ctr content ls` rounds their sizes.
BLOBS: Final = "/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256"
_CTR: Final = ("ctr", "-n", "k8s.io")
_CHECKED = re.compile(
    r"^(?P<name>\S+)\s+\S+\s+sha256:\S+\s+(?P<status>complete|incomplete|unavailable)\b.*\s(?P<unpacked>true|false)\s*$"
)


def images_ls() -> list[str]:
    """The names of the images that the kubelet can start."""
    return [*_CTR, "images", "ls", "-q"]


def images_check(names: Sequence[str]) -> list[str]:
    """Whether images are complete and unpacked."""
    return [*_CTR, "images", "check", *(f"name=={name}" for name in names)]


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


def parse_check(text: str) -> set[str]:
    """The names of the images that are complete and unpacked."""
    found = (_CHECKED.match(line) for line in text.splitlines())
    return {row["name"] for row in found if row and row["status"] == "complete" and row["unpacked"] == "true"}


def full_name(reference: str) -> str:
    """A reference as containerd knows it: ``app:1`` is ``docker.io/library/app:1``.

    The rule is that of https://github.com/distribution/reference (normalize.go): the first part is a registry's host
    when it has a dot or a colon or is ``localhost``.
    """
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
