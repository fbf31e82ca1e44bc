"""Where pods may go: selectors, affinities and requests, and the change that lets a pod onto a node."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kubetasks.diagnose import nodes, quantity
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, escaped, run, words
from kubetasks.diagnose.graph import Workload, World, labels_match
from kubetasks.diagnose.refs import references
from kubetasks.diagnose.views import Pod
from kubetasks.diagnose.words import listed, nearest

Steps = list[Step]


def claims(workload: Workload, pods: Sequence[Pod] = ()) -> tuple[str, ...]:
    """The claims of a workload's pods, those of a StatefulSet's templates too."""
    specs = [pod.spec for pod in pods or workload.current] or [workload.spec]
    found = [each.name for spec in specs for each in references(spec) if each.kind == "PersistentVolumeClaim"]
    return tuple(f"PersistentVolumeClaim/{name}" for name in dict.fromkeys(found))


def volume_nodes(world: World, found: Sequence[str]) -> str:
    """The nodes that the volumes of claims are bound to, in words."""
    names = []
    for key in found:
        claim = world.get("PersistentVolumeClaim", key.partition("/")[2]) or {}
        volume = world.get("PersistentVolume", str((claim.get("spec") or {}).get("volumeName"))) or {}
        required = (((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}).get(
            "nodeSelectorTerms"
        ) or ()
        names += [
            str(value)
            for term in required
            for each in term.get("matchExpressions") or ()
            for value in each.get("values") or ()
        ]
    return f"node {listed(names)}" if names else ""


def selector(world: World, workload: Workload, pod: Pod) -> tuple[str, Steps, str]:
    """Cause, steps and words for a nodeSelector or a node affinity that matches no node."""
    every = world.all("Node")
    wanted = pod.spec.get("nodeSelector") or {}
    bad = {
        key: value for key, value in wanted.items() if not any(nodes.labels(each).get(key) == value for each in every)
    }
    if bad:
        key, value = next(iter(bad.items()))
        values = {nodes.labels(each)[key] for each in every if key in nodes.labels(each)}
        keys = {each for node in every for each in nodes.labels(node)}
        path = f"nodeSelector/{escaped(key)}"
        if values:
            near = nearest(str(value), values)
            right = (
                near.name
                if near.typo
                else next(iter(values))
                if len(values) == 1 and key.startswith("kubernetes.io/")
                else ""
            )
            cause = f"no node has label {key}={value}; nodes have {listed(sorted(f'{key}={each}' for each in values))}"
            if right:
                return cause, [("replace", path, right)], f"ask for {key}={right}"
        else:
            near = nearest(key, keys)
            cause = f"no node has label {key}={value}" + (f"; nearest is {near.name}" if near.typo else "")
            fitting = [each for each in every if near.typo and nodes.labels(each).get(near.name) == value]
            if fitting:
                steps: Steps = [("remove", path, ""), ("add", f"nodeSelector/{escaped(near.name)}", value)]
                return cause, steps, f"ask for {near.name}={value}"
        label = f"or label a node: kubectl label node {nodes.name(every[0]) if every else 'NODE'} {key}={value}"
        return cause, [("remove", path, "")], f"ask for no label {key} ({label})"
    if wanted and not any(all(nodes.labels(each).get(k) == v for k, v in wanted.items()) for each in every):
        shown = listed(f"{key}={value}" for key, value in wanted.items())
        return f"no node has all of {shown}", [("remove", "nodeSelector", "")], "ask for no node label"
    return _affinity(every, pod)


def _affinity(every: list[dict[str, Any]], pod: Pod) -> tuple[str, Steps, str]:
    required = ((pod.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    terms = required.get("nodeSelectorTerms") or []
    if not terms or any(nodes.fits_term(node, term) for term in terms for node in every):
        return "no node that matches its selector is free", [], ""
    node = every[0] if every else {"metadata": {"name": "NODE"}}
    failing = min((nodes.failing(node, term) for term in terms), key=len, default=[])
    first: Mapping[str, Any] = failing[0] if failing else {}
    key, values = str(first.get("key", "")), [str(each) for each in first.get("values") or ()]
    shown = f"{key} {first.get('operator', '')} {listed(values)}".strip()
    has = sorted({nodes.labels(each).get(key, "") for each in every} - {""})
    cause = f"no node matches the node affinity {shown}" + (
        f"; nodes have {listed(f'{key}={each}' for each in has)}" if has else f"; no node has label {key}"
    )
    near = nearest(values[0], has) if len(values) == 1 else None
    at = "affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"
    if near and near.typo:
        for number, term in enumerate(terms):
            for index, each in enumerate(term.get("matchExpressions") or ()):
                if each.get("key") == key and values[0] in (each.get("values") or ()):
                    path = f"{at}/nodeSelectorTerms/{number}/matchExpressions/{index}/values/0"
                    return cause, [("replace", path, near.name)], f"ask for {key}={near.name}"
    label = f" (or label a node: kubectl label node {nodes.name(node)} {key}={values[0]})" if values and key else ""
    return cause, [("remove", at, "")], f"require no node affinity{label}"


def beside(world: World, terms: list[dict[str, Any]]) -> tuple[str, Steps, str]:
    """Cause, steps and words for a pod affinity that no pod fulfils."""
    at = "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution"
    for index, term in enumerate(terms):
        chosen = term.get("labelSelector") or {}
        if any(labels_match(chosen, pod.labels) for pod in world.pods if pod.node):
            continue
        labels = chosen.get("matchLabels") or {}
        shown = listed(f"{key}={value}" for key, value in labels.items()) or "its selector"
        for key, value in labels.items():
            near = nearest(str(value), {pod.labels[key] for pod in world.pods if key in pod.labels and pod.node})
            if near.typo:
                cause = f"no pod runs with {shown}, which it must run next to; nearest is {key}={near.name}"
                return (
                    cause,
                    [("replace", f"{at}/{index}/labelSelector/matchLabels/{escaped(key)}", near.name)],
                    f"run next to {key}={near.name}",
                )
        preferred = [{"weight": 100, "podAffinityTerm": each} for each in terms]
        steps: Steps = [
            ("remove", at, ""),
            ("add", "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution", preferred),
        ]
        return (
            f"no pod runs with {shown}, which it must run next to",
            steps,
            "make this affinity preferred instead of required",
        )
    preferred = [{"weight": 100, "podAffinityTerm": each} for each in terms]
    steps = [
        ("remove", at, ""),
        ("add", "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution", preferred),
    ]
    return "the node with the pods that it must run next to is not free", steps, "prefer it instead of requiring it"


def smaller(
    world: World, workload: Workload, pods: Sequence[Pod], asked: Sequence[tuple[str, float, float, bool]]
) -> Fix:
    """The change that makes pending pods fit: fewer replicas where some run, smaller requests, or no request at all.

    Args:
        world: the snapshot.
        workload: the workload.
        pods: its pending pods.
        asked: resource, request of a pod, what the freest node has left, whether no node has any.
    """
    running = [pod for pod in workload.current if pod.node and not pod.deleted]
    scalable = workload.kind in {"Deployment", "StatefulSet", "ReplicaSet"}
    spread = len(pods) if scalable else 1
    fits = min((math.floor(left / want) for _, want, left, _ in asked if want), default=0)
    if scalable and running and not any(each[3] for each in asked):
        count = len(running) + max(fits, 0)
        if count < workload.wanted:
            return run(
                world,
                f"run as many replicas as fit: {count}",
                "scale",
                f"{workload.kind.lower()}/{workload.name}",
                f"--replicas={count}",
                note="or lower the requests, or add a node",
            )
    steps: Steps = []
    said = []
    for resource, _, left, nobody in asked:
        part, index, container = max(
            workload.containers(), key=lambda each: quantity.amount(_asks(each[2], resource)), default=("", 0, {})
        )
        if not part or not _asks(container, resource):
            return words(f"lower the request of {resource}")
        at = f"{part}/{index}/resources"
        resources = container.get("resources") or {}
        if nobody:
            steps += [
                ("remove", f"{at}/{each}/{escaped(resource)}", "")
                for each in ("requests", "limits")
                if resource in (resources.get(each) or {})
            ]
            said.append(f"no {resource}")
            continue
        value = _step_down(left / spread, resource)
        if value is None:
            return words(
                f"free {resource} on a node (scale something down), or add a node: only "
                f"{quantity.shown(left, resource)} is left"
            )
        if resource in (resources.get("requests") or {}):
            steps.append(("replace", f"{at}/requests/{escaped(resource)}", value))
        else:
            steps.append(("add", f"{at}/requests", {**(resources.get("requests") or {}), resource: value}))
        if "." in resource or "/" in resource:  # an extended resource's limit equals its request
            steps.append(("replace", f"{at}/limits/{escaped(resource)}", value))
        said.append(f"{value} {resource}")
    return change(world, workload, f"request {' and '.join(said)}", steps, note="or give the cluster a larger node")


def _asks(container: Mapping[str, Any], resource: str) -> str:
    resources = container.get("resources") or {}
    return str((resources.get("requests") or {}).get(resource) or (resources.get("limits") or {}).get(resource) or "")


def _step_down(left: float, resource: str) -> str | None:
    """A usual request that fits into what is left, with some air; None if nothing sensible does."""
    if "cpu" in resource:
        fitting = [each for each in (4000, 2000, 1000, 500, 250, 200, 100, 50, 25, 10) if each <= left * 1000 * 0.8]
        return f"{fitting[0]}m" if fitting else None
    if quantity.is_bytes(resource):
        fitting = [each for each in (8192, 4096, 2048, 1024, 512, 256, 128, 64, 32) if each * 2**20 <= left * 0.8]
        return f"{fitting[0]}Mi" if fitting else None
    return str(math.floor(left)) if left >= 1 else None
