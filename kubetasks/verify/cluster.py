"""The layers that read the cluster: objects as rendered, rollouts complete, endpoints behind every Service."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kubetasks.deployers.concealed import differing_keys
from kubetasks.deployers.fingerprint import has_ttl
from kubetasks.deployers.finished import gone, known
from kubetasks.deployers.history import revisions
from kubetasks.deployers.rollout import progress
from kubetasks.objects import (
    NAME,
    PART_OF,
    Object,
    Objects,
    by_identity,
    identity,
    is_hook,
    is_leaving,
    of_kind,
    staying,
)
from kubetasks.targets import serving
from kubetasks.targets.base import Store
from kubetasks.verify.compare import differences
from kubetasks.verify.results import Layer

SHOWN = 3


def expected(objects: Objects) -> Objects:
    """The rendered objects that must be live: all but hooks, which Helm runs and may remove again."""
    return [item for item in objects if not is_hook(item)]


def read(store: Store, objects: Objects) -> tuple[dict[str, Object], set[str]]:
    """The live objects of every kind that was rendered, and the EndpointSlices, in one call.

    Returns:
        What exists, by ``Kind/name``; and the names of what is being deleted, which is not.

    Raises:
        ClusterUnreachable: the API server does not answer.
    """
    kinds = sorted({item["kind"] for item in objects} | {"EndpointSlice"})
    found = store.get(kinds)
    return by_identity(staying(found)), {identity(item) for item in found if is_leaving(item)}


def completed(store: Store, project: str, objects: Objects, live: Mapping[str, Object]) -> set[str]:
    """The rendered Jobs that completed and no longer exist, according to the records; no call without one."""
    if all(identity(item) in live or not has_ttl(item) for item in of_kind(objects, "Job")):
        return set()
    records = revisions(store.get(["ConfigMap"], selector=f"{PART_OF}={project}"))
    return gone(objects, live.values(), known(records))


def check_object(
    layer: Layer,
    item: Object,
    live: Mapping[str, Object],
    leaving: Collection[str] = (),
    complete: Collection[str] = (),
) -> None:
    """A rendered object exists, and every rendered field equals the live one.

    Args:
        layer: gets the result.
        item: the rendered object.
        live: what exists, by ``Kind/name``.
        leaving: the names of what is being deleted.
        complete: the names of Jobs that have completed and no longer exist.
    """
    name = identity(item)
    found = live.get(name)
    if found is None:
        if name in complete:
            layer.passed(name, f"complete; {_removal(item)}")
        elif name in leaving:
            layer.failed(name, "it is being deleted; inv status says what holds it")
        elif has_ttl(item):
            layer.skipped(name, f"not there; {_removal(item)}")
        else:
            layer.failed(name, "missing")
        return
    if item["kind"] == "Secret":
        keys = differing_keys(item, found)
        layer.judged(name, [f"{key}: differs from the rendered value" for key in keys], "all values as rendered")
        return
    wrong = differences(item, found)
    if not wrong:
        layer.passed(name, "as rendered")
        return
    quoted = [str(each) for each in wrong[:SHOWN]]
    more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
    layer.failed(name, "; ".join([*quoted, *more]), wrong)


def _removal(job: Object) -> str:
    return f"the cluster removes it {job['spec']['ttlSecondsAfterFinished']} s after it has finished"


def check_workload(layer: Layer, item: Object, live: Mapping[str, Object], complete: Collection[str] = ()) -> None:
    """A Deployment or StatefulSet runs its newest revision with all replicas ready; a Job is complete.

    A DaemonSet, ReplicaSet or Pod of its own is ready.
    """
    name = identity(item)
    found = live.get(name)
    if found is None and name in complete:
        layer.passed(name, "complete, and removed since")
    elif found is None:
        layer.skipped(name, "it does not exist")
    elif item["kind"] == "Job":
        _job(layer, name, found)
    elif item["kind"] in {"DaemonSet", "ReplicaSet", "Pod"}:
        far = progress(found)
        layer.judged(name, [] if far.done else [far.line], far.line)
    else:
        _replicas(layer, name, found)


def _job(layer: Layer, name: str, job: Object) -> None:
    conditions = {
        each["type"]: each for each in job.get("status", {}).get("conditions") or () if each["status"] == "True"
    }
    failed = conditions.get("Failed")
    if "Complete" in conditions:
        layer.passed(name, "complete")
    elif failed:
        layer.failed(name, f"failed: {failed.get('reason', '')} {failed.get('message', '')}")
    else:
        active = job.get("status", {}).get("active", 0)
        layer.failed(name, f"not complete; {active} pod{'' if active == 1 else 's'} at work")


def _replicas(layer: Layer, name: str, workload: Object) -> None:
    spec, status = workload.get("spec", {}), workload.get("status", {})
    wanted = spec.get("replicas", 1)
    generation = workload["metadata"].get("generation", 0)
    counts = {key: status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas")}
    problems = []
    if status.get("observedGeneration", 0) < generation:
        problems.append(f"generation {generation} is not observed yet, only {status.get('observedGeneration', 0)}")
    for key, words in (("updatedReplicas", "updated"), ("readyReplicas", "ready")):
        if counts[key] != wanted:
            problems.append(f"{counts[key]} of {wanted} {words}")
    if counts["replicas"] > wanted:
        problems.append(f"{counts['replicas'] - wanted} of an older revision still there")
    if problems:
        problems += [
            f"{each['reason']}: {each.get('message', '')}"
            for each in status.get("conditions") or ()
            if each.get("status") == "False" and each.get("reason")
        ]
    layer.judged(name, problems, f"{wanted} of {wanted} updated and ready, generation {generation}")


def selects(service: Mapping[str, Any]) -> Mapping[str, str]:
    """A Service's selector; empty when it has none or points outside the cluster."""
    spec = service.get("spec", {})
    selector = {} if spec.get("type") == "ExternalName" else spec.get("selector") or {}
    return dict(selector)


def ready_addresses(slices: Sequence[Object], service: str) -> tuple[list[str], list[str]]:
    """The addresses behind a Service, without those of pods that are being deleted: (ready, not ready)."""
    ready: list[str] = []
    unready: list[str] = []
    for item in serving.slices_of(slices, service):
        for endpoint in item.get("endpoints") or ():
            if not serving.terminating(endpoint):
                (ready if serving.ready(endpoint) else unready).extend(endpoint.get("addresses") or ())
    return list(dict.fromkeys(ready)), list(dict.fromkeys(unready))


def check_service(layer: Layer, item: Object, live: Mapping[str, Object]) -> None:
    """A Service with a selector has a ready address."""
    name = item["metadata"]["name"]
    if not selects(item):
        layer.skipped(identity(item), "it has no selector")
        return
    ready, unready = ready_addresses(of_kind(live.values(), "EndpointSlice"), name)
    if ready:
        layer.passed(identity(item), f"{len(ready)} ready: {', '.join(ready[:SHOWN])}")
    elif unready:
        layer.failed(identity(item), f"no ready address; {len(unready)} not ready: {', '.join(unready[:SHOWN])}")
    else:
        selector = ",".join(f"{key}={value}" for key, value in selects(item).items() if key == NAME) or "its selector"
        layer.failed(identity(item), f"no address: no pod matches {selector}")
