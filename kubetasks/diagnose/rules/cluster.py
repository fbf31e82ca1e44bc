"""The cluster around the workloads: nodes, and what does not go away."""

from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose import nodes
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import compact, run, words
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.rule import CLUSTER, LOG, PLACE, Candidate, check, define
from kubetasks.diagnose.views import moment
from kubetasks.diagnose.words import listed, one_line
from kubetasks.objects import Object, Objects, is_leaving

PRESSURES: Final = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "process IDs"}

NODE = define(
    "NODE_NOT_READY",
    "cluster",
    "a node is not ready",
    signal="the condition Ready of a node is not True",
    why="The kubelet has stopped, cannot reach the API server, or has no network plugin.",
    fix="see the node: its kubelet and its container runtime",
    depth=CLUSTER,
    grace=45.0,
    severity="critical",
)
PRESSURE = define(
    "NODE_PRESSURE",
    "cluster",
    "a node runs short of memory, disk or process IDs",
    signal="the conditions MemoryPressure, DiskPressure, PIDPressure",
    why="Pods, images and logs use more than the node has; the kubelet takes no new pods and evicts some.",
    fix="free what is short: unused images, pods without limits",
    depth=CLUSTER - 2,
    grace=30.0,
)
NAMESPACE = define(
    "NAMESPACE_TERMINATING",
    "cluster",
    "the namespace is being deleted",
    signal="a namespace with a deletionTimestamp",
    why="Nothing new can be created in it. It is deleted after everything in it; a finalizer can block that.",
    fix="wait for it; see what its conditions say is left",
    depth=CLUSTER + 5,
    severity="critical",
)
FINALIZER = define(
    "FINALIZER_STUCK",
    "cluster",
    "an object does not go away",
    signal="an object with a deletionTimestamp long ago and a finalizer",
    why="The controller that should remove the finalizer was removed, or it fails.",
    fix="make the controller work, or remove the finalizer (what it should clean up stays)",
    depth=PLACE,
    grace=60.0,
)
TERMINATING = define(
    "POD_TERMINATING",
    "cluster",
    "a pod does not end",
    signal="a pod that should have been deleted long ago",
    why="Its node is not reachable, a volume cannot be unmounted, or a finalizer holds it.",
    fix="check its node; force-delete the pod only if the node no longer exists",
    depth=LOG,
    grace=60.0,
)


@check
def node_conditions(world: World) -> Iterator[Candidate]:
    """Nodes that are not ready or run short, as far as pods of the namespace are on them or wait for them."""
    for node in world.all("Node"):
        name = nodes.name(node)
        conditions = {str(each.get("type")): each for each in (node.get("status") or {}).get("conditions") or ()}
        here = tuple(
            dict.fromkeys(
                pod.workload for pod in world.pods if pod.node == name or (not pod.node and pod.phase == "Pending")
            )
        )
        ready = conditions.get("Ready", {})
        if ready and ready.get("status") != "True" and (here or len(world.all("Node")) == 1):
            cause = f"Node {name} is not ready: {one_line(str(ready.get('message') or ready.get('reason')), 90)}"
            fix = words(f"see the node: kubectl describe node {name}; its kubelet and container runtime must run")
            yield Candidate(NODE, f"Node/{name}", cause, fix, affects=here)
        for kind, short in PRESSURES.items():
            if conditions.get(kind, {}).get("status") == "True" and here:
                cause = f"Node {name} runs short of {short}: it takes no new pods and evicts some"
                yield Candidate(
                    PRESSURE,
                    f"Node/{name}",
                    cause,
                    words(f"free {short} on {name}: unused images, pods without limits"),
                    affects=here,
                    at=kind,
                )


@check
def terminating(world: World) -> Iterator[Candidate]:
    """Objects that should have been deleted but still exist."""
    space = world.get("Namespace", world.snapshot.namespace)
    if space is not None and (is_leaving(space) or (space.get("status") or {}).get("phase") == "Terminating"):
        left = [
            one_line(str(each.get("message")), 200)
            for each in (space.get("status") or {}).get("conditions") or ()
            if each.get("status") == "True"
            and each.get("type")
            in {"NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionDiscoveryFailure"}
        ]
        held = [f"{item['kind']}/{item['metadata']['name']}" for item in _held(world)]
        cause = f"namespace {world.snapshot.namespace} is being deleted" + (
            f"; {listed(held)} blocks it with a finalizer" if held else ""
        )
        fix = words(
            f"wait for it: kubectl --context {world.snapshot.context} wait --for=delete "
            f"namespace/{world.snapshot.namespace} --timeout=120s"
        )
        if held:
            item = _held(world)[0]
            fix = _unheld(world, item)
        yield Candidate(NAMESPACE, f"Namespace/{world.snapshot.namespace}", cause, fix, left)
        return
    for item in _held(world):
        since = world.since(moment(item["metadata"].get("deletionTimestamp")))
        if since < 30 or item["kind"] in {"PersistentVolumeClaim", "Job"}:
            continue
        key = f"{item['kind']}/{item['metadata']['name']}"
        cause = f"{key} is not removed: finalizer {listed(item['metadata']['finalizers'])} holds it"
        yield Candidate(FINALIZER, key, cause, _unheld(world, item))
    for pod in world.pods:
        late = world.since(pod.deleted)
        if pod.deleted and late > 30 and not pod.item["metadata"].get("finalizers"):
            cause = f"{pod.key} should have ended {late:.0f} s ago and has not"
            node = world.get("Node", pod.node)
            blames = (f"Node/{pod.node}",) if node else ()
            fix = words(
                f"see node {pod.node} and the pod's events; only if the node was removed: kubectl delete pod --force"
            )
            yield Candidate(TERMINATING, pod.workload, cause, fix, blames=blames, at=pod.name)


def _held(world: World) -> Objects:
    """The objects that are being deleted and have a third-party finalizer."""
    own = ("foregroundDeletion", "orphan", "batch.kubernetes.io/job-tracking")
    return [
        item
        for item in world.snapshot.objects
        if item["kind"] != "Event"
        and is_leaving(item)
        and any(each not in own for each in item["metadata"].get("finalizers") or ())
        and item["metadata"].get("namespace") == world.snapshot.namespace
    ]


def _unheld(world: World, item: Object) -> Fix:
    meta = item["metadata"]
    name = str(meta["name"])
    kind = str(item["kind"]).lower()
    patch = compact({"metadata": {"finalizers": None}})
    return run(
        world,
        "remove the finalizer: what it should clean up stays",
        "patch",
        kind,
        name,
        "--type=merge",
        "-p",
        patch,
        note="better: make the controller that owns the finalizer work again",
    )
