"""Pods of an earlier revision that still end: until they have, they may answer instead of the new ones."""

import time
from collections.abc import Callable
from typing import Final

from kubetasks.errors import Forbidden
from kubetasks.objects import Object, Objects, is_leaving, of_kind
from kubetasks.targets.base import Store
from kubetasks.verify.results import Layer

NAME: Final = "pods of earlier revisions"
INTERVAL: Final = 0.5
MARGIN: Final = 10.0  # seconds past its grace period in which a node removes a pod
GRACE: Final = 30  # seconds, the API's default


def ending(pods: Objects, workloads: Objects) -> Objects:
    """The pods of some workloads that are being deleted and whose containers still run.

    Args:
        pods: the namespace's pods.
        workloads: Deployments and StatefulSets.
    """
    selectors = [dict(item["spec"].get("selector", {}).get("matchLabels") or {}) for item in workloads]
    return [
        pod
        for pod in pods
        if is_leaving(pod)
        and _runs(pod)
        and any(each and each.items() <= (pod["metadata"].get("labels") or {}).items() for each in selectors)
    ]


def _runs(pod: Object) -> bool:
    states = [each.get("state") or {} for each in (pod.get("status") or {}).get("containerStatuses") or ()]
    return not states or not all("terminated" in state for state in states)


def wait(
    layer: Layer,
    store: Store,
    objects: Objects,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Wait for pods that are being deleted, as long as their grace periods allow; one that outlives that is a failure.

    A proxy keeps connections to such a pod, and kube-proxy hears of its end a moment later. What it answers says
    nothing about the revision that is verified.

    Raises:
        NoContact: the API server does not answer.
    """
    workloads = of_kind(objects, "Deployment", "StatefulSet")
    began = monotonic()
    try:
        left = ending(store.get(["Pod"]), workloads)
        limit = MARGIN + max((pod["metadata"].get("deletionGracePeriodSeconds", GRACE) for pod in left), default=0)
        while left and monotonic() - began < limit:
            sleep(INTERVAL)
            left = ending(store.get(["Pod"]), workloads)
    except Forbidden:
        layer.skipped(NAME, "you are not allowed to list pods")
        return
    waited = f" after {monotonic() - began:.0f} s" if monotonic() - began >= INTERVAL else ""
    if not left:
        layer.passed(NAME, f"none runs any more{waited}")
    for pod in left:
        layer.failed(
            f"Pod/{pod['metadata']['name']}",
            f"is being deleted and still runs after {monotonic() - began:.0f} s: it can answer instead of the new one",
        )
