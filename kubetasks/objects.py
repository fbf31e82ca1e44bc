"""Kubernetes objects as plain dictionaries: their identity, their order, their digest."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Object = dict[str, Any]
Objects = list[Object]

DOMAIN: Final = "kubetasks.dev"
PART_OF: Final = "app.kubernetes.io/part-of"
NAME: Final = "app.kubernetes.io/name"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
RECORD_LABEL: Final = f"{DOMAIN}/record"  # on what tells of deploys and is no part of the application
CONFIG_DIGEST: Final = f"{DOMAIN}/config-digest"
SECRET_DIGEST: Final = f"{DOMAIN}/secret-digest"
# On an object of the manifests: a key of the ConfigMap without whose value the object is left out.
WITH_CONFIG: Final = f"{DOMAIN}/with-config"

# Written by the API server or its controllers; no part of what anybody asked for.
VOLATILE: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
    "ownerReferences",
)

WORKLOADS: Final = ("Deployment", "StatefulSet", "Job")


def identity(item: Mapping[str, Any]) -> str:
    """``Kind/name``, unique within a namespace."""
    return f"{item['kind']}/{item['metadata']['name']}"


def by_identity(items: Iterable[Object]) -> dict[str, Object]:
    """Objects by ``Kind/name``."""
    return {identity(item): item for item in items}


def of_kind(items: Iterable[Object], *kinds: str) -> Objects:
    """The objects of these kinds, in their order."""
    return [item for item in items if item["kind"] in kinds]


def is_record(item: Mapping[str, Any]) -> bool:
    """Whether an object is one of ours that tells of deploys, or the lock: not a part of the application."""
    return RECORD_LABEL in (item["metadata"].get("labels") or {})


def is_leaving(item: Mapping[str, Any]) -> bool:
    """Whether an object is being deleted. It counts as not there, whatever else it says."""
    return bool(item.get("metadata", {}).get("deletionTimestamp"))


def staying(items: Iterable[Object]) -> Objects:
    """The objects that are not being deleted."""
    return [item for item in items if not is_leaving(item)]


def is_controlled(item: Mapping[str, Any]) -> bool:
    """Whether a controller made an object for another one (a CronJob its Jobs): it is that controller's to change."""
    return any(owner.get("controller") for owner in item.get("metadata", {}).get("ownerReferences") or ())


def pod_template(item: Mapping[str, Any]) -> Object | None:
    """The pod template of a workload; None for anything else."""
    template = item.get("spec", {}).get("template") if item.get("kind") in WORKLOADS else None
    return template if isinstance(template, dict) else None


def has_failed(job: Mapping[str, Any]) -> bool:
    """Whether a live Job has failed for good."""
    return _has_condition(job, "Failed")


def is_complete(job: Mapping[str, Any]) -> bool:
    """Whether a live Job has completed."""
    return _has_condition(job, "Complete")


def _has_condition(item: Mapping[str, Any], name: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or ()
    return any(each.get("type") == name and each.get("status") == "True" for each in conditions)


def containers(item: Mapping[str, Any]) -> Iterator[Object]:
    """Every container of a workload, the init containers first."""
    spec = (pod_template(item) or {}).get("spec", {})
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def digest(value: Any, *, length: int = 64) -> str:
    """SHA-256 of a JSON-able value in canonical form, as hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
