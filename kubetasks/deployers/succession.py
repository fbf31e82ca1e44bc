"""Services that follow their workloads: one leads to what it led to until the new pods are ready.

Where a rendered Service selects other pods than the live one (a switch of deployers, renamed labels), applying it at
once would take it down for as long as the new pods start, and for good where they never do.
"""

from collections.abc import Iterable
from copy import deepcopy

from kubetasks.objects import Object, Objects, by_identity, identity, is_leaving, of_kind


def held_back(objects: Objects, live: Iterable[Object]) -> Objects:
    """The objects, each Service that leads elsewhere by now with the selector and ports of the live one.

    Only a Service behind which a pod is ready is held back: one that leads nowhere has nothing to lose.
    """
    items = list(live)
    there = by_identity(of_kind(items, "Service"))
    pods = [pod for pod in of_kind(items, "Pod") if not is_leaving(pod) and _is_ready(pod)]
    found: Objects = []
    for item in objects:
        old = there.get(identity(item)) if item["kind"] == "Service" else None
        new = item
        if old is not None:
            selector = (old.get("spec") or {}).get("selector") or {}
            if selector and selector != (item.get("spec") or {}).get("selector") and _served(selector, pods):
                new = deepcopy(item)
                new["spec"]["selector"] = dict(selector)
                new["spec"]["ports"] = deepcopy(old["spec"].get("ports") or item["spec"].get("ports"))
        found.append(new)
    return found


def _served(selector: dict[str, str], pods: Objects) -> bool:
    return any(
        all((pod["metadata"].get("labels") or {}).get(key) == value for key, value in selector.items()) for pod in pods
    )


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions")
    if conditions is None:
        return True
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
