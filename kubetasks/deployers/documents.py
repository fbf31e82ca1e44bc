"""From text to Kubernetes objects: what is an object, what is another tool's file, and what cannot be deployed."""

from collections.abc import Iterable
from typing import Any, Final

from kubetasks import documents
from kubetasks.errors import RenderFailed
from kubetasks.objects import Objects, group_of, identity

# Configuration of other tools in a folder with manifests.
FOREIGN_GROUPS: Final = frozenset({"kind.x-k8s.io", "kustomize.config.k8s.io", "skaffold", "kubeadm.k8s.io", "k3d.io"})


def parse(text: str, origin: str) -> Objects:
    """The objects of a stream of YAML documents.

    Args:
        text: the stream.
        origin: what rendered it, for messages.

    Raises:
        RenderFailed: it is not valid YAML, or a document is not a Kubernetes object.
    """
    try:
        found = documents.load_all(text)
    except documents.NotYamlError as error:
        raise RenderFailed(f"{origin} gave no valid YAML", why=str(error)) from None
    return checked_objects(found, origin)


def checked_objects(found: Iterable[Any], origin: str) -> Objects:
    """Documents as objects, those in a List one by one.

    Raises:
        RenderFailed: a document is not a Kubernetes object, or has no name of its own.
    """
    objects: Objects = []
    for item in found:
        if (
            isinstance(item, dict)
            and str(item.get("kind", "")).endswith("List")
            and isinstance(item.get("items"), list)
        ):
            kind = str(item["kind"]).removesuffix("List")
            defaults = {"apiVersion": item.get("apiVersion"), "kind": kind} if kind else {}
            objects += checked_objects([{**defaults, **each} for each in item["items"]], origin)
            continue
        if isinstance(item, dict) and item.get("kind") and (item.get("metadata") or {}).get("generateName"):
            raise RenderFailed(
                f"{origin} gave a {item['kind']} with generateName",
                why="each deploy would create another one, and none could be compared or deleted",
                fix="give it a name",
            )
        if not (isinstance(item, dict) and item.get("kind") and (item.get("metadata") or {}).get("name")):
            keys = ", ".join(map(str, item)) if isinstance(item, dict) else type(item).__name__
            raise RenderFailed(
                f"{origin} gave something that is no Kubernetes object", why=f"no kind or name beside: {keys}"
            )
        objects.append(item)
    return objects


def is_foreign(document: Any) -> bool:
    """Whether a document in a folder of manifests is not a Kubernetes object: a compose file, values, a tool's own."""
    if not isinstance(document, dict) or not (document.get("apiVersion") and document.get("kind")):
        return True
    return str(document["apiVersion"]).partition("/")[0] in FOREIGN_GROUPS


def check_unique(objects: Objects) -> None:
    """Refuse two objects of one kind and name: both would go to the one namespace.

    Raises:
        RenderFailed: there are two.
    """
    seen: set[str] = set()
    for item in objects:
        name = f"{group_of(item)}/{identity(item)}"
        if name in seen and item["kind"] != "Namespace":
            raise RenderFailed(
                f"{identity(item)} is defined twice",
                why="everything goes to one namespace",
                fix="remove one of them, or name the files in kubetasks.manifests so that only one is among them",
            )
        seen.add(name)
