"""The volumes of a compose service as volumes of a pod."""

import re
from collections.abc import Mapping
from typing import Any

from kubetasks.objects import Objects


def of(service: str, data: Mapping[str, Any]) -> tuple[Objects, Objects, Objects, list[str]]:
    """Mounts, volumes and claims; and a note for each mount of a folder of the machine."""
    mounts: Objects = []
    volumes: Objects = []
    claims: Objects = []
    notes: list[str] = []
    for each in data.get("volumes") or ():
        source, target, read_only = _mount(each)
        if not target:
            continue
        if not source or (isinstance(each, dict) and each.get("type") == "tmpfs"):
            name = f"scratch-{len(volumes)}"
            volumes.append({"name": name, "emptyDir": {}})
            mounts.append({"name": name, "mountPath": target})
        elif re.match(r"[./~$]", source):
            notes.append(f"{service}: {source}, which compose mounts on {target}, is left out")
        else:
            name = re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")[:50] or "data"
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": name}})
            # A folder of its own: the root of a new disk may hold lost+found.
            mounts.append(
                {"name": name, "mountPath": target, "subPath": "data", **({"readOnly": True} if read_only else {})}
            )
            claims.append(
                {
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }
            )  # fmt: skip
    for each in data.get("tmpfs") or () if isinstance(data.get("tmpfs"), list) else ():
        volumes.append({"name": f"scratch-{len(volumes)}", "emptyDir": {}})
        mounts.append({"name": volumes[-1]["name"], "mountPath": str(each).partition(":")[0]})
    return mounts, volumes, claims, notes


def _mount(each: Any) -> tuple[str, str, bool]:
    if isinstance(each, dict):
        return str(each.get("source") or ""), str(each.get("target") or ""), bool(each.get("read_only"))
    parts = str(each).split(":")
    if len(parts) == 1:
        return "", parts[0], False
    return parts[0], parts[1], "ro" in parts[2:]
