"""The revisions of a project: what was deployed, by which deployer, and whether it became good.

One ConfigMap a revision, beside the application. It holds no secret: the Secret is not among a revision's objects.
"""

import base64
import datetime as dt
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.objects import DOMAIN, MANAGED_BY, PART_OF, VOLATILE, Object, Objects, digest, identity
from kubetasks.settings import Settings
from kubetasks.targets.base import Store

RECORD_LABEL: Final = f"{DOMAIN}/record"
DEPLOYING, DEPLOYED, FAILED = "deploying", "deployed", "failed"


@dataclass(frozen=True)
class Revision:
    """One deploy.

    Args:
        number: 1, 2, 3, …
        status: ``deploying``, ``deployed`` or ``failed``.
        deployer: which one.
        deployer_revision: what that deployer calls it (Helm's revision number).
        inputs: digest of everything that went in.
        fingerprint: ``Kind/name`` to digest of the live objects right after; empty until it was good.
        verified: whether all of verify's checks held.
        at: when it ended, ISO 8601 in UTC.
        note: why it exists (``rollback to 3``), or how it failed.
        objects: the rendered objects.
        images: image reference to the identities of its content (``images.content``).
        running: image reference to the digests that the pods' status named once all was ready.
    """

    number: int
    status: str
    deployer: str
    inputs: str
    deployer_revision: str = ""
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False
    at: str = ""
    note: str = ""
    objects: Objects = field(default_factory=list)
    images: Mapping[str, list[str]] = field(default_factory=dict)
    running: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether it was rolled out to the end."""
        return self.status == DEPLOYED


def pack(objects: Objects) -> str:
    """Objects as compressed text, small enough for a ConfigMap (1 MiB)."""
    text = json.dumps(objects, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def unpack(text: str) -> Objects:
    """The objects that ``pack`` packed."""
    found: Objects = json.loads(gzip.decompress(base64.b64decode(text)))
    return found


def to_object(revision: Revision, project: str, namespace: str) -> Object:
    """The ConfigMap that keeps a revision."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{project}-revision-{revision.number}",
            "namespace": namespace,
            "labels": {PART_OF: project, MANAGED_BY: "kubetasks", RECORD_LABEL: "revision"},
        },
        "data": {
            "number": str(revision.number),
            "status": revision.status,
            "deployer": revision.deployer,
            "deployer-revision": revision.deployer_revision,
            "inputs": revision.inputs,
            "fingerprint": json.dumps(dict(revision.fingerprint), sort_keys=True),
            "verified": str(revision.verified).lower(),
            "at": revision.at,
            "note": revision.note,
            "images": json.dumps(dict(revision.images), sort_keys=True),
            "running": json.dumps(dict(revision.running), sort_keys=True),
            "objects": pack(revision.objects),
        },
    }


def from_object(item: Object) -> Revision:
    """The revision that a ConfigMap keeps; its objects stay packed away until ``objects_of`` is asked."""
    data: Mapping[str, Any] = item.get("data") or {}
    return Revision(
        number=int(data.get("number", "0")),
        status=data.get("status", FAILED),
        deployer=data.get("deployer", ""),
        inputs=data.get("inputs", ""),
        deployer_revision=data.get("deployer-revision", ""),
        fingerprint=json.loads(data.get("fingerprint") or "{}"),
        verified=data.get("verified") == "true",
        at=data.get("at", ""),
        note=data.get("note", ""),
        images=_digests(data.get("images", "")),
        running=_digests(data.get("running", "")),
    )


def _digests(text: str) -> dict[str, list[str]]:
    """The mapping of names to digests in a record; empty for a record of an earlier version, or a damaged one."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): [str(each) for each in value] for key, value in found.items() if isinstance(value, list)}


def is_record(item: Object) -> bool:
    """Whether an object is one of ours that tells of deploys, not a part of the application."""
    return RECORD_LABEL in (item["metadata"].get("labels") or {})


def revisions(live: Objects) -> list[Revision]:
    """The revisions among live objects, oldest first."""
    found = [from_object(item) for item in live if item["kind"] == "ConfigMap" and is_record(item)]
    return sorted(found, key=lambda each: each.number)


def objects_of(live: Objects, number: int) -> Objects:
    """The rendered objects of one revision."""
    for item in live:
        if item["kind"] == "ConfigMap" and is_record(item) and item["data"].get("number") == str(number):
            return unpack(item["data"]["objects"])
    return []


def fingerprint(live: Objects) -> dict[str, str]:
    """``Kind/name`` to a digest of what is asked for in each live object; any change by anybody changes it.

    A Secret goes in by its resourceVersion alone: a digest of its values would be something to guess at.
    """
    found: dict[str, str] = {}
    for item in live:
        if is_record(item) or item["kind"] in {"Pod", "ReplicaSet", "Lease", "Event"}:
            continue
        meta = item["metadata"]
        if item["kind"] == "Secret":
            found[identity(item)] = f"{meta.get('uid')}:{meta.get('resourceVersion')}"
            continue
        kept = {key: value for key, value in meta.items() if key not in VOLATILE}
        rest = {key: value for key, value in item.items() if key not in {"metadata", "status"}}
        found[identity(item)] = digest([kept, rest, meta.get("uid")], length=16)
    return found


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def save(store: Store, revision: Revision, settings: Settings, known: list[Revision]) -> None:
    """Write a revision, and drop the oldest beyond ``settings.history`` (never the last good one)."""
    project, namespace = settings.project, settings.in_namespace
    store.apply([to_object(revision, project, namespace)])
    others = [each for each in known if each.number != revision.number]
    goods = [each.number for each in others if each.good]
    oldest = others[: max(0, len(others) + 1 - settings.history)]
    spare = [each for each in oldest if each.number != (goods[-1] if goods else -1)]
    if spare:
        store.delete([to_object(each, project, namespace) for each in spare], wait=False)
