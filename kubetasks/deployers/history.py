"""The revisions of a project: what was deployed, by which deployer, and whether it became good.

One ConfigMap a revision (``record``), beside the application. A record is opened before anything is changed, so that
what keeps it from being written is known by then; and only while the deploy lock is held.
"""

import contextlib
import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from kubetasks.deployers.concealed import Digest, all_concealed
from kubetasks.deployers.fingerprint import fingerprint
from kubetasks.deployers.record import (
    DEPLOYED,
    DEPLOYING,
    FAILED,
    RECORD_OF,
    Revision,
    from_object,
    name_of,
    objects_in,
    part_name,
    part_names,
    to_objects,
)
from kubetasks.errors import (
    ApplyFailed,
    Forbidden,
    Interrupted,
    KubeconfigError,
    KubetasksError,
    LockLost,
    NamespaceTerminating,
    NoContact,
    NotEffective,
    RecordDamaged,
    RecordFailed,
)
from kubetasks.objects import PART_OF, Object, Objects, of_kind, staying
from kubetasks.settings import Settings
from kubetasks.targets.base import Store

__all__ = [
    "DEPLOYED", "DEPLOYING", "FAILED", "Revision", "conceal", "fingerprint",
    "mark_verified", "next_number", "now", "objects_of", "open_record", "revisions", "save",
]  # fmt: skip

# What is not about a record.
PASSED_ON = (KubeconfigError, NoContact, NamespaceTerminating, NotEffective, LockLost, Interrupted)
REFUSED = (ApplyFailed, Forbidden)  # what the cluster says of a record that may not be written
TRIES = 20  # numbers that are tried where other ConfigMaps have the names


def revisions(live: Objects) -> list[Revision]:
    """The revisions among live objects, oldest first. Records that are being deleted do not count."""
    read = (from_object(item) for item in staying(live) if item["kind"] == "ConfigMap")
    return sorted((each for each in read if each is not None), key=lambda each: each.number)


def next_number(known: Sequence[Revision]) -> int:
    """The number of the next revision; that of the newest one where it was interrupted and never ended."""
    if not known:
        return 1
    return known[-1].number + (known[-1].status != DEPLOYING)


def objects_of(store: Store, live: Objects, number: int, namespace: str) -> Objects:
    """The rendered objects of one revision.

    Raises:
        RecordDamaged: its record cannot be used.
    """
    for item in staying(live):
        revision = from_object(item) if item["kind"] == "ConfigMap" else None
        if revision is None or revision.number != number:
            continue
        if revision.problem:
            raise RecordDamaged(
                f"the record of revision {number} cannot be used",
                why=revision.problem,
                fix="choose another: inv rollback --to NUMBER",
            )
        return objects_in(item, _parts(store, item), namespace)
    raise RecordDamaged(f"the record of revision {number} no longer exists", fix="see what exists: inv status")


def _parts(store: Store, item: Object) -> dict[str, Object]:
    if not part_names(item):
        return {}
    project = item["metadata"]["labels"][PART_OF]
    return {part["metadata"]["name"]: part for part in store.get(["ConfigMap"], selector=f"{RECORD_OF}={project}")}


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def open_record(store: Store, revision: Revision, settings: Settings, known: Sequence[Revision]) -> Revision:
    """Write a revision's record before anything is changed; returns it with the number that it got.

    A number is skipped where a ConfigMap that is not a record has the name.

    Raises:
        RecordFailed: it cannot be written.
    """
    ours = {each.number for each in known}
    for number in range(revision.number, revision.number + TRIES):
        made = replace(revision, number=number, status=DEPLOYING, at=now())
        [item] = to_objects(made, settings.project, settings.in_namespace, bare="it did not end")
        try:
            if number in ours:
                store.apply([item])
                return made
            if _create(store, item, settings, known):
                return made
        except PASSED_ON:
            raise
        except KubetasksError as error:
            raise _failed(number, error, "nothing was changed; ") from None
    raise RecordFailed(
        f"the record of revision {revision.number} could not be written",
        why=f"other ConfigMaps are named {name_of(settings.project, revision.number)} and so on",
        fix="rename or delete them, or set another `project`",
    )


def _create(store: Store, item: Object, settings: Settings, known: Sequence[Revision]) -> bool:
    try:
        return store.create(item)
    except PASSED_ON:
        raise
    except KubetasksError:
        if not _drop(store, _spare(0, settings, known), settings):
            raise
        return store.create(item)  # a quota that the oldest ones filled


def save(store: Store, revision: Revision, settings: Settings, known: Sequence[Revision]) -> str:
    """Write a revision, and drop the oldest beyond ``settings.history``: never the last good or verified one.

    Returns:
        What could not be kept; empty when all was.

    Raises:
        RecordFailed: it cannot be written.
    """
    project, namespace = settings.project, settings.in_namespace
    spare = _spare(revision.number, settings, known)
    items = to_objects(revision, project, namespace)
    try:
        store.apply(items)
    except REFUSED as error:
        _drop(store, spare, settings)
        items = to_objects(revision, project, namespace, bare=error.why or error.what)
        try:
            store.apply(items)
        except REFUSED:
            raise _failed(revision.number, error, "what is deployed stays; ") from None
    _drop(store, spare, settings)
    return str(items[-1]["data"]["left-out"])


def conceal(store: Store, live: Objects, digest: Digest) -> None:
    """Take the values of Secrets out of records that an earlier version of kubetasks wrote.

    What cannot be rewritten stays until it is dropped as one of the oldest.
    """
    for item in staying(live):
        revision = from_object(item) if item["kind"] == "ConfigMap" else None
        if revision is None or revision.problem or "format" in item["data"]:
            continue
        meta = item["metadata"]
        with contextlib.suppress(RecordDamaged, *REFUSED):
            objects = objects_in(item, {}, meta["namespace"])
            if of_kind(objects, "Secret"):
                made = replace(revision, objects=all_concealed(objects, digest))
                store.apply(to_objects(made, meta["labels"][PART_OF], meta["namespace"]))


def mark_verified(store: Store, live: Objects, number: int) -> None:
    """Note in a record, which otherwise is not changed, that its revision was verified.

    Raises:
        ApplyFailed: the record was refused.
        Forbidden: the record may not be changed.
    """
    for item in live:
        found = from_object(item) if item["kind"] == "ConfigMap" else None
        if found is not None and found.number == number and not found.problem:
            meta = {key: item["metadata"][key] for key in ("name", "namespace", "labels")}
            store.apply([{**item, "metadata": meta, "data": {**item["data"], "verified": "true", "at": now()}}])


def _failed(number: int, error: KubetasksError, state: str) -> RecordFailed:
    return RecordFailed(
        f"the record of revision {number} could not be written",
        why=error.why or error.what,
        fix=f"{state}see the namespace's quotas, your role and what admits ConfigMaps, then: inv deploy",
    )


def _spare(number: int, settings: Settings, known: Sequence[Revision]) -> list[Revision]:
    """The oldest revisions that are not to be kept beside ``number``."""
    others = [each for each in known if each.number != number]
    goods = [each.number for each in others if each.good]
    proven = [each.number for each in others if each.good and each.verified]
    kept = {*goods[-1:], *proven[-1:]}
    oldest = others[: max(0, len(others) + 1 - settings.history)]
    return [each for each in oldest if each.number not in kept and not each.newer]


def _drop(store: Store, spare: Sequence[Revision], settings: Settings) -> bool:
    """Delete records; True when they were deleted. Records that cannot be deleted stay; the next deploy tries again."""
    if not spare:
        return False
    names = [name_of(settings.project, each.number) for each in spare]
    names += [
        part_name(name, index) for name, each in zip(names, spare, strict=True) for index in range(1, each.parts + 1)
    ]
    meta = {"namespace": settings.in_namespace}
    try:
        store.delete(
            [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}} for name in names],
            wait=False,
        )
    except PASSED_ON:
        raise
    except KubetasksError:
        return False
    return True
