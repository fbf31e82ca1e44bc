"""The Lease that is the deploy lock: the object, whose it is, and the errors that tell of it."""

import datetime as dt
from typing import Final

from kubetasks.deployers import holder
from kubetasks.deployers.holder import DURATION
from kubetasks.errors import DeletionHeld, DeployLocked, Forbidden, KubetasksError, LockUnusable, NamespaceTerminating
from kubetasks.objects import MANAGED_BY, PART_OF, RECORD_LABEL, Object
from kubetasks.targets.base import Store

# What a role needs to have, for the message.
RULE: Final = "apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, create, patch, delete]"


def name_of(project: str) -> str:
    """The name of a project's Lease."""
    return f"{project}-deploy"


def made(project: str, namespace: str, *, identity: str, command: str, since: dt.datetime, at: dt.datetime) -> Object:
    """The Lease object of a holder."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name_of(project),
            "namespace": namespace,
            "labels": {PART_OF: project, MANAGED_BY: "kubetasks", RECORD_LABEL: "lock"},
            "annotations": holder.annotations(command),
        },
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": _stamp(since),
            "renewTime": _stamp(at),
        },
    }


def _stamp(when: dt.datetime) -> str:
    """Kubernetes' MicroTime: always with six digits of a second."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> dt.datetime:
    """The time by this machine's clock."""
    return dt.datetime.now(dt.UTC)


def read(store: Store, project: str) -> Object | None:
    """The project's Lease; None when there is none.

    Raises:
        LockUnusable: it may not be read.
    """
    try:
        found = store.get(["Lease"])
    except KubetasksError as error:
        raise forbidden(error) or error from None
    return next((item for item in found if item["metadata"]["name"] == name_of(project)), None)


def forbidden(error: KubetasksError) -> LockUnusable | None:
    """The error for a refusal by access control; None for anything else."""
    said = f"{error.what} {error.why}"
    refused = isinstance(error, Forbidden) or "forbidden" in said.lower()
    if isinstance(error, NamespaceTerminating) or not refused:
        return None
    quota = "exceeded quota" in said
    return LockUnusable(
        "the deploy lock cannot be used",
        why=error.why or error.what,
        fix="raise the namespace's quota" if quota else f"ask for a role with this rule: {RULE}",
    )


def is_ours(item: Object, project: str) -> bool:
    """Whether a Lease is this project's lock, and not one of the same name that something else keeps."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(RECORD_LABEL) == "lock" and labels.get(PART_OF) == project


def foreign(item: Object) -> LockUnusable:
    """The error for a Lease of the lock's name that something else keeps."""
    meta = item["metadata"]
    who = (item.get("spec") or {}).get("holderIdentity")
    manager = (meta.get("labels") or {}).get(MANAGED_BY)
    said = ", ".join([f"managed by {manager}"] * bool(manager) + [f"held by {who}"] * bool(who))
    return LockUnusable(
        f"Lease/{meta['name']} belongs to another tool",
        why=f"it has none of kubetasks' labels{f'; it is {said}' if said else ''}",
        fix="delete it if nothing uses it, or set another `project` or `namespace`",
    )


def refused(item: Object) -> DeployLocked:
    """The error for a lock that another process holds."""
    held = holder.of_lease(item)
    what = "deploy" if held is None or held.command in {"", "deploy"} else held.command
    return DeployLocked(
        f"another {what} is under way in this namespace",
        why=held.line(now()) if held else "",
        fix="wait for it to end (--lock-wait SECONDS waits), or see inv lock.status",
    )


def held_back(item: Object) -> DeletionHeld:
    """The error for a Lease that is being deleted and stays."""
    finalizers = ", ".join(item["metadata"].get("finalizers") or ()) or "none"
    return DeletionHeld(
        f"Lease/{item['metadata']['name']} is being deleted and does not go",
        why=f"finalizers: {finalizers}",
        fix="see which controller has to remove them: inv lock.status",
    )


def namespace_is_missing(error: KubetasksError) -> bool:
    """Whether an object was refused because its namespace does not exist."""
    return "namespaces" in error.why and "not found" in error.why


def remove(store: Store, item: Object) -> bool:
    """Free a Lease if it is still as it was read: delete it, or take its holder out where it may not be deleted."""
    try:
        return store.delete_as_read(item)
    except KubetasksError as error:
        if forbidden(error) is None:
            raise
        meta = {key: item["metadata"][key] for key in ("name", "namespace", "resourceVersion", "uid")}
        free = {"apiVersion": item["apiVersion"], "kind": "Lease", "metadata": meta, "spec": {"holderIdentity": ""}}
        store.apply([free])
        return True
