"""Kubeconfig files: what contexts there are, and where each one's API server is.

Several files are merged as kubectl does it: the first to name a thing wins, and so does the first current context.
https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MINIKUBE: Final = "minikube.sigs.k8s.io"


class Damaged(ValueError):
    """A text is no kubeconfig; says why in one line."""


@dataclass(frozen=True)
class Context:
    """One context.

    Args:
        name: its name.
        server: the API server's URL; empty when the context names a cluster that is not there.
        proxy: the proxy that requests go through; empty for none.
        provider: who wrote it, where it says so (minikube does).
    """

    name: str
    server: str = ""
    proxy: str = ""
    provider: str = ""


@dataclass(frozen=True)
class Kubeconfig:
    """The contexts of one or more kubeconfig files, and which is current."""

    current: str = ""
    contexts: Mapping[str, Context] = field(default_factory=dict)

    def nearest(self, name: str) -> str:
        """The context whose name is most like this one; empty when none is."""
        near = difflib.get_close_matches(name, self.contexts, n=1, cutoff=0.5)
        return near[0] if near else ""


def parse(text: str) -> dict[str, Any]:
    """The document of one file; empty for an empty one.

    Raises:
        Damaged: it is not YAML, or not shaped like a kubeconfig.
    """
    import yaml  # noqa: PLC0415

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  (both are safe)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise Damaged(f"it is not YAML: {getattr(error, 'problem', None) or 'cannot be read'}{where}") from None
    except ValueError as error:  # a date that is none, and the like
        raise Damaged(f"it is not YAML: {error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Damaged("it is not a mapping")
    for key in ("clusters", "contexts"):
        items = document.get(key)
        if items is not None and not (isinstance(items, list) and all(isinstance(item, dict) for item in items)):
            raise Damaged(f"`{key}` is not a list of mappings")
    if not isinstance(document.get("current-context") or "", str):
        raise Damaged("`current-context` is not a name")
    return document


def merge(documents: Iterable[Mapping[str, Any]]) -> Kubeconfig:
    """What kubectl sees in several parsed files."""
    current = ""
    clusters: dict[str, Mapping[str, Any]] = {}
    contexts: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        current = current or document.get("current-context") or ""
        for found, key, inner in ((clusters, "clusters", "cluster"), (contexts, "contexts", "context")):
            for item in document.get(key) or ():
                found.setdefault(str(item.get("name", "")), _mapping(item.get(inner)))
    return Kubeconfig(
        current=current,
        contexts={
            name: _context(name, context, clusters.get(str(context.get("cluster", "")), {}))
            for name, context in contexts.items()
            if name
        },
    )


def _context(name: str, context: Mapping[str, Any], cluster: Mapping[str, Any]) -> Context:
    return Context(
        name=name,
        server=str(cluster.get("server") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        provider=_provider(context) or _provider(cluster),
    )


def _provider(item: Mapping[str, Any]) -> str:
    for each in item.get("extensions") or ():
        provider = _mapping(_mapping(each).get("extension")).get("provider")
        if provider:
            return str(provider)
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
