"""Versions of programs, as numbers."""

import json
import re

Version = tuple[int, ...]


def version_in(text: str) -> Version:
    """The first version in a text, as numbers: ``kind v0.33.0 go1.26.8`` gives (0, 33, 0). Empty when there is none."""
    found = re.search(r"(?<![\w.])v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else ()


def shown(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def kubectl_versions(text: str) -> tuple[Version, Version]:
    """The client's and the API server's version from ``kubectl version --output json``; empty if there is none."""
    try:
        document = json.loads(text)
    except ValueError:
        return (), ()
    client, server = (document.get(key, {}).get("gitVersion", "") for key in ("clientVersion", "serverVersion"))
    return version_in(client), version_in(server)
