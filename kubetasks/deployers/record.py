"""The ConfigMap that keeps a revision, and what is still made of it when people or programs changed it.

A record may be edited, cut off, copied, of another version of kubetasks, or not a record at all. Reading one never
fails: what cannot be used is named in ``Revision.problem``, or raised once its objects are asked for.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.deployers.packing import mapping_of, mapping_text, pack, unpack
from kubetasks.errors import RecordDamaged
from kubetasks.objects import DOMAIN, MANAGED_BY, PART_OF, RECORD_LABEL, Object, Objects

# On the ConfigMaps with a revision's objects where they do not fit into its own. They do not have the label of the
# project's objects: nothing but a rollback reads them.
RECORD_OF: Final = f"{DOMAIN}/record-of"

FORMAT: Final = 2
DEPLOYING, DEPLOYED, FAILED = "deploying", "deployed", "failed"

# A ConfigMap holds 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/), etcd takes 1.5 MiB a request.
INLINE: Final = 200_000  # characters of packed objects beside the rest of the record
PART: Final = 700_000  # in each ConfigMap of their own
MOST_PARTS: Final = 12
NOTE: Final = 500  # characters


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
        at: when it ended, ISO 8601 in UTC, by the clock of the machine that deployed.
        note: why it exists (``rollback to 3``), or how it failed.
        objects: the rendered objects, without the values of Secrets.
        finished: ``Job/name`` to what is known of a Job that completed: ``template`` (digest) and ``image``.
        images: image reference to the identities of its content (``images.content``).
        running: image reference to the digests that the pods' status named once all was ready.
        parts: how many ConfigMaps of their own hold the objects; 0 if they are in the record itself.
        inventory: what was applied: ``Kind/name`` to API version, kind, namespace and name.
        newer: whether a later version of kubetasks wrote the record; this one leaves it alone.
        problem: why this record cannot be used; empty for one that can.
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
    finished: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    images: Mapping[str, list[str]] = field(default_factory=dict)
    running: Mapping[str, list[str]] = field(default_factory=dict)
    inventory: Mapping[str, list[str]] = field(default_factory=dict)
    parts: int = 0
    newer: bool = False
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether it was rolled out to the end, and its record can be used."""
        return self.status == DEPLOYED and not self.problem


def name_of(project: str, number: int) -> str:
    """The name of a revision's ConfigMap."""
    return f"{project}-revision-{number}"


def clean(text: str, most: int = NOTE) -> str:
    """One line of printable text that any terminal and any JSON can take."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(shown.encode("utf-8", errors="replace").decode().split())
    return line if len(line) <= most else line[: most - 1] + "…"


def to_objects(revision: Revision, project: str, namespace: str, *, bare: str = "") -> Objects:
    """The ConfigMaps that keep a revision; the record itself is the last one.

    Args:
        revision: the revision.
        project: the project's name.
        namespace: where they go.
        bare: why the rendered objects are left out; empty to keep them where they fit.
    """
    packed = "" if bare else pack(revision.objects)
    if len(packed) > PART * MOST_PARTS:
        bare, packed = f"its objects are too large to keep ({len(packed) // 1024} KiB compressed)", ""
    pieces = [packed[at : at + PART] for at in range(0, len(packed), PART)] if len(packed) > INLINE else []
    data = {
        "format": str(FORMAT),
        "number": str(revision.number),
        "status": revision.status,
        "deployer": revision.deployer,
        "deployer-revision": revision.deployer_revision,
        "inputs": revision.inputs,
        "fingerprint": mapping_text(revision.fingerprint),
        "finished": mapping_text(revision.finished),
        "images": mapping_text(revision.images),
        "running": mapping_text(revision.running),
        "inventory": mapping_text(revision.inventory),
        "verified": str(revision.verified).lower(),
        "at": revision.at,
        "note": clean(revision.note),
        "parts": str(len(pieces)),
        "checksum": hashlib.sha256(packed.encode()).hexdigest(),
        "objects": "" if pieces else packed,
        "left-out": clean(bare),
    }
    name = name_of(project, revision.number)
    labels = {PART_OF: project, MANAGED_BY: "kubetasks", RECORD_LABEL: "revision"}
    part_labels = {RECORD_OF: project, MANAGED_BY: "kubetasks", RECORD_LABEL: "part"}
    parts = [
        _configmap(part_name(name, index), namespace, part_labels, {"objects": piece})
        for index, piece in enumerate(pieces, 1)
    ]
    return [*parts, _configmap(name, namespace, labels, data)]


def _configmap(name: str, namespace: str, labels: Mapping[str, str], data: Mapping[str, str]) -> Object:
    meta = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": dict(data)}


def from_object(item: Object) -> Revision | None:
    """The revision that a ConfigMap keeps, without its objects; None for one that kubetasks did not write.

    Only the name counts: a copy under another name, whatever its labels, is not a revision.
    """
    meta = item["metadata"]
    labels = meta.get("labels") or {}
    if labels.get(RECORD_LABEL) != "revision":
        return None
    found = re.fullmatch(rf"{re.escape(str(labels.get(PART_OF)))}-revision-([1-9][0-9]{{0,8}})", str(meta["name"]))
    if found is None:
        return None
    number = int(found[1])
    data = item.get("data")
    if not isinstance(data, Mapping):
        return Revision(number, FAILED, "", "", problem="its record is empty")

    def text(key: str) -> str:
        value = data.get(key)
        return value if isinstance(value, str) else ""

    status = text("status")
    finished = {key: value for key, value in mapping_of(text("finished")).items() if isinstance(value, dict)}
    return Revision(
        number=number,
        status=status if status in {DEPLOYING, DEPLOYED, FAILED} else FAILED,
        deployer=clean(text("deployer")),
        inputs=text("inputs"),
        deployer_revision=clean(text("deployer-revision")),
        fingerprint={key: str(value) for key, value in mapping_of(text("fingerprint")).items()},
        verified=text("verified") == "true",
        at=clean(text("at")),
        note=clean(text("note")),
        finished=finished,
        images=_digests(text("images")),
        running=_digests(text("running")),
        inventory=_digests(text("inventory")),
        parts=len(part_names(item)),
        newer=_is_newer(text("format")),
        problem=_problem(number, text("number"), text("format"), status),
    )


def _digests(text: str) -> dict[str, list[str]]:
    """The mapping of names to digests in a record; empty for a record of an earlier version, or a damaged one."""
    return {key: [str(each) for each in value] for key, value in mapping_of(text).items() if isinstance(value, list)}


def _is_newer(version: str) -> bool:
    return version.isdecimal() and int(version[:9]) > FORMAT


def _problem(number: int, said: str, version: str, status: str) -> str:
    if _is_newer(version):
        return f"a later version of kubetasks wrote it (record format {clean(version, 20)})"
    if version and version != str(FORMAT):
        return f"it is damaged: its format is {clean(version, 20)}"
    if said != str(number):
        return f"it is damaged: its number is {clean(said, 20) or 'missing'}"
    if status not in {DEPLOYING, DEPLOYED, FAILED}:
        return f"it is damaged: its status is {clean(status, 20) or 'missing'}"
    return ""


def part_names(item: Object) -> list[str]:
    """The names of the ConfigMaps that hold a record's objects; none where they are in the record itself."""
    count = str((item.get("data") or {}).get("parts", "0"))
    most = min(int(count), MOST_PARTS) if count.isdecimal() and len(count) < 4 else 0
    return [part_name(item["metadata"]["name"], index) for index in range(1, most + 1)]


def part_name(record: str, index: int) -> str:
    """The name of the ConfigMap with one part of a record's objects."""
    return f"{record}-objects-{index}"


def objects_in(item: Object, parts: Mapping[str, Object], namespace: str) -> Objects:
    """The rendered objects of a record.

    Args:
        item: the record.
        parts: by name, the ConfigMaps that hold its objects, where they are not in the record itself.
        namespace: the one that all of them must be in.

    Raises:
        RecordDamaged: they are not all there, or not as they were written.
    """
    data = item.get("data") or {}
    if data.get("left-out"):
        raise _damaged(item, f"it was recorded without its objects: {data['left-out']}")
    names = part_names(item)
    gone = [name for name in names if name not in parts]
    if gone:
        raise _damaged(item, f"ConfigMap {gone[0]} is missing")
    pieces = [(parts[name].get("data") or {}).get("objects") for name in names] or [data.get("objects")]
    packed = "".join(piece for piece in pieces if isinstance(piece, str))
    checksum = data.get("checksum")
    if checksum is not None and hashlib.sha256(packed.encode()).hexdigest() != checksum:
        raise _damaged(item, "its objects are not as they were written")
    try:
        found = unpack(packed)
    except (ValueError, RecursionError) as error:
        raise _damaged(item, f"its objects cannot be read: {clean(str(error), 100)}") from None
    if not isinstance(found, list) or not all(_is_object(each, namespace) for each in found):
        raise _damaged(item, f"it holds something that is not an object in namespace {namespace}")
    return found


def _is_object(value: Any, namespace: str) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    meta = value["metadata"]
    texts = (value.get("apiVersion"), value.get("kind"), meta.get("name"))
    return all(isinstance(each, str) and each for each in texts) and meta.get("namespace") in {None, "", namespace}


def _damaged(item: Object, why: str) -> RecordDamaged:
    number = item["metadata"]["name"].rpartition("-")[2]
    return RecordDamaged(
        f"the record of revision {number} cannot be used",
        why=why,
        fix="choose another (inv rollback --to NUMBER), or deploy that source again: git checkout … && inv deploy",
    )
