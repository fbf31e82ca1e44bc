"""Fills a release's facts into rendered manifests. Pure, and with no knowledge of any one application."""

from copy import deepcopy
from typing import Final

from kubetasks.deployers.base import Release
from kubetasks.deployers.concealed import digester, references, rolled
from kubetasks.objects import (
    CONFIG_DIGEST,
    SECRET_DIGEST,
    WITH_CONFIG,
    Object,
    Objects,
    containers,
    digest,
    of_kind,
    pod_template,
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

    - Namespaces are left out; every other object goes to the release's namespace.
    - The ConfigMap ``<project>-config`` gets the release's own values. An object with the annotation
      ``kubetasks.dev/with-config: KEY`` is left out where that ConfigMap has no value for the key, as a chart would by
      a condition; the annotation itself never stays.
    - An image named like a service becomes that service's image; ``postgres`` becomes the release's Postgres.
    - The migration Job gets its id and its image.
    - A Deployment or StatefulSet that runs a built image gets digests of the ConfigMaps and the Secret that it refers
      to, so that its pods are replaced when one changes. Others do not (a new JWT key must not restart the database),
      nor do Jobs, whose template can never be changed.
    - Whatever uses a Secret among the objects gets a digest of it, built here or not: that Secret is its own.
    """
    stamped = _configured([deepcopy(item) for item in objects if item["kind"] != "Namespace"], release)
    for item in stamped:
        item["metadata"]["namespace"] = release.namespace
        migration = bool(release.migration_job) and (item["kind"], item["metadata"]["name"]) == (
            "Job",
            release.migration_job,
        )
        if migration and release.migration_id:
            item["metadata"]["name"] += f"-{release.migration_id}"
        built = _stamp_images(item, release, release.migration_image if migration else "")
        template = pod_template(item)
        if built and template is not None and item["kind"] != "Job":
            _stamp_digests(template, stamped, release)
    return rolled(stamped, digester(release.digest_key))


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


def _stamp_images(item: Object, release: Release, instead: str) -> bool:
    """Fill in the images of a workload's containers; ``instead`` stands for any service's. Whether it has one."""
    built = False
    for container in containers(item):
        image = container.get("image", "")
        if image in release.images:
            container["image"] = instead or release.images[image]
            container["imagePullPolicy"] = release.pull_policy
            built = True
        elif image == POSTGRES:
            container["image"] = release.postgres_image
            container["imagePullPolicy"] = "IfNotPresent"
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
