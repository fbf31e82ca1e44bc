"""What a pod's spec refers to: ConfigMaps, Secrets, claims and the ServiceAccount, with the place of each reference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reference:
    """One reference.

    Args:
        kind: ``ConfigMap``, ``Secret`` or ``PersistentVolumeClaim``.
        name: the object's name.
        key: the key in it; empty for the object as a whole.
        optional: whether the pod starts without it.
        path: where the name is, as a path of a JSON patch below the pod's spec.
        key_path: where the key is; empty without one.
        container: the container that reads it; empty for a volume.
        where: the place in words: ``variable API_TOKEN``, ``volume config``.
    """

    kind: str
    name: str
    key: str
    optional: bool
    path: str
    key_path: str
    container: str
    where: str


def references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    """The ConfigMaps, Secrets and claims that a pod's spec refers to."""
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            yield from _of_container(container, f"{part}/{index}")
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _of_volume(volume, f"volumes/{index}", _sub_paths(spec, str(volume.get("name"))))


def _of_container(container: Mapping[str, Any], at: str) -> Iterator[Reference]:
    name = str(container.get("name"))
    for index, variable in enumerate(container.get("env") or ()):
        source = variable.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            ref = source.get(field)
            if ref:
                path = f"{at}/env/{index}/valueFrom/{field}"
                where = f"variable {variable.get('name')}"
                yield _reference(kind, ref, path, name, where, key=str(ref.get("key", "")))
    for index, source in enumerate(container.get("envFrom") or ()):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            ref = source.get(field)
            if ref:
                yield _reference(kind, ref, f"{at}/envFrom/{index}/{field}", name, "envFrom")


def _reference(
    kind: str, ref: Mapping[str, Any], path: str, container: str, where: str, *, key: str = "", field: str = "name"
) -> Reference:
    return Reference(
        kind=kind,
        name=str(ref.get(field, "")),
        key=key,
        optional=bool(ref.get("optional")),
        path=f"{path}/{field}",
        key_path=f"{path}/key" if key else "",
        container=container,
        where=where,
    )


def _sub_paths(spec: Mapping[str, Any], volume: str) -> list[str]:
    """The keys of a volume that are mounted as single files."""
    return [
        str(mount["subPath"])
        for part in ("initContainers", "containers")
        for container in spec.get(part) or ()
        for mount in container.get("volumeMounts") or ()
        if mount.get("name") == volume and mount.get("subPath") and "/" not in str(mount["subPath"])
    ]


def _of_volume(volume: Mapping[str, Any], at: str, sub_paths: list[str]) -> Iterator[Reference]:
    where = f"volume {volume.get('name')}"
    claim = volume.get("persistentVolumeClaim")
    if claim:
        yield _reference("PersistentVolumeClaim", claim, f"{at}/persistentVolumeClaim", "", where, field="claimName")
    sources: list[tuple[Mapping[str, Any], str]] = [(volume, at)]
    sources += [
        (source, f"{at}/projected/sources/{index}")
        for index, source in enumerate((volume.get("projected") or {}).get("sources") or ())
    ]
    for source, path in sources:
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            ref = source.get(field)
            if not ref or ref.get("name") == "kube-root-ca.crt":
                continue
            named = "secretName" if kind == "Secret" and "secretName" in ref else "name"
            yield from _of_source(kind, ref, f"{path}/{field}", where, named, sub_paths)


def _of_source(
    kind: str, ref: Mapping[str, Any], path: str, where: str, field: str, sub_paths: list[str]
) -> Iterator[Reference]:
    yield _reference(kind, ref, path, "", where, field=field)
    items = ref.get("items") or ()
    for index, item in enumerate(items):
        yield Reference(
            kind=kind,
            name=str(ref.get(field, "")),
            key=str(item.get("key", "")),
            optional=bool(ref.get("optional")),
            path=f"{path}/{field}",
            key_path=f"{path}/items/{index}/key",
            container="",
            where=where,
        )
    for key in sub_paths if not items else ():
        # A key that is mounted by subPath and does not exist becomes an empty folder: it does not stop the pod.
        yield Reference(kind, str(ref.get(field, "")), key, True, f"{path}/{field}", "", "", where)
