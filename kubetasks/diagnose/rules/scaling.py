"""Autoscalers and disruption budgets."""

import re
from collections.abc import Iterator

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, compact, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import EXIT, SYMPTOM, Candidate, check, define
from kubetasks.diagnose.views import moment
from kubetasks.diagnose.words import listed, nearest
from kubetasks.objects import Object

TARGET = define(
    "HPA_TARGET_MISSING",
    "scheduling",
    "an autoscaler scales what does not exist",
    signal="the condition AbleToScale with FailedGetScale",
    why="scaleTargetRef is misspelt, or the workload no longer exists.",
    fix="correct scaleTargetRef",
    depth=EXIT,
)
REQUESTS = define(
    "HPA_NO_REQUESTS",
    "scheduling",
    "an autoscaler needs requests that the containers do not have",
    signal="an HPA on utilization, and containers without a request for that resource",
    why="Utilization is a share of the request; without one it cannot be computed.",
    fix="set the request of every container of the target",
    depth=EXIT,
)
METRICS = define(
    "HPA_NO_METRICS",
    "scheduling",
    "an autoscaler gets no metrics",
    signal="the condition ScalingActive with FailedGetResourceMetric",
    why="The metrics API does not exist: metrics-server is not installed or does not work.",
    fix="install metrics-server",
    depth=SYMPTOM + 5,
    severity="warning",
    grace=120.0,
)
SELECTOR = define(
    "HPA_AMBIGUOUS",
    "scheduling",
    "two autoscalers scale one workload",
    signal="the condition AmbiguousSelector",
    why="Two HPAs have the same target, or its pods' labels are others' too.",
    fix="delete one of them",
    depth=EXIT,
)
# An autoscaler that has just been made has no metrics yet.
YOUNG = 120.0
NO_METRICS = r"could not find the requested resource|no metrics returned"  # a cluster that never had metrics


@check
def autoscalers(world: World) -> Iterator[Candidate]:
    """Autoscalers that cannot do their work."""
    for item in world.all("HorizontalPodAutoscaler"):
        key, spec = f"HorizontalPodAutoscaler/{item['metadata']['name']}", item.get("spec") or {}
        target = spec.get("scaleTargetRef") or {}
        name = f"{target.get('kind')}/{target.get('name')}"
        if target.get("kind") in {"Deployment", "StatefulSet", "ReplicaSet"} and not world.has(name):
            yield _target(world, item, key, target)
            continue
        workload = world.workloads.get(name)
        if workload is not None:
            made = _requests(world, item, key, workload)
            if made is not None:
                yield made
                continue
        for condition in (item.get("status") or {}).get("conditions") or ():
            if condition.get("status") != "False":
                continue
            since = world.since(moment(condition.get("lastTransitionTime")))
            message = str(condition.get("message") or "")
            if condition.get("reason") == "AmbiguousSelector":
                yield Candidate(SELECTOR, key, f"{key}: {message}", words(SELECTOR.fix))
            elif (
                str(condition.get("reason")).startswith("FailedGet")
                and since > YOUNG  # metrics come late
                and re.search(r"metrics\.k8s\.io|unable to get metrics", message)
                and not re.search(NO_METRICS, message)
            ):
                cause = f"{key} gets no metrics: {message}"
                yield Candidate(METRICS, key, cause, words(METRICS.fix), blames=(name,))


def _target(world: World, item: Object, key: str, target: dict[str, str]) -> Candidate:
    kind = str(target.get("kind"))
    near = nearest(str(target.get("name")), world.names(kind))
    other = next((each for each in world.workloads.values() if each.name == target.get("name")), None)
    cause = f"{key} scales {kind} {target.get('name')}, which does not exist{near.hint}"
    patch = {"spec": {"scaleTargetRef": {"name": near.name}}}
    right = near.name
    if other is not None:
        cause = f"{key} scales {kind} {target.get('name')}, but that is a {other.kind}"
        patch, right = {"spec": {"scaleTargetRef": {"kind": other.kind}}}, other.key
    elif not right and len(world.names(kind)) == 1:
        right = world.names(kind)[0]
        patch = {"spec": {"scaleTargetRef": {"name": right}}}
    fix: Fix = (
        run(world, f"scale {right}", "patch", "hpa", item["metadata"]["name"], "--type=merge", "-p", compact(patch))
        if right
        else words(TARGET.fix)
    )
    return Candidate(TARGET, key, cause, fix)


def _requests(world: World, item: Object, key: str, workload: Workload) -> Candidate | None:
    """Utilization of a resource that containers do not request."""
    for metric in (item.get("spec") or {}).get("metrics") or ():
        resource = metric.get("resource") or {}
        if metric.get("type") != "Resource" or (resource.get("target") or {}).get("type") != "Utilization":
            continue
        name = str(resource.get("name"))
        without = [
            (part, index, each)
            for part, index, each in workload.containers()
            if part == "containers"
            and not any(name in ((each.get("resources") or {}).get(kind) or {}) for kind in ("requests", "limits"))
        ]
        if without and not _defaulted(world, name):
            names = listed(str(each["name"]) for _, _, each in without)
            cause = (
                f"{key}: containers of {workload.key} have no {name} request ({names}): utilization cannot be computed"
            )
            value = "100m" if name == "cpu" else "128Mi"
            steps: list[Step] = []
            for part, index, each in without:
                resources = each.get("resources") or {}
                requests = {**(resources.get("requests") or {}), name: value}
                steps.append(("add", f"{part}/{index}/resources", {**resources, "requests": requests}))
            return Candidate(
                REQUESTS, key, cause, change(world, workload, f"request {value} {name}", steps), affects=(workload.key,)
            )
    return None


def _defaulted(world: World, resource: str) -> bool:
    """Whether a LimitRange gives containers a request."""
    return any(
        resource in (each.get("defaultRequest") or {}) or resource in (each.get("default") or {})
        for item in world.all("LimitRange")
        for each in (item.get("spec") or {}).get("limits") or ()
    )
