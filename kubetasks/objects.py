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
PROJECT: Final = f"{DOMAIN}/project"  # on everything that is deployed: whose it is
RECORD_LABEL: Final = f"{DOMAIN}/record"  # on what tells of deploys and is no part of the application
CONFIG_DIGEST: Final = f"{DOMAIN}/config-digest"
SECRET_DIGEST: Final = f"{DOMAIN}/secret-digest"
# On an object of the manifests: a key of the ConfigMap without whose value the object is left out.
WITH_CONFIG: Final = f"{DOMAIN}/with-config"

# Written by the API server or its controllers; no part of what anyone asked for.
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
HELM_HOOK: Final = "helm.sh/hook"

# The kinds that every cluster has: kubectl and people name them without their group.
NAMESPACED: Final = frozenset(
    {
        "ConfigMap", "ControllerRevision", "CronJob", "DaemonSet", "Deployment", "Endpoints", "EndpointSlice", "Event",
        "HorizontalPodAutoscaler", "Ingress", "Job", "Lease", "LimitRange", "NetworkPolicy", "PersistentVolumeClaim",
        "Pod", "PodDisruptionBudget", "PodTemplate", "ReplicaSet", "ReplicationController", "ResourceQuota", "Role",
        "RoleBinding", "Secret", "Service", "ServiceAccount", "StatefulSet",
    }
)  # fmt: skip
CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService", "CSIDriver", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding",
        "CustomResourceDefinition", "FlowSchema", "IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node",
        "PersistentVolume", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass", "StorageClass",
        "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration",
    }
)  # fmt: skip
BUILT_IN: Final = NAMESPACED | CLUSTER_SCOPED
_BUILT_IN_GROUPS: Final = frozenset({"", "apps", "batch", "autoscaling", "policy", "extensions"})


def is_built_in(item: Mapping[str, Any]) -> bool:
    """Whether an object is of a kind that every cluster has."""
    group = group_of(item)
    return item["kind"] in BUILT_IN and (group in _BUILT_IN_GROUPS or group.endswith(".k8s.io"))


def kind_of(item: Mapping[str, Any]) -> str:
    """The kind as kubectl knows it: ``Deployment``; with its group for one that not every cluster has."""
    group = group_of(item)
    return str(item["kind"]) if not group or is_built_in(item) else f"{item['kind']}.{group}"


def is_hook(item: Mapping[str, Any]) -> bool:
    """Whether an object is one of Helm's hooks: Helm runs and removes it, and no revision has it."""
    return HELM_HOOK in (item["metadata"].get("annotations") or {})


def identity(item: Mapping[str, Any]) -> str:
    """``Kind/name``, unique within a namespace: a kind that only shares the name of a built-in one has its group."""
    kind = str(item["kind"])
    if kind in BUILT_IN and not is_built_in(item):
        kind = kind_of(item)
    return f"{kind}/{item['metadata']['name']}"


def by_identity(items: Iterable[Object]) -> dict[str, Object]:
    """Objects by ``Kind/name``."""
    return {identity(item): item for item in items}


def of_kind(items: Iterable[Object], *kinds: str) -> Objects:
    """The objects of these kinds, in their order."""
    return [item for item in items if item["kind"] in kinds]


def is_record(item: Mapping[str, Any]) -> bool:
    """Whether an object is one of our records of deploys, or the lock, and not a part of the application."""
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


# Where a kind keeps its pod template, or a Pod its spec. Others are named by the setting `pod_templates`.
TEMPLATE_PATHS: Final[Mapping[str, str]] = {
    "Pod": "",
    "PodTemplate": "template",
    "CronJob": "spec.jobTemplate.spec.template",
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), "spec.template"
    ),
}


def group_of(item: Mapping[str, Any]) -> str:
    """The API group of an object; empty for the core group."""
    return str(item.get("apiVersion", "")).rpartition("/")[0]


def pod_specs(item: Mapping[str, Any], paths: Mapping[str, str] | None = None) -> Iterator[Object]:
    """Every pod spec in an object, whatever its kind.

    Args:
        item: the object.
        paths: ``Kind`` or ``Kind.group`` of a custom resource to the dotted path of its pod template (or pod spec, or
            container); ``*`` stands for each entry of a list or mapping.
    """
    kind = str(item.get("kind"))
    path = (paths or {}).get(f"{kind}.{group_of(item)}") or (paths or {}).get(kind)
    if path is None:
        path = TEMPLATE_PATHS.get(kind)
    if path is None:
        return
    for found in _at(item, [part for part in path.split(".") if part]):
        spec = found.get("spec")
        if isinstance(spec, dict):
            yield spec
        elif "containers" in found or "initContainers" in found:
            yield found
        elif "image" in found:
            yield {"containers": [found]}


def _at(value: Any, path: list[str]) -> Iterator[Object]:
    if not path:
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield each
        return
    first, *rest = path
    if first == "*":
        for each in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            yield from _at(each, rest)
    elif isinstance(value, dict) and first in value:
        yield from _at(value[first], rest)


def has_failed(job: Mapping[str, Any]) -> bool:
    """Whether a live Job has failed for good."""
    return _has_condition(job, "Failed")


def is_complete(job: Mapping[str, Any]) -> bool:
    """Whether a live Job has completed."""
    return _has_condition(job, "Complete")


def _has_condition(item: Mapping[str, Any], name: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or ()
    return any(each.get("type") == name and each.get("status") == "True" for each in conditions)


def containers(item: Mapping[str, Any], paths: Mapping[str, str] | None = None) -> Iterator[Object]:
    """Every container in an object of any kind: those that initialise first, then the others, then debug containers.

    Args:
        item: the object.
        paths: as for ``pod_specs``.
    """
    for spec in pod_specs(item, paths):
        for key in ("initContainers", "containers", "ephemeralContainers"):
            for each in spec.get(key) or ():
                if isinstance(each, dict):
                    yield each


def image_volumes(item: Mapping[str, Any], paths: Mapping[str, str] | None = None) -> Iterator[Object]:
    """The source of every volume that is an image (``reference``, ``pullPolicy``) in an object of any kind."""
    for spec in pod_specs(item, paths):
        for each in spec.get("volumes") or ():
            if isinstance(each, dict) and isinstance(each.get("image"), dict):
                yield each["image"]


def digest(value: Any, *, length: int = 64) -> str:
    """SHA-256 of a JSON-able value in canonical form, as hex."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
