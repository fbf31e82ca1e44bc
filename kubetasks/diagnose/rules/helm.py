"""Helm releases, by the names and the statuses of their records: their contents are never read."""

from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose.fixes import run, words
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.rule import CRASH, SYMPTOM, Candidate, check, define
from kubetasks.objects import Object

RECORD: Final = "helm.sh/release.v1"
ANNOTATION: Final = "meta.helm.sh/release-name"
# So long an upgrade may be under way before it counts as interrupted.
UNDER_WAY: Final = 60.0

PENDING = define(
    "HELM_PENDING",
    "cluster",
    "a Helm release is stuck",
    signal="the newest record of a release is pending-install, pending-upgrade or pending-rollback",
    why="Helm was interrupted. No upgrade is possible until that record is removed.",
    fix="helm rollback RELEASE, or delete the record",
    depth=CRASH,
    grace=60.0,
)
FAILED = define(
    "HELM_FAILED",
    "cluster",
    "the last upgrade of a Helm release failed",
    signal="the newest record of a release is failed",
    why="An object was refused, a hook failed, or the pods were not ready in time.",
    fix="correct the cause and upgrade again, or helm rollback RELEASE",
    depth=SYMPTOM,
    severity="warning",
)


def releases(world: World) -> dict[str, list[Object]]:
    """The records of each release, oldest first."""
    found: dict[str, list[Object]] = {}
    for item in world.all("Secret"):
        labels = item["metadata"].get("labels") or {}
        if item.get("type") == RECORD or labels.get("owner") == "helm":
            found.setdefault(str(labels.get("name", "")), []).append(item)
    for records in found.values():
        records.sort(key=lambda item: int((item["metadata"].get("labels") or {}).get("version", "0")))
    return found


@check
def helm(world: World) -> Iterator[Candidate]:
    """Releases that are stuck or failed."""
    for name, records in releases(world).items():
        labels = records[-1]["metadata"].get("labels") or {}
        status, revision = str(labels.get("status", "")), str(labels.get("version", ""))
        of_release = tuple(
            each.key
            for each in world.workloads.values()
            if (each.item["metadata"].get("annotations") or {}).get(ANNOTATION) == name
        )
        good = [
            each
            for each in records
            if (each["metadata"].get("labels") or {}).get("status") in {"deployed", "superseded"}
        ]
        where = f"helm --kube-context {world.snapshot.context} -n {world.snapshot.namespace}"
        last = str((good[-1]["metadata"].get("labels") or {}).get("version")) if good else ""
        back = f"{where} rollback {name} {last}" if good else ""
        if status.startswith("pending-") or status == "uninstalling":
            if world.age(records[-1]) < UNDER_WAY:
                continue
            cause = f"Helm release {name} is {status} since revision {revision}: no upgrade is possible"
            fix = run(
                world,
                "delete the record of the interrupted attempt",
                "delete",
                "secret",
                records[-1]["metadata"]["name"],
                note=f"then upgrade again, or go back: {back}" if back else "then install again",
            )
            yield Candidate(PENDING, f"HelmRelease/{name}", cause, fix, affects=of_release)
        elif status == "failed":
            cause = f"Helm release {name}: revision {revision} failed"
            fix = words("correct the cause and upgrade again" + (f", or go back: {back}" if back else ""))
            yield Candidate(FAILED, f"HelmRelease/{name}", cause, fix, blames=of_release)
