"""Kubernetes objects in the files of an application, and what they name: images, Secrets, ConfigMaps."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.init.walk import Tree
from kubetasks.objects import Object, Objects, containers, pod_specs

YAML: Final = (".yaml", ".yml", ".json")
IS_OBJECT: Final = re.compile(r"^\s*[\"']?apiVersion[\"']?\s*:", re.MULTILINE)
# Configuration files of tools that look like objects.
TOOLS: Final = re.compile(
    r"^(kustomize\.config\.k8s\.io|skaffold|kind\.x-k8s\.io|k3d\.io|ctlptl\.dev|eksctl\.io|kubeadm\.k8s\.io|"
    r"config\.k8s\.io|kubelet\.config|kubeproxy\.config|kops\.k8s\.io|helm\.sh|devspace|garden\.io|score\.dev)"
)


@dataclass(frozen=True)
class Use:
    """A container that runs an image: the image, ``Kind/name`` of the object, the container's name."""

    image: str
    workload: str
    container: str = ""


@dataclass(frozen=True)
class Need:
    """A key of a Secret that a container needs; the whole Secret where ``key`` is empty."""

    secret: str
    key: str = ""
    variable: str = ""
    optional: bool = False


def index(tree: Tree, left_out: Iterable[str] = ()) -> dict[str, Objects]:
    """The files that hold Kubernetes objects, with them.

    Args:
        tree: the files.
        left_out: folders that are not looked into: charts.
    """
    out = tuple(f"{each}/" for each in left_out)
    found: dict[str, Objects] = {}
    for path in tree.files:
        if path.endswith(YAML) and not path.startswith(out) and IS_OBJECT.search(tree.text(path)):
            objects = objects_of(tree.documents(path))
            if objects:
                found[path] = objects
    return found


def objects_of(documents: Iterable[Any]) -> Objects:
    """The Kubernetes objects among documents; those in a List one by one."""
    found: Objects = []
    for each in documents:
        if not isinstance(each, dict):
            continue
        if str(each.get("kind", "")).endswith("List") and isinstance(each.get("items"), list):
            found += objects_of(each["items"])
        elif _is_object(each):
            found.append(each)
    return found


def _is_object(value: Object) -> bool:
    metadata = value.get("metadata")
    version, kind = value.get("apiVersion"), value.get("kind")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name") or metadata.get("generateName"), str)
    return isinstance(version, str) and isinstance(kind, str) and named and not TOOLS.match(version)


def name_of(item: Object) -> str:
    """An object's name."""
    return str(item["metadata"].get("name") or item["metadata"].get("generateName"))


def key_of(item: Object) -> str:
    """What two objects of one namespace cannot share."""
    return f"{str(item['apiVersion']).rpartition('/')[0]}/{item['kind']}/{name_of(item)}"


def duplicates(objects: Objects) -> list[str]:
    """The objects that are there twice."""
    keys = [key_of(item) for item in objects]
    return sorted({each for each in keys if keys.count(each) > 1}) if len(set(keys)) < len(keys) else []


def uses(objects: Iterable[Object]) -> list[Use]:
    """Every image that is run."""
    return list(_uses(objects))


def _uses(objects: Iterable[Object]) -> Iterator[Use]:
    for item in objects:
        for each in containers(item):
            image = each.get("image")
            if isinstance(image, str) and image.strip():
                yield Use(image.strip(), f"{item['kind']}/{name_of(item)}", str(each.get("name", "")))


def names(objects: Iterable[Object], kind: str) -> set[str]:
    """The names of the objects of a kind."""
    return {name_of(item) for item in objects if item["kind"] == kind}


def secrets(objects: Objects) -> list[Need]:
    """The keys of Secrets that containers need and that none of the objects supplies."""
    supplied = names(objects, "Secret") | set(_made_later(objects))
    found: list[Need] = []
    for item in objects:
        for spec in pod_specs(item):
            found += [each for each in _in_pod(spec) if each.secret not in supplied]
    whole: dict[tuple[str, str], Need] = {}
    for each in found:
        before = whole.get((each.secret, each.key))
        if before is None or (before.optional and not each.optional):
            whole[each.secret, each.key] = each
    return list(whole.values())


def _made_later(objects: Objects) -> Iterator[str]:
    """The Secrets that controllers make of custom resources."""
    for item in objects:
        spec = item["spec"] if isinstance(item.get("spec"), dict) else {}
        if item["kind"] in {"SealedSecret", "OnePasswordItem", "VaultStaticSecret", "InfisicalSecret"}:
            yield name_of(item)
        if item["kind"] == "ExternalSecret":
            target = spec.get("target")
            yield str((target.get("name") if isinstance(target, dict) else "") or name_of(item))
        if item["kind"] == "Certificate":
            yield str(spec.get("secretName", ""))
        for each in spec.get("secretObjects") or () if item["kind"] == "SecretProviderClass" else ():
            if isinstance(each, dict):
                yield str(each.get("secretName", ""))


def _dicts(value: Any) -> Iterator[Object]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each


def _in_pod(spec: Object) -> Iterator[Need]:
    for key in ("initContainers", "containers"):
        for each in _dicts(spec.get(key)):
            for variable in _dicts(each.get("env")):
                source = variable.get("valueFrom")
                said = source.get("secretKeyRef") if isinstance(source, dict) else None
                if isinstance(said, dict) and said.get("name"):
                    yield Need(
                        str(said["name"]),
                        str(said.get("key", "")),
                        str(variable.get("name", "")),
                        said.get("optional") is True,
                    )
            for source in _dicts(each.get("envFrom")):
                said = source.get("secretRef")
                if isinstance(said, dict) and said.get("name"):
                    yield Need(str(said["name"]), optional=said.get("optional") is True)
    for volume in _dicts(spec.get("volumes")):
        said = volume.get("secret")
        if isinstance(said, dict) and said.get("secretName"):
            keys = [str(each.get("key", "")) for each in _dicts(said.get("items"))] or [""]
            yield from (Need(str(said["secretName"]), key, optional=said.get("optional") is True) for key in keys)


def config_maps(objects: Objects) -> set[str]:
    """The ConfigMaps that pods cannot start without and that none of the objects supplies."""
    found: set[str] = set()
    for item in objects:
        for spec in pod_specs(item):
            said: list[Any] = [each.get("configMap") for each in _dicts(spec.get("volumes"))]
            for key in ("initContainers", "containers"):
                for each in _dicts(spec.get(key)):
                    said += [source.get("configMapRef") for source in _dicts(each.get("envFrom"))]
                    said += [
                        source.get("configMapKeyRef")
                        for source in (variable.get("valueFrom") for variable in _dicts(each.get("env")))
                        if isinstance(source, dict)
                    ]
            found |= {
                str(each["name"])
                for each in said
                if isinstance(each, dict) and each.get("name") and not each.get("optional")
            }
    return found - names(objects, "ConfigMap") - {"kube-root-ca.crt"}


def service_accounts(objects: Objects) -> set[str]:
    """The ServiceAccounts that pods run as and that none of the objects supplies."""
    wanted = {
        str(spec.get("serviceAccountName") or spec.get("serviceAccount") or "default")
        for item in objects
        for spec in pod_specs(item)
    }
    return wanted - names(objects, "ServiceAccount") - {"default"}
