"""Fills a release's facts into rendered manifests. Pure, and with no knowledge of any one application."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Final

from kubetasks.deployers.base import Release
from kubetasks.deployers.belonging import labelled
from kubetasks.deployers.concealed import ROLLING, digester, references, rolled
from kubetasks.images.names import matcher
from kubetasks.objects import (
    CLUSTER_SCOPED,
    CONFIG_DIGEST,
    SECRET_DIGEST,
    WITH_CONFIG,
    Object,
    Objects,
    containers,
    digest,
    image_volumes,
    is_built_in,
    kind_of,
    of_kind,
)

POSTGRES: Final = "postgres"


def config_digest(objects: Objects, templates: Objects) -> str:
    """A digest of the ConfigMaps among ``objects`` that these pod templates refer to; empty when there is none."""
    names = {name for template in templates for kind, name in references(template.get("spec")) if kind == "ConfigMap"}
    held = {
        item["metadata"]["name"]: [item.get("data") or {}, item.get("binaryData") or {}]
        for item in of_kind(objects, "ConfigMap")
        if item["metadata"]["name"] in names
    }
    return digest(held) if held else ""


def stamp(objects: Objects, release: Release) -> Objects:
    """Copies of the objects with a release's facts filled in.

    - Namespaces are left out; every other object that has a namespace goes to the release's, and so do the
      ServiceAccounts that role bindings name. Each gets the project's label.
    - The ConfigMap ``<project>-config`` gets the release's own values. An object with the annotation
      ``kubetasks.dev/with-config: KEY`` is left out where that ConfigMap has no value for the key, as a chart would by
      a condition; the annotation itself never stays.
    - An image that stands for a service, with any tag or digest, becomes the image that is built for it, in every pod
      template of any kind; ``postgres`` becomes the release's Postgres.
    - The migration Job gets its id and its image.
    - A Deployment, StatefulSet or DaemonSet that runs a built image gets digests of the ConfigMaps and the Secret that
      it refers to, so that its pods are replaced when one changes. Others do not (a new JWT key must not restart the
      database), nor do Jobs, whose template can never be changed.
    - Whatever uses a Secret among the objects, or a key that ``secrets.NAME.into`` fills, gets a digest of it, built
      here or not: that Secret is its own.
    """
    scopes, accounts = custom_scopes(objects), {item["metadata"]["name"] for item in of_kind(objects, "ServiceAccount")}
    stamped = _configured([deepcopy(item) for item in objects if item["kind"] != "Namespace"], release)
    for item in stamped:
        _place(item, release.namespace, scopes, accounts)
        migration = bool(release.migration_job) and (item["kind"], item["metadata"]["name"]) == (
            "Job",
            release.migration_job,
        )
        if migration and release.migration_id:
            item["metadata"]["name"] += f"-{release.migration_id}"
        built = stamp_images(item, release, release.migration_image if migration else "")
        template = (item.get("spec") or {}).get("template") if item["kind"] in ROLLING else None
        if built and isinstance(template, dict):
            _stamp_digests(template, stamped, release)
    return labelled(rolled(stamped, digester(release.digest_key), release.secret_keys), release.project)


def custom_scopes(objects: Objects) -> dict[str, str]:
    """``Kind.group`` of each custom resource that is defined among the objects, to ``Namespaced`` or ``Cluster``."""
    found: dict[str, str] = {}
    for item in of_kind(objects, "CustomResourceDefinition"):
        spec = item.get("spec") or {}
        found[f"{(spec.get('names') or {}).get('kind')}.{spec.get('group')}"] = str(spec.get("scope"))
    return found


def _place(item: Object, namespace: str, scopes: Mapping[str, str], accounts: Collection[str]) -> None:
    """Put an object into the namespace, or into none; one of an unknown kind without a namespace is not changed."""
    meta = item["metadata"]
    scope = scopes.get(kind_of(item), "")
    if (is_built_in(item) and item["kind"] in CLUSTER_SCOPED) or scope == "Cluster":
        meta.pop("namespace", None)
    elif is_built_in(item) or "." not in kind_of(item) or scope or meta.get("namespace"):
        meta["namespace"] = namespace
    if item["kind"] in {"RoleBinding", "ClusterRoleBinding"}:
        for subject in item.get("subjects") or ():
            if subject.get("kind") == "ServiceAccount" and subject.get("name") in accounts:
                subject["namespace"] = namespace


def _configured(objects: Objects, release: Release) -> Objects:
    """The objects that the configuration asks for, with that configuration."""
    config: dict[str, str] = {}
    for item in of_kind(objects, "ConfigMap"):
        if item["metadata"]["name"] == release.config_name:
            config = item["data"] = {**(item.get("data") or {}), **release.config}
    kept = []
    for item in objects:
        metadata = item["metadata"]
        annotations = metadata.get("annotations") or {}
        key = annotations.pop(WITH_CONFIG, None)
        if key is not None and not annotations:
            del metadata["annotations"]
        if key is None or config.get(key):
            kept.append(item)
    return kept


def stamp_images(item: Object, release: Release, instead: str = "") -> bool:
    """Fill in the images of an object's containers and volumes. Whether it has one that is built here.

    Args:
        item: an object of any kind; it is changed.
        release: the release.
        instead: stands for any service's image, where it is not empty.
    """
    service_of = matcher({name: name for name in release.images} | dict(release.names), release.images)
    built = False
    for container in containers(item, release.pod_templates):
        image = container.get("image", "")
        service = service_of(image)
        if service:
            container["image"] = instead or release.images[service]
            container["imagePullPolicy"] = release.pull_policy
            built = True
        elif image == POSTGRES and release.postgres_image:
            container["image"] = release.postgres_image
            container["imagePullPolicy"] = "IfNotPresent"
    for source in image_volumes(item, release.pod_templates):
        service = service_of(source.get("reference", ""))
        if service:
            source["reference"], source["pullPolicy"] = release.images[service], release.pull_policy
            built = True
    return built


def _stamp_digests(template: Object, objects: Objects, release: Release) -> None:
    found = {}
    config = config_digest(objects, [template])
    if config:
        found[CONFIG_DIGEST] = config
    if release.secret_digest and ("Secret", release.secret_name) in set(references(template.get("spec"))):
        found[SECRET_DIGEST] = release.secret_digest
    if found:
        metadata = template.setdefault("metadata", {})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **found}
