"""Pods that fit on no node: the scheduler's sentence taken apart, with the numbers behind it."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from kubetasks.diagnose import nodes, placing, quantity
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, compact, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import PLACE, Candidate, Family, check
from kubetasks.diagnose.views import Pod
from kubetasks.diagnose.wanted import requests_of
from kubetasks.diagnose.words import counted, listed

GRACE: Final = 30.0


_rule = Family("scheduling", PLACE, GRACE).rule

RESOURCES = _rule(
    "INSUFFICIENT_RESOURCES",
    "no node has what the pod requests",
    "Unschedulable with `Insufficient`",
    "The requests are higher than what is left on any node, or than what any node has at all.",
    "lower the request, scale down, or give the cluster more",
)
TOO_MANY = _rule(
    "TOO_MANY_PODS",
    "the nodes take no more pods",
    "Unschedulable with `Too many pods`",
    "Each node takes a fixed number of pods (110 by default).",
    "scale down, or add a node",
)
SELECTOR = _rule(
    "NODE_SELECTOR",
    "no node has the labels that the pod asks for",
    "Unschedulable with `node affinity/selector`",
    "The label or its value is misspelt, or no node was given it.",
    "correct or remove the selector, or label a node",
    grace=0.0,
)
TAINT = _rule(
    "TAINT",
    "every node has a taint that the pod does not tolerate",
    "Unschedulable with `untolerated taint`",
    "Taints keep nodes for certain pods; this one has no toleration, or one with another key or value.",
    "add the toleration, or take the taint from a node",
)
CORDONED = _rule(
    "NODE_CORDONED",
    "the nodes are cordoned",
    "Unschedulable with `were unschedulable`",
    "Someone ran kubectl cordon or drain.",
    "kubectl uncordon NODE",
)
ANTI_AFFINITY = _rule(
    "ANTI_AFFINITY",
    "the pods keep each other off the nodes",
    "Unschedulable with `anti-affinity rules`",
    "There are more replicas than nodes, and each needs its own node; or a rolling update wants one more.",
    "have the rule preferred instead of required, scale down, or add nodes",
    grace=10.0,
)
AFFINITY = _rule(
    "POD_AFFINITY",
    "there is no pod that the pod must run next to",
    "Unschedulable with `pod affinity rules`",
    "The labels in the rule are misspelt, or what it names does not run.",
    "correct the labels, or have the rule preferred",
)
SPREAD = _rule(
    "TOPOLOGY_SPREAD",
    "the pods cannot be spread as they are to be",
    "Unschedulable with `topology spread constraints`",
    "The nodes lack the label of the topology, or there are too few of them.",
    "set whenUnsatisfiable: ScheduleAnyway",
)
HOST_PORT = _rule(
    "HOST_PORT_TAKEN",
    "the host port is in use on every node",
    "Unschedulable with `free ports`",
    "A hostPort can be taken once on each node.",
    "remove hostPort and use a Service, or run one pod for each node",
)
VOLUME_NODE = _rule(
    "VOLUME_NODE",
    "the volume is on a node that the pod cannot go to",
    "Unschedulable with `volume node affinity conflict`",
    "A local volume is bound to one node, and that one is full, deleted or excluded.",
    "let the pod go to that node, or recreate the claim (its data is lost)",
    grace=0.0,
)
NO_NODES = _rule(
    "NO_NODES",
    "the cluster has no node for pods",
    "Unschedulable with `no nodes available`",
    "No node has joined, or none is Ready.",
    "see the nodes: kubectl get nodes",
    depth=PLACE + 2,
)
GATED = _rule(
    "SCHEDULING_GATED",
    "a scheduling gate blocks the pod",
    "the condition SchedulingGated",
    "A controller set a gate and has not taken it away.",
    "see the controller that sets the gate, or remove it",
    grace=60.0,
)
SCHEDULER = _rule(
    "SCHEDULER_UNKNOWN",
    "no scheduler of that name runs",
    "a pod with a schedulerName that no scheduler has looked at",
    "schedulerName is misspelt, or that scheduler is not installed.",
    "set schedulerName: default-scheduler",
    grace=0.0,
)
NODE_NAME = _rule(
    "NODE_NAME_UNKNOWN",
    "the node that the pod is bound to does not exist",
    "spec.nodeName names no node",
    "nodeName is set in the spec, and misspelt or no longer exists.",
    "remove nodeName, or name an existing node",
    grace=0.0,
)
OTHER = _rule(
    "UNSCHEDULABLE",
    "the pod fits on no node",
    "Unschedulable",
    "The scheduler's message says why.",
    "see the scheduler's message",
    depth=PLACE - 8,
)


def pending(world: World) -> Iterator[tuple[Workload, list[Pod], str]]:
    """The workloads with pods that fit on no node: the pods, and the scheduler's sentence about one of them."""
    for workload in world.workloads.values():
        found = [pod for pod in workload.current if not pod.node and not pod.deleted and pod.phase == "Pending"]
        refused = [pod for pod in found if pod.condition("PodScheduled").get("reason") == "Unschedulable"]
        if refused:
            yield workload, found, str(refused[0].condition("PodScheduled").get("message") or "")


@check
def scheduling(world: World) -> Iterator[Candidate]:
    """Pods that fit on no node."""
    for workload, pods, message in pending(world):
        sentence = message.partition("preemption:")[0]
        made: list[Candidate] = []
        for pattern, function in TABLE:
            found = re.search(pattern, sentence)
            if found:
                candidate = function(world, workload, pods, sentence)
                if candidate is not None:
                    made.append(candidate)
        best = made or [
            Candidate(
                OTHER,
                workload.key,
                f"{workload.key}: {message}",
                words(f"the scheduler says: {message}"),
                blames=placing.claims(workload),
                confidence="unknown",
            )
        ]
        # Several reasons, each for other nodes: the first that has a fix is the nearest way to a node.
        chosen = next((each for each in best if each.fix.kind == "command"), best[0])
        chosen.because = [
            f"{counted(len(pods), 'pod')} pending: {message}",
            *(each.cause for each in best if each is not chosen),
        ]
        yield chosen


def _resources(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    names = list(dict.fromkeys(re.findall(r"Insufficient ([\w./-]+)", message)))
    names = [each.rstrip(".") for each in names]
    asked = requests_of(pods[0].spec)
    ready = [each for each in world.all("Node") if not (each.get("spec") or {}).get("unschedulable")]
    if not ready:
        return None
    parts, fixes = [], []
    for resource in names:
        most = max(ready, key=lambda node: nodes.free(world, node, resource))
        has, left = nodes.allocatable(most, resource), nodes.free(world, most, resource)
        want = asked.get(resource, 0.0)
        nobody = max(nodes.allocatable(node, resource) for node in ready) == 0
        parts.append(
            f"{quantity.shown(want, resource)} {resource}"
            + (
                " (no node has any)"
                if nobody
                else f" ({quantity.shown(left, resource)} of {quantity.shown(has, resource)} free)"
            )
        )
        fixes.append((resource, want, left, nobody))
    cause = f"{workload.key}: requests {' and '.join(parts)} on the freest node"
    if all(each[3] for each in fixes):
        cause = f"{workload.key}: requests {' and '.join(parts)}"
    return Candidate(RESOURCES, workload.key, cause, placing.smaller(world, workload, pods, fixes))


def _too_many(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    cause = f"{workload.key}: every node has its full number of pods"
    fewer = max(workload.wanted - len(pods), 0)
    fix = (
        run(world, f"run {fewer} replicas", "scale", f"{workload.kind.lower()}/{workload.name}", f"--replicas={fewer}")
        if workload.kind in {"Deployment", "StatefulSet", "ReplicaSet"} and fewer
        else words("delete pods that are not needed, or add a node")
    )
    return Candidate(TOO_MANY, workload.key, cause, fix)


def _selector(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    cause, steps, what = placing.selector(world, workload, pods[0])
    fix: Fix = change(world, workload, what, steps) if steps else words("label a node, or remove the selector")
    return Candidate(SELECTOR, workload.key, f"{workload.key}: {cause}", fix)


def _taint(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    tolerations = list(pods[0].spec.get("tolerations") or ())
    keeping = [
        (node, taint)
        for node in world.all("Node")
        for taint in nodes.taints(node)
        if not nodes.tolerated(taint, tolerations)
    ]
    said = re.search(r"untolerated taint\(?s?\)? \{([^}:]+):? ?([^}]*)\}", message)
    if not keeping and said is None:
        return None
    if keeping:
        node, taint = keeping[0]
        key, value, effect = str(taint["key"]), str(taint.get("value") or ""), str(taint.get("effect"))
        where = f"node {nodes.name(node)}"
    else:
        key, value, effect, where = str(said[1]), str(said[2]), "NoSchedule", "every node"  # type: ignore[index]
    shown = f"{key}={value}:{effect}" if value else f"{key}:{effect}"
    if key.startswith("node.kubernetes.io/"):
        why = key.partition("/")[2]
        cause = f"{workload.key}: {where} takes no pods: {why}"
        fix = (
            run(world, "let it take pods again", "uncordon", nodes.name(keeping[0][0]))
            if why == "unschedulable" and keeping
            else words(f"see why {where} is {why}: kubectl describe node")
        )
        blames = tuple(f"Node/{nodes.name(each)}" for each, _ in keeping)
        return Candidate(CORDONED if why == "unschedulable" else TAINT, workload.key, cause, fix, blames=blames)
    index = next((i for i, each in enumerate(workload.spec.get("tolerations") or ()) if each.get("key") == key), None)
    toleration: dict[str, Any] = {"key": key, "operator": "Equal", "value": value, "effect": effect}
    if not value:
        toleration = {"key": key, "operator": "Exists", "effect": effect}
    if index is not None:
        has = workload.spec["tolerations"][index]
        cause = (
            f"{workload.key} tolerates {key}={has.get('value', '')}:{has.get('effect', '')}, {where} has taint {shown}"
        )
        steps: list[Step] = [("replace", f"tolerations/{index}", toleration)]
    else:
        cause = f"{workload.key} does not tolerate taint {shown} of {where}"
        steps = (
            [("add", "tolerations/-", toleration)]
            if workload.spec.get("tolerations")
            else [("add", "tolerations", [toleration])]
        )
    fix = change(
        world, workload, f"tolerate {shown}", steps, note=f"or take the taint away: kubectl taint node … {key}-"
    )
    return Candidate(TAINT, workload.key, cause, fix)


def _cordoned(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    closed = [nodes.name(each) for each in world.all("Node") if (each.get("spec") or {}).get("unschedulable")]
    cause = f"{workload.key}: {counted(len(closed) or 1, 'node')} cordoned: {listed(closed)}"
    fix = run(world, "let them take pods again", "uncordon", *closed) if closed else words(CORDONED.fix)
    return Candidate(CORDONED, workload.key, cause, fix)


def _anti(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    affinity = (workload.spec.get("affinity") or {}).get("podAntiAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or []
    count = len(world.all("Node"))
    if not required:
        cause = f"{workload.key}: a pod that runs keeps it off the node by its own anti-affinity"
        return Candidate(
            ANTI_AFFINITY, workload.key, cause, words("see the anti-affinity of the pods that run on the node")
        )
    selects = (required[0].get("labelSelector") or {}).get("matchLabels") or {}
    shown = listed([f"{key}={value}" for key, value in selects.items()] or ["its selector"])
    own = all(workload.labels.get(key) == value for key, value in selects.items())
    scalable = workload.kind in {"Deployment", "StatefulSet", "ReplicaSet"}
    if own and workload.wanted > count and scalable:
        cause = (
            f"{workload.key}: {workload.wanted} replicas must be on different nodes ({shown}); the cluster "
            f"has {counted(count, 'node')}"
        )
        fix = run(
            world,
            f"run one for each node: {count}",
            "scale",
            f"{workload.kind.lower()}/{workload.name}",
            f"--replicas={count}",
            note="or add nodes, or make the rule preferredDuringSchedulingIgnoredDuringExecution",
        )
        return Candidate(ANTI_AFFINITY, workload.key, cause, fix)
    if own and workload.kind == "Deployment":
        cause = f"{workload.key}: a new pod must not run next to the old one ({shown}), and no other node is free"
        patch = compact(
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}}
        )
        fix = run(world, "end an old pod before a new one starts", "patch", "deployment", workload.name, "-p", patch)
        return Candidate(ANTI_AFFINITY, workload.key, cause, fix)
    cause = f"{workload.key} may not be on a node with pods {shown}, and every node has one"
    preferred = [
        *(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or []),
        *({"weight": 100, "podAffinityTerm": each} for each in required),
    ]
    at = "affinity/podAntiAffinity"
    steps: list[Step] = [
        ("remove", f"{at}/requiredDuringSchedulingIgnoredDuringExecution", ""),
        ("add", f"{at}/preferredDuringSchedulingIgnoredDuringExecution", preferred),
    ]
    return Candidate(
        ANTI_AFFINITY,
        workload.key,
        cause,
        change(world, workload, "prefer another node instead of requiring it", steps),
    )


def _affinity(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    found = ((workload.spec.get("affinity") or {}).get("podAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or []
    if not found:
        return None
    cause, steps, what = placing.beside(world, found)
    return Candidate(AFFINITY, workload.key, f"{workload.key}: {cause}", change(world, workload, what, steps))


def _spread(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    hard = [
        (index, each)
        for index, each in enumerate(workload.spec.get("topologySpreadConstraints") or ())
        if each.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
    ]
    if not hard:
        return None
    key = str(hard[0][1].get("topologyKey"))
    having = [each for each in world.all("Node") if key in nodes.labels(each)]
    why = (
        f"no node has label {key}"
        if not having
        else f"maxSkew {hard[0][1].get('maxSkew', 1)} over {key} does not allow it"
    )
    steps: list[Step] = [
        ("add", f"topologySpreadConstraints/{index}/whenUnsatisfiable", "ScheduleAnyway") for index, _ in hard
    ]
    return Candidate(
        SPREAD,
        workload.key,
        f"{workload.key}: cannot be spread: {why}",
        change(world, workload, "spread as far as it goes", steps),
    )


def _host_port(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate | None:
    taken: list[tuple[str, int, int, int]] = [
        (part, index, number, int(port["hostPort"]))
        for part, index, container in workload.containers()
        for number, port in enumerate(container.get("ports") or ())
        if port.get("hostPort")
    ]
    if not taken:
        return None
    port = taken[0][3]
    holder = next(
        (
            pod.workload
            for pod in world.pods
            if pod.node and any(p.get("hostPort") == port for c in pod.containers for p in c.spec.get("ports") or ())
        ),
        "",
    )
    by = f" by {holder}" if holder and holder != workload.key else " by another one of its pods" if holder else ""
    cause = f"{workload.key}: hostPort {port} is taken{by} on every node"
    steps: list[Step] = [("remove", f"{part}/{index}/ports/{number}/hostPort", "") for part, index, number, _ in taken]
    if workload.spec.get("hostNetwork"):
        return Candidate(HOST_PORT, workload.key, cause, words("run one pod for each node, or set hostNetwork: false"))
    return Candidate(
        HOST_PORT, workload.key, cause, change(world, workload, "use no host port (a Service reaches the pod)", steps)
    )


def _volume(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    claims = placing.claims(workload)
    on = placing.volume_nodes(world, claims)
    cause = (
        f"{workload.key}: its volume ({listed(each.partition('/')[2] for each in claims)}) is on "
        f"{on or 'another node'}, which the pod cannot go to"
    )
    return Candidate(VOLUME_NODE, workload.key, cause, words(VOLUME_NODE.fix))


def _claims(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    claims = placing.claims(workload, pods)
    cause = f"{workload.key}: {message.partition(':')[2].strip(' .') or 'a volume is not bound'}"
    return Candidate(OTHER, workload.key, cause, words("see the claim"), blames=claims, confidence="likely")


def _none(world: World, workload: Workload, pods: list[Pod], message: str) -> Candidate:
    return Candidate(NO_NODES, workload.key, "the cluster has no node that takes pods", words(NO_NODES.fix))


Reason = Callable[[World, Workload, list[Pod], str], Candidate | None]
TABLE: Final[tuple[tuple[str, Reason], ...]] = (
    (r"no nodes available", _none),
    (
        (
            r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim|PersistentVolumeClaim"
            r"|persistent volumes to bind|storageclass"
        ),
        _claims,
    ),
    (r"volume node affinity|PersistentVolume's node affinity", _volume),
    (r"node affinity/selector|node\(s\) didn't match (?:node selector|Pod's node affinity)", _selector),
    (r"Insufficient", _resources),
    (r"anti-affinity", _anti),
    (r"pod affinity", _affinity),
    (r"topology spread", _spread),
    (r"free ports", _host_port),
    (r"untolerated taint|taint", _taint),
    (r"were unschedulable", _cordoned),
    (r"Too many pods", _too_many),
)


@check
def nowhere(world: World) -> Iterator[Candidate]:
    """DaemonSets that no node is for: they have no pod, so the scheduler never says anything."""
    for workload in world.workloads.values():
        spec = workload.spec
        if workload.kind != "DaemonSet" or workload.wanted or not world.all("Node") or workload.pods:
            continue
        asks = spec.get("nodeSelector") or ((spec.get("affinity") or {}).get("nodeAffinity") or {})
        if not asks or not workload.status.get("observedGeneration"):
            continue
        cause, steps, what = placing.selector(world, workload, Pod(workload.template, workload.key, []))
        if steps:
            fix = change(world, workload, what, steps, note="if it is for nodes that are still to come, all is well")
            yield Candidate(
                SELECTOR, workload.key, f"{workload.key}: {cause}", fix, confidence="likely", severity="warning"
            )


@check
def never_looked_at(world: World) -> Iterator[Candidate]:
    """Pods that no scheduler has looked at: another scheduler's, gated ones, and those bound to a missing node."""
    for workload in world.workloads.values():
        for pod in workload.current:
            if pod.deleted or pod.phase != "Pending":
                continue
            condition = pod.condition("PodScheduled")
            scheduler = str(pod.spec.get("schedulerName") or "default-scheduler")
            if condition.get("reason") == "SchedulingGated":
                gates = listed(str(each.get("name")) for each in pod.spec.get("schedulingGates") or ())
                cause = f"{workload.key}: scheduling gate {gates} holds the pod"
                yield Candidate(GATED, workload.key, cause, words(GATED.fix))
            elif not pod.node and not condition and scheduler != "default-scheduler" and world.since(pod.created) > 3:
                cause = f"{workload.key}: no scheduler is called {scheduler}"
                fix = change(
                    world, workload, "use the default scheduler", [("replace", "schedulerName", "default-scheduler")]
                )
                yield Candidate(SCHEDULER, workload.key, cause, fix)
            elif pod.node and world.all("Node") and world.get("Node", pod.node) is None:
                known = [nodes.name(each) for each in world.all("Node")]
                cause = f"{workload.key}: spec.nodeName is {pod.node}, which does not exist; nodes: {listed(known)}"
                fix = change(world, workload, "let the scheduler choose", [("remove", "nodeName", "")])
                yield Candidate(NODE_NAME, workload.key, cause, fix)
