"""The files that ConfigMaps and Secrets bring into a container, and the volume that a path is on."""

import posixpath
from collections.abc import Iterator
from typing import Any

from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.views import Container
from kubetasks.objects import Object


def _claimed(workload: Workload) -> Iterator[Object]:
    """The volumes that a StatefulSet makes from its claim templates, with the claim of its first pod."""
    for template in (workload.item.get("spec") or {}).get("volumeClaimTemplates") or ():
        name = template["metadata"]["name"]
        yield {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{workload.name}-0"}}


def _mounts(workload: Workload, container: Container) -> Iterator[tuple[str, Object, Object]]:
    """Path, mount and volume of everything that is mounted into a container."""
    volumes = {each.get("name"): each for each in [*(workload.spec.get("volumes") or ()), *_claimed(workload)]}
    for mount in container.spec.get("volumeMounts") or ():
        volume = volumes.get(mount.get("name"))
        if volume is not None:
            yield str(mount.get("mountPath")), mount, volume


def mount_of(workload: Workload, container: Container, path: str) -> tuple[Object, Object] | None:
    """The mount and the volume that a path is on; None if it is in the image."""
    best: tuple[int, Object, Object] | None = None
    for at, mount, volume in _mounts(workload, container):
        inside = path == at or path.startswith(at.rstrip("/") + "/")
        if inside and (best is None or len(at) > best[0]):
            best = len(at), mount, volume
    return (best[1], best[2]) if best else None


def source_of(volume: Object) -> tuple[str, str]:
    """Kind and name of the ConfigMap, Secret or claim behind a volume; both empty for any other."""
    if volume.get("configMap"):
        return "ConfigMap", str(volume["configMap"].get("name"))
    if volume.get("secret"):
        return "Secret", str(volume["secret"].get("secretName"))
    if volume.get("persistentVolumeClaim"):
        return "PersistentVolumeClaim", str(volume["persistentVolumeClaim"].get("claimName"))
    return "", ""


def files_of(world: World, workload: Workload, container: Container) -> list[str]:
    """The paths of the files that ConfigMaps and Secrets bring into a container."""
    found = []
    for at, mount, volume in _mounts(workload, container):
        kind, name = source_of(volume)
        item = world.get(kind, name) if kind in {"ConfigMap", "Secret"} else None
        if item is None:
            continue
        if mount.get("subPath"):
            found.append(at)
            continue
        ref: Any = volume.get("configMap") or volume.get("secret")
        names = [str(each.get("path")) for each in ref.get("items") or ()] or list(item.get("data") or {})
        found += [posixpath.join(at, each) for each in names]
    return found
