"""What a deploy left, as digests, so that any later change by anyone shows."""

from collections.abc import Mapping
from typing import Final

from kubetasks.objects import VOLATILE, Object, Objects, digest, identity, is_controlled, is_hook, is_leaving, is_record

# What comes and goes without anyone's doing, and what holds data rather than what was asked for.
PASSING: Final = frozenset({"Pod", "ReplicaSet", "Lease", "Event", "PersistentVolumeClaim", "PersistentVolume"})
SCALABLE: Final = frozenset({"Deployment", "StatefulSet"})
REPLICAS: Final = " x"  # between a workload's digest and its number of replicas


def fingerprint(live: Objects) -> dict[str, str]:
    """``Kind/name`` to a digest of what is asked for in each live object.

    Left out is what is being deleted, what a controller made for another object, and a Job that the cluster removes by
    itself once it has finished. A Secret goes in by its resourceVersion alone: a digest of its values would be
    something to guess at. A workload's replicas stand beside its digest, since an autoscaler may own them.
    """
    found: dict[str, str] = {}
    for item in live:
        if (
            item["kind"] in PASSING
            or is_record(item)
            or is_leaving(item)
            or is_controlled(item)
            or has_ttl(item)
            or is_hook(item)
        ):
            continue
        meta = item["metadata"]
        if item["kind"] == "Secret":
            found[identity(item)] = f"{meta.get('uid')}:{meta.get('resourceVersion')}"
            continue
        kept = {key: value for key, value in meta.items() if key not in VOLATILE and key != "finalizers"}
        rest = {key: value for key, value in item.items() if key not in {"metadata", "status"}}
        replicas = ""
        if item["kind"] in SCALABLE:
            spec = dict(rest.get("spec") or {})
            replicas = f"{REPLICAS}{spec.pop('replicas', 1)}"
            rest["spec"] = spec
        found[identity(item)] = digest([kept, rest, meta.get("uid")], length=16) + replicas
    return found


def has_ttl(item: Object) -> bool:
    """Whether an object is a Job that the cluster removes some time after it has finished."""
    return item["kind"] == "Job" and item.get("spec", {}).get("ttlSecondsAfterFinished") is not None


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """What differs between two fingerprints: the names of objects that changed, and of those only in their replicas."""
    names = {name for name in {*before, *now} if before.get(name) != now.get(name)}
    scaled = {
        name
        for name in names
        if name in before
        and name in now
        and REPLICAS in now[name]
        and before[name].partition(REPLICAS)[0] == now[name].partition(REPLICAS)[0]
    }
    return names - scaled, scaled
