"""Which live objects belong to a project: by our own label, never by the user's.

Every object gets the label ``kubetasks.dev/project`` after it is rendered. What a controller makes for such an object
(pods, ReplicaSets, the claims of a StatefulSet) belongs to the project through it: a label on a pod template would
replace pods that run. So everything in the namespace is read, and what belongs to the project is chosen here; what is
outside of any namespace is read by the label.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

from kubetasks.objects import (
    BUILT_IN,
    CLUSTER_SCOPED,
    MANAGED_BY,
    NAMESPACED,
    PART_OF,
    PROJECT,
    RECORD_LABEL,
    Object,
    Objects,
    identity,
    is_hook,
    kind_of,
)
from kubetasks.targets import departure
from kubetasks.targets.base import Store

# Helm keeps whole charts in its own Secrets.
NOT_HELMS: Final = "owner!=helm"
# What an earlier version of kubetasks deployed does not have our label yet.
DEPLOYERS: Final = frozenset({"kubetasks", "Helm"})
RELEASE: Final = "meta.helm.sh/release-name"
MADE: Final = frozenset({"Pod", "PersistentVolumeClaim", "ReplicaSet"})
# In files, where a document begins with its kind; a template's own conditions do not matter here.
_KIND: Final = re.compile(r"^kind:[ \t]*[\"']?([A-Za-z]+)[\"']?[ \t]*$", re.MULTILINE)


def labelled(objects: Objects, project: str) -> Objects:
    """Copies of the objects with the project's label."""
    found = deepcopy(objects)
    for item in found:
        item["metadata"]["labels"] = {**(item["metadata"].get("labels") or {}), PROJECT: project}
    return found


def is_labelled(item: Mapping[str, Any], project: str) -> bool:
    """Whether an object itself says that it belongs to a project."""
    labels = item["metadata"].get("labels") or {}
    if PROJECT in labels or labels.get(PART_OF) != project:
        return bool(labels.get(PROJECT) == project)
    if RECORD_LABEL in labels or item["kind"] in MADE or labels.get(MANAGED_BY) == "kubetasks":
        return True
    release = (item["metadata"].get("annotations") or {}).get(RELEASE)
    return labels.get(MANAGED_BY) == "Helm" and release in {None, project}


def mine(found: Iterable[Object], project: str) -> Objects:
    """The objects that belong to a project, in their order: what is labelled, and what was made for that."""
    items = list(found)
    ours = {index for index, item in enumerate(items) if is_labelled(item, project)}
    uids = {str(items[index]["metadata"].get("uid")) for index in ours} - {"None"}
    names = {identity(items[index]) for index in ours}
    templates = _claim_names([items[index] for index in ours])
    grew = True
    while grew:
        grew = False
        for index, item in enumerate(items):
            if index not in ours and _is_made_for(item, uids, names, templates):
                ours.add(index)
                uids.add(str(item["metadata"].get("uid")))
                names.add(identity(item))
                grew = True
    return [item for index, item in enumerate(items) if index in ours]


def _claim_names(items: Iterable[Object]) -> list[str]:
    """How the claims that a StatefulSet makes begin: ``TEMPLATE-STATEFULSET-``."""
    return [
        f"{template['metadata']['name']}-{item['metadata']['name']}-"
        for item in items
        if item["kind"] == "StatefulSet"
        for template in (item.get("spec") or {}).get("volumeClaimTemplates") or ()
    ]


def _is_made_for(item: Object, uids: Collection[str], names: Collection[str], claims: Iterable[str]) -> bool:
    if item["kind"] == "PersistentVolumeClaim":
        name = item["metadata"]["name"]
        return any(name.startswith(each) and name.removeprefix(each).isdecimal() for each in claims)
    mark = (item["metadata"].get("labels") or {}).get("pod-template-hash")
    for owner in item["metadata"].get("ownerReferences") or ():
        if str(owner.get("uid")) in uids:
            return True
        # The ReplicaSets themselves are not always read; their names are DEPLOYMENT-HASH.
        if owner.get("kind") == "ReplicaSet" and mark:
            return f"Deployment/{str(owner.get('name')).removesuffix(f'-{mark}')}" in names
    return False


def read(store: Store, kinds: Sequence[str], project: str, *, optional: Sequence[str] = ()) -> Objects:
    """The live objects of these kinds that belong to a project; see ``everything``."""
    return mine(everything(store, kinds, project, optional=optional), project)


def everything(store: Store, kinds: Sequence[str], project: str, *, optional: Sequence[str] = ()) -> Objects:
    """The objects of these kinds in the namespace, in one call, and next to it the project's own outside of it.

    Kinds that the cluster does not have, or that may not be listed, give nothing where they are optional or not built
    in.
    """
    chosen = [*dict.fromkeys([*kinds, *optional])]
    outside = [kind for kind in chosen if kind in CLUSTER_SCOPED]
    foreign = [kind for kind in chosen if kind not in BUILT_IN]
    inside = [kind for kind in chosen if kind in NAMESPACED]
    beside = departure.beside(lambda: _tolerant(store, outside, f"{PROJECT}={project}")) if outside else _nothing
    others = departure.beside(lambda: _tolerant(store, foreign, f"{PROJECT}={project}")) if foreign else _nothing
    wanted = [kind for kind in inside if kind not in optional]
    spare = [kind for kind in inside if kind in optional]
    try:
        found = store.get([*wanted, *spare], selector=NOT_HELMS)
    except departure.UNLISTED:
        if not spare:
            raise
        found = store.get(wanted, selector=NOT_HELMS)
        found += [item for kind in spare for item in _one(store, kind, NOT_HELMS)]
    return [*found, *beside(), *others()]


def _nothing() -> Objects:
    return []


def _tolerant(store: Store, kinds: Sequence[str], selector: str) -> Objects:
    try:
        return store.get(kinds, selector=selector)
    except departure.UNLISTED:
        return [item for kind in kinds for item in _one(store, kind, selector)] if len(kinds) > 1 else []


def _one(store: Store, kind: str, selector: str) -> Objects:
    try:
        return store.get([kind], selector=selector)
    except departure.UNLISTED:
        return []


def reader(store: Store, project: str) -> Callable[[Sequence[str]], Objects]:
    """``read`` for one project."""
    return lambda kinds: read(store, kinds, project)


def kinds_in(root: Path, paths: Iterable[str]) -> set[str]:
    """The built-in kinds that the files of manifests or a chart name, without rendering them."""
    found: set[str] = set()
    for path in paths:
        top = root / path
        files = [each for each in top.rglob("*") if each.is_file()] if top.is_dir() else [top]
        for each in files:
            if each.suffix in {".yaml", ".yml", ".json", ".tpl"} and each.is_file():
                found |= set(_KIND.findall(each.read_text(encoding="utf-8", errors="replace")))
    return (found & BUILT_IN) - {"Namespace", "Node", "Event", "Lease"}


def inventory(objects: Objects) -> dict[str, list[str]]:
    """What a record keeps of each object: ``Kind/name`` to API version, kind and namespace. Hooks are Helm's."""
    return {
        identity(item): [
            str(item.get("apiVersion", "")),
            str(item["kind"]),
            str(item["metadata"].get("namespace") or ""),
            str(item["metadata"]["name"]),
        ]
        for item in objects
        if not is_hook(item)
    }


def kinds_of(entries: Iterable[Mapping[str, Sequence[str]]]) -> set[str]:
    """The kinds in inventories, as kubectl knows them."""
    return {
        kind_of({"apiVersion": each[0], "kind": each[1], "metadata": {}})
        for entry in entries
        for each in entry.values()
        if len(each) == 4 and each[1]
    }
