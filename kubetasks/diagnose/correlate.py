"""The correlator: which of the possible causes are symptoms of others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kubetasks.diagnose.graph import World
from kubetasks.diagnose.ingresses import backends
from kubetasks.diagnose.rule import Candidate


@dataclass(eq=False)
class Cluster:
    """A root cause, and what follows from it."""

    root: Candidate
    symptoms: list[Candidate] = field(default_factory=list)


def clusters(world: World, candidates: Sequence[Candidate]) -> list[Cluster]:
    """Fold every candidate under the deepest cause that explains it.

    One explains another when it is about the same thing and deeper, or when the other blames it: an empty Service
    blames its pods' workload, a refused connection blames the Service that was asked, and so on along the graph.
    """
    known = _merged(candidates)
    parents = {id(each): _parent(world, each, known) for each in known}
    found: dict[int, Cluster] = {}
    for each in known:
        root = _root(each, parents)
        if root is each:
            found.setdefault(id(each), Cluster(each))
    for each in known:
        root = _root(each, parents)
        if root is not each:
            found[id(root)].symptoms.append(each)
    return [each for each in found.values() if _counts(world, each)]


def _counts(world: World, cluster: Cluster) -> bool:
    """Whether a cluster is worth a finding: not a mere symptom, and what may be on purpose only where others suffer."""
    root = cluster.root
    if root.rule.needed:
        return any(each.subject in world.workloads and each.subject != root.subject for each in cluster.symptoms)
    return not root.rule.symptom


def _merged(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Without doubles: the same cause at the same place, found in another pod or by another check."""
    found: dict[tuple[str, str, str, str], Candidate] = {}
    for each in candidates:
        key = (each.rule.id, each.subject, each.at, each.cause)
        if key in found:
            found[key].because += [line for line in each.because if line not in found[key].because]
            found[key].affects = tuple(dict.fromkeys([*found[key].affects, *each.affects]))
        else:
            found[key] = each
    return list(found.values())


def _parent(world: World, candidate: Candidate, known: Sequence[Candidate]) -> Candidate | None:
    """The candidate that explains this one; None if nothing does."""
    deeper = [each for each in known if each is not candidate and _explains(each, candidate)]
    if not deeper:
        reached = set(_reached(world, candidate))
        deeper = [
            each
            for each in known
            if each is not candidate and each.subject in reached and not (each.rule.symptom and not each.blames)
        ]
    return max(deeper, key=lambda each: (not each.rule.symptom, each.depth), default=None)


def _explains(one: Candidate, other: Candidate) -> bool:
    """Whether one is the deeper cause of another about the same thing."""
    if one.subject != other.subject or one.depth <= other.depth:
        return False
    return not one.at or not other.at or one.at.split(" ")[0] == other.at.split(" ")[0]


def _reached(world: World, candidate: Candidate) -> Iterator[str]:
    """The objects that a candidate blames, and those behind them."""
    seen = {candidate.subject}
    queue = list(candidate.blames)
    while queue:
        key = queue.pop(0)
        if key in seen:
            continue
        seen.add(key)
        yield key
        queue += behind(world, key)


def behind(world: World, key: str) -> list[str]:
    """The objects that one depends on."""
    kind, _, name = key.partition("/")
    item = world.get(kind, name)
    if item is None:
        return []
    if kind == "Service":
        selector = (item.get("spec") or {}).get("selector") or {}
        fitting = [
            each.key
            for each in world.workloads.values()
            if selector and all(each.labels.get(label) == value for label, value in selector.items())
        ]
        return list(dict.fromkeys([*(pod.workload for pod in world.selected(item)), *fitting]))
    if kind == "PersistentVolumeClaim":
        name = str((item.get("spec") or {}).get("storageClassName") or "")
        return [f"StorageClass/{name}"] if name else []
    if kind == "Pod":
        return [next((pod.workload for pod in world.pods if pod.name == name), "")]
    if kind == "Ingress":
        return [f"Service/{each}" for each in backends(item)]
    return []


def _root(candidate: Candidate, parents: dict[int, Candidate | None]) -> Candidate:
    """The end of the chain of parents. Of two that blame each other the deeper one, else the first, is the root."""
    chain = [candidate]
    while True:
        parent = parents[id(chain[-1])]
        if parent is None:
            return chain[-1]
        if parent in chain:
            circle = chain[chain.index(parent) :]
            return max(circle, key=lambda each: (each.depth, -len(each.cause), each.subject))
        chain.append(parent)
