"""Nodes as the scheduler sees them: what is free on each, which labels and taints they have."""

from collections.abc import Mapping
from typing import Any

from kubetasks.diagnose import quantity, wanted
from kubetasks.diagnose.graph import World
from kubetasks.objects import Object


def name(node: Object) -> str:
    """A node's name."""
    return str(node["metadata"]["name"])


def labels(node: Object) -> dict[str, str]:
    """A node's labels."""
    return dict(node["metadata"].get("labels") or {})


def taints(node: Object) -> list[Mapping[str, Any]]:
    """A node's taints that keep pods off."""
    return [each for each in (node.get("spec") or {}).get("taints") or () if each.get("effect") != "PreferNoSchedule"]


def allocatable(node: Object, resource: str) -> float:
    """What a node has for pods."""
    return quantity.amount(((node.get("status") or {}).get("allocatable") or {}).get(resource, 0))


def free(world: World, node: Object, resource: str) -> float:
    """What a node has left: less the requests of its pods, as far as they are known."""
    known = world.snapshot.requested.get(name(node))
    if known is None:
        used = sum(
            wanted.requests_of(pod.spec).get(resource, 0.0)
            for pod in world.pods
            if pod.node == name(node) and pod.phase not in {"Succeeded", "Failed"}
        )
    else:
        used = known.get(resource, 0.0)
    return max(allocatable(node, resource) - used, 0.0)


def tolerated(taint: Mapping[str, Any], tolerations: list[Mapping[str, Any]]) -> bool:
    """Whether any toleration lets a pod onto a node with this taint."""
    for each in tolerations:
        if each.get("effect") not in {None, "", taint.get("effect")}:
            continue
        if not each.get("key"):
            if each.get("operator") == "Exists":
                return True
            continue
        if each["key"] != taint.get("key"):
            continue
        if each.get("operator", "Equal") == "Exists" or (each.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


def fits_term(node: Object, term: Mapping[str, Any]) -> bool:
    """Whether a node matches a term of a node affinity."""
    return not failing(node, term)


def failing(node: Object, term: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The expressions of a node affinity's term that a node does not match."""
    found = []
    for fields, known in (("matchExpressions", labels(node)), ("matchFields", {"metadata.name": name(node)})):
        for each in term.get(fields) or ():
            has, values = known.get(each["key"]), list(each.get("values") or [])
            fits = {
                "In": has is not None and has in values,
                "NotIn": has not in values,
                "Exists": has is not None,
                "DoesNotExist": has is None,
                "Gt": has is not None and has.isdigit() and bool(values) and int(has) > int(values[0]),
                "Lt": has is not None and has.isdigit() and bool(values) and int(has) < int(values[0]),
            }.get(str(each.get("operator")), True)
            if not fits:
                found.append(each)
    return found
