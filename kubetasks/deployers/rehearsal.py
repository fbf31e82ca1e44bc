"""A server-side dry run of everything that is to be applied, before anything is built or changed.

The API server checks schema, validation, admission and immutable fields. Where the namespace does not exist yet, the
objects are tried in `default`; what only the real one has (quotas, Pod Security) is checked once it exists.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from kubetasks.errors import ApplyFailed, Forbidden, ImmutableField, ToolFailed
from kubetasks.objects import (
    Object,
    Objects,
    by_identity,
    identity,
    is_controlled,
    is_hook,
    kind_of,
    of_kind,
)
from kubetasks.targets.base import Cluster, Store
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.verify.compare import differences

STAND_IN: Final = "default"
# How the API server says that a field cannot be changed (apimachinery's and each kind's own validation).
IMMUTABLE: Final = re.compile(
    r"field is immutable|may not change once set|cannot be changed|cannot change roleRef|spec is immutable"
    r"|updates to (?:\w+ )*spec for fields other than|pod updates may not change fields|may not be changed in an update"
    r"|updates to parameters are forbidden|updates to provisioner are forbidden|is immutable"
    r"|primary clusterIP can not be"
)
REFUSED: Final = re.compile(r'The (?P<kind>[A-Za-z]+)(?:\.\S+)? "(?P<name>[^"]+)" is invalid: (?P<why>.*)')
FIELD: Final = re.compile(r"((?:spec|data|roleRef|parameters|provisioner|value)[\w.\[\]]*): ")
NOTHING: Final = "nothing was changed; fix the object and run the same command again"


def recreated(objects: Objects, live: Objects) -> Objects:
    """The live Jobs and Pods that are deleted to be created again.

    A Job that failed, and a Job or Pod that is rendered otherwise, as neither can be changed.
    """
    rendered = by_identity(of_kind(objects, "Job", "Pod"))
    return [
        item
        for item in of_kind(live, "Job", "Pod")
        if identity(item) in rendered
        and not is_controlled(item)
        and not is_hook(rendered[identity(item)])
        and (_has_ended_badly(item) or differences({"spec": rendered[identity(item)]["spec"]}, item))
    ]


def _has_ended_badly(item: Object) -> bool:
    status = item.get("status", {})
    failed = any(
        each.get("type") == "Failed" and each.get("status") == "True" for each in status.get("conditions") or ()
    )
    return failed or status.get("phase") == "Failed"


def rehearse(store: Store, cluster: Cluster | None, objects: Objects, live: Objects, *, namespace: bool) -> str:
    """Let the API server check everything that is to be applied; returns what could not be checked, empty for nothing.

    Args:
        store: where it is to be applied.
        cluster: the cluster; None if there is none, and so nothing to ask.
        objects: the rendered objects.
        live: the project's live objects.
        namespace: whether the namespace exists.

    Raises:
        ImmutableField: a field was changed that cannot be, with the choices.
        ApplyFailed: the cluster refuses an object.
    """
    if cluster is None:
        return ""
    there = by_identity(live)
    anew = {identity(item) for item in recreated(objects, live)}
    defined = {_defines(item) for item in of_kind(objects, "CustomResourceDefinition") if identity(item) not in there}
    asked = [
        item
        for item in objects
        if identity(item) not in anew
        and kind_of(item) not in defined
        and not (is_hook(item) and identity(item) in there)
    ]
    left = [identity(item) for item in objects if kind_of(item) in defined]
    if not namespace and isinstance(store, KubectlStore):
        store, asked = _elsewhere(store, asked)
    try:
        store.apply(asked, dry_run=True)
    except Forbidden as error:
        if namespace:
            raise
        return f"the objects could not run before: {error.why or error.what}"
    except ApplyFailed as error:
        raise explained(error, cluster) from None
    return f"{', '.join(left)}: checked once their definitions exist" if left else ""


def _defines(definition: Object) -> str:
    spec = definition.get("spec") or {}
    return f"{(spec.get('names') or {}).get('kind')}.{spec.get('group')}"


def _elsewhere(store: KubectlStore, objects: Objects) -> tuple[Store, Objects]:
    """A store in a namespace that exists, and the objects for it; those whose names are taken there are left out."""
    other = replace(store, cluster=replace(store.cluster, namespace=STAND_IN))
    moved = [_moved(item) for item in objects]
    taken: set[str] = set()
    with contextlib.suppress(Forbidden, ToolFailed):
        kinds = sorted({kind_of(item) for item in moved if item["metadata"].get("namespace")})
        taken = {identity(item) for item in other.get(kinds)} if kinds else set()
    return other, [item for item in moved if identity(item) not in taken]


def _moved(item: Object) -> Object:
    meta = item["metadata"]
    return {**item, "metadata": {**meta, "namespace": STAND_IN}} if meta.get("namespace") else item


def explained(error: ApplyFailed, cluster: Cluster) -> ApplyFailed:
    """The error of a dry run: nothing was changed; a field that cannot be changed comes with the choices."""
    for line in [error.why, *error.detail.splitlines()]:
        found = REFUSED.search(line)
        if found and IMMUTABLE.search(found["why"]):
            return _immutable(found.groupdict(), cluster, error)
    return ApplyFailed("the cluster would refuse an object", why=error.why, fix=NOTHING, detail=error.detail)


def _immutable(found: Mapping[str, Any], cluster: Cluster, error: ApplyFailed) -> ImmutableField:
    kind, name = found["kind"], found["name"]
    field = FIELD.search(found["why"])
    what = f"{field[1]} of {kind}/{name}" if field else f"what was changed of {kind}/{name}"
    delete = f"kubectl --context {cluster.context} --namespace {cluster.namespace} delete {kind.lower()}/{name}"
    return ImmutableField(
        f"{what} cannot be changed",
        why=found["why"].strip().removeprefix("[").split(", spec.")[0][:400],
        fix="; or ".join(_choices(kind, delete)),
        detail=error.detail,
    )


def _choices(kind: str, delete: str) -> Iterator[str]:
    yield "nothing was changed. Take the change back"
    yield "give the object another name: the new one is created beside it, and the old one is pruned"
    if kind == "StatefulSet":
        yield f"replace it while its pods and volumes stay: {delete} --cascade=orphan, then inv deploy"
    elif kind in {"PersistentVolumeClaim", "PersistentVolume"}:
        yield f"delete it WITH ITS DATA: {delete}, then inv deploy"
    elif kind in {"Deployment", "DaemonSet", "ReplicaSet"}:
        yield f"replace it; it does not serve until its new pods are ready: {delete}, then inv deploy"
    elif kind == "Service":
        yield f"replace it; it gets another address: {delete}, then inv deploy"
    else:
        yield f"replace it: {delete}, then inv deploy"
