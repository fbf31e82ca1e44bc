"""Completed Jobs that no longer exist: with ``ttlSecondsAfterFinished`` the cluster deletes a Job once it has ended.

That it completed is known when a deploy saw it, when the Job controller's event says so, or when the record of a
revision does. Such a Job is neither applied again nor waited for. ``inv deploy --force`` runs it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kubetasks.deployers.fingerprint import has_ttl
from kubetasks.deployers.record import Revision
from kubetasks.objects import Object, Objects, digest, identity, of_kind

TEMPLATE, IMAGE = "template", "image"
# The reason of the Job controller's event (pkg/controller/job of kubernetes/kubernetes). Its Warnings say that a Job
# has failed, but for those below.
COMPLETED: Final = "Completed"
# Warnings of one pod that was not made, or not deleted: the Job continues.
PASSING: Final = frozenset({"FailedCreate", "FailedDelete"})

Known = Mapping[str, Mapping[str, str]]


def template_of(job: Object) -> str:
    """A digest of what a rendered Job runs: a Job of the same name that runs something else is another one."""
    return digest(job["spec"].get("template"), length=16)


def facts(job: Object) -> dict[str, str]:
    """What a record keeps of a rendered Job that completed."""
    containers = job["spec"].get("template", {}).get("spec", {}).get("containers") or [{}]
    return {TEMPLATE: template_of(job), IMAGE: str(containers[0].get("image", ""))}


def known(history: Sequence[Revision]) -> dict[str, Mapping[str, str]]:
    """``Job/name`` to what is known of each Job that a record says has completed; of the newest record that does."""
    return {name: each for revision in history for name, each in revision.finished.items()}


def gone(objects: Objects, live: Iterable[Object], completed: Known) -> set[str]:
    """``Job/name`` of the rendered Jobs that have completed and that the cluster has removed since."""
    there = {identity(item) for item in live}
    return {
        identity(item)
        for item in of_kind(objects, "Job")
        if has_ttl(item)
        and identity(item) not in there
        and completed.get(identity(item), {}).get(TEMPLATE) == template_of(item)
    }


def recorded(objects: Objects, complete: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """What a record keeps: of the rendered Jobs that the cluster deletes after their TTL, those that are complete."""
    names = set(complete)
    return {
        identity(item): facts(item) for item in of_kind(objects, "Job") if has_ttl(item) and identity(item) in names
    }


def told_by(events: Iterable[Object], name: str, uid: str) -> str:
    """What the Job controller's events say of a Job that no longer exists: ``Completed``, why it failed, or nothing.

    Args:
        events: the namespace's events.
        name: the Job's name.
        uid: the UID of the one that existed; the newest of this name where it is empty.
    """
    about = sorted((each for each in events if _is_about(each, name)), key=_when)
    if not about:
        return ""
    uid = uid or str(about[-1]["involvedObject"].get("uid"))
    said = [each for each in about if each["involvedObject"].get("uid") == uid]
    if any(each.get("reason") == COMPLETED for each in said):
        return COMPLETED
    failed = [each for each in said if each.get("type") == "Warning" and each.get("reason") not in PASSING]
    return f"{failed[-1].get('reason')}: {failed[-1].get('message', '')}" if failed else ""


def _is_about(event: Object, name: str) -> bool:
    about = event.get("involvedObject") or {}
    return about.get("kind") == "Job" and about.get("name") == name


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def last_events(events: Iterable[Object], name: str, most: int = 6) -> list[str]:
    """The last events about an object, oldest first, one line each."""

    def when(event: Object) -> str:
        return str(
            event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
        )

    def line(event: Object) -> str:
        message = " ".join(str(event.get("message", "")).split())[:300]
        return f"{event.get('type', '')} {event.get('reason', '')} {name}: {message}"

    about = [event for event in events if event.get("involvedObject", {}).get("name") == name]
    return [line(event) for event in sorted(about, key=when)[-most:]]
