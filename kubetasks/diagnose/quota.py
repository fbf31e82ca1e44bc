"""Quotas and limit ranges: the numbers behind a refusal, and the change that stays within them."""

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from kubetasks.diagnose import quantity
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, compact, escaped, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.quantity import amount, shown
from kubetasks.diagnose.words import counted, listed

SCALABLE: Final = ("Deployment", "StatefulSet", "ReplicaSet")
# What a container gets where nothing says what it needs.
USUAL: Final = {"cpu": 0.1, "memory": 128 * 2.0**20, "ephemeral-storage": 2.0**30}


def _pairs(text: str, name: str) -> dict[str, str]:
    """``requested: a=1,b=2`` as a mapping."""
    found = re.search(rf"{name}: ([^ ]+?)(?:, \w+:|$)", text)
    return dict(pair.partition("=")[::2] for pair in found[1].split(",")) if found else {}


def exceeded(world: World, workload: Workload, name: str, rest: str) -> tuple[str, Fix]:
    """Cause and fix for a quota that pods exceed.

    Args:
        world: the snapshot.
        workload: the workload whose pods are rejected.
        name: the quota's name.
        rest: ``requested: …, used: …, limited: …``.
    """
    asked, used, hard = (_pairs(rest, each) for each in ("requested", "used", "limited"))
    resource = next(
        (each for each in hard if amount(used.get(each)) + amount(asked.get(each)) > amount(hard[each])),
        next(iter(hard), ""),
    )
    want, has, most = amount(asked.get(resource)), amount(used.get(resource)), amount(hard.get(resource))
    pods = [pod for pod in workload.pods if not pod.deleted]
    fits = _fitting(pods, want, has, most)
    cause = (
        f"quota {name}: {resource} {shown(has, resource)} of {shown(most, resource)} used, a pod asks "
        f"{shown(want, resource)}"
        f"; {counted(fits, 'replica')} of {workload.wanted} fit" + ("s" if fits == 1 else "")
    )
    return cause, _within(world, workload, name, resource, want, has, most, fits, len(pods))


def _fitting(pods: list[Any], want: float, has: float, most: float) -> int:
    """How many pods of the workload fit into the quota beside everything else."""
    if not want:
        return len(pods)
    others = max(has - want * len(pods), 0.0)
    return max(math.floor((most - others) / want + 1e-9), 0)


def _within(
    world: World,
    workload: Workload,
    name: str,
    resource: str,
    want: float,
    has: float,
    most: float,
    fits: int,
    there: int,
) -> Fix:
    """A rollout that takes turns, fewer replicas, smaller requests; only its owner should raise the quota."""
    raise_it = f"or raise the quota: {_raise(world, name, resource, has + want * max(workload.wanted - there, 1))}"
    if workload.kind == "Deployment" and fits >= workload.wanted and there:
        patch = compact(
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}}
        )
        return run(
            world,
            "replace the pods one by one: there is no capacity for another one",
            "patch",
            "deployment",
            workload.name,
            "-p",
            patch,
            note=raise_it,
        )
    if workload.kind in SCALABLE and 0 < fits < workload.wanted:
        return run(
            world,
            f"run as many replicas as fit: {fits}",
            "scale",
            f"{workload.kind.lower()}/{workload.name}",
            f"--replicas={fits}",
            note=raise_it,
        )
    part, _, plain = resource.partition(".")
    if (part in {"requests", "limits"} and plain) or resource in USUAL:
        steps = _smaller(
            workload,
            part if plain else "requests",
            plain or resource,
            (most - max(has - want * there, 0.0)) / max(workload.wanted, 1),
        )
        if steps:
            return change(world, workload, f"ask for less {plain or resource}", steps, note=raise_it)
    return words(f"delete what is not needed, {raise_it}")


def _raise(world: World, name: str, resource: str, value: float) -> str:
    patch = compact({"spec": {"hard": {resource: shown(value, resource)}}})
    return run(world, "", "patch", "resourcequota", name, "--type=merge", "-p", patch).text


def _smaller(workload: Workload, part: str, resource: str, left: float) -> list[Step]:
    """Steps that bring the containers' requests or limits down to what is left for each pod."""
    containers = [(where, index, each) for where, index, each in workload.containers() if where == "containers"]
    if not containers or left <= 0:
        return []
    share = left / len(containers)
    steps: list[Step] = []
    for where, index, container in containers:
        resources = container.get("resources") or {}
        if amount((resources.get(part) or {}).get(resource)) <= share:
            continue
        value = quantity.floor(share, resource)
        steps.append(("replace", f"{where}/{index}/resources/{part}/{escaped(resource)}", value))
        if part == "limits" and amount((resources.get("requests") or {}).get(resource)) > share:
            steps.append(("replace", f"{where}/{index}/resources/requests/{escaped(resource)}", value))
    return steps


def unstated(world: World, workload: Workload, name: str, rest: str) -> tuple[str, Fix]:
    """Cause and fix for requests and limits that a quota wants to be stated.

    Args:
        world: the snapshot.
        workload: the workload whose pods are rejected.
        name: the quota's name.
        rest: ``limits.cpu for: web; requests.cpu for: web``.
    """
    wanted: dict[str, list[str]] = {}
    for each in rest.split(";"):
        what, _, who = each.partition(" for: ")
        for resource in what.split(","):
            wanted[resource.strip()] = [one.strip() for one in who.split(",") if one.strip()]
    if all(not each for each in wanted.values()):
        wanted = {key: [str(container["name"]) for _, _, container in workload.containers()] for key in wanted}
    containers = listed(dict.fromkeys(itertools.chain(*wanted.values())))
    cause = f"quota {name} requires {listed(wanted, 4)} to be set for {containers}"
    quota: Mapping[str, Any] = world.get("ResourceQuota", name) or {}
    hard = (quota.get("status") or quota.get("spec") or {}).get("hard") or {}
    used = (quota.get("status") or {}).get("used") or {}
    steps: list[Step] = []
    for part, index, container in workload.containers():
        resources = {
            key: dict(value) for key, value in (container.get("resources") or {}).items() if isinstance(value, dict)
        }
        before = compact(resources)
        for key, names in wanted.items():
            if str(container["name"]) in names:
                kind, _, resource = key.rpartition(".")
                kind = kind or "requests"
                left = (
                    (amount(hard.get(key)) - amount(used.get(key))) / max(workload.wanted, 1)
                    if key in hard
                    else math.inf
                )
                value = min(USUAL.get(resource, 1.0), left)
                other = resources.get("limits" if kind == "requests" else "requests", {}).get(resource)
                if other is not None:
                    value = (
                        amount(other)
                        if kind == "requests" and amount(other) <= left
                        else max(value, amount(other))
                        if kind == "limits"
                        else value
                    )
                resources.setdefault(kind, {})[resource] = quantity.floor(value, resource)
        if compact(resources) != before:
            steps.append(("add", f"{part}/{index}/resources", resources))
    return cause, change(world, workload, f"set {listed(wanted, 4)}", steps) if steps else words(
        f"set {listed(wanted, 4)}"
    )


RANGE: Final = re.compile(
    r"(?P<side>maximum|minimum) (?P<resource>\S+) usage per (?P<kind>\w+) is (?P<bound>[^,\s]+?),?"
    r" but (?P<what>limit|request) is (?P<value>[\w.]*\w)"
)
RATIO: Final = re.compile(
    r"(?P<resource>\S+) max limit to request ratio per (?P<kind>\w+) is (?P<bound>[^,]+),"
    r" but provided ratio is (?P<value>[\d.]+)"
)


def out_of_range(world: World, workload: Workload, message: str) -> tuple[str, Fix]:
    """Cause and fix for resources outside of a LimitRange."""
    ratio = RATIO.search(message)
    if ratio:
        cause = (
            f"LimitRange: limit to request ratio of {ratio['resource']} may be {ratio['bound']}, it is {ratio['value']}"
        )
        steps: list[Step] = [
            ("replace", f"{part}/{index}/resources/requests/{escaped(ratio['resource'])}", limit)
            for part, index, each in workload.containers()
            if (limit := ((each.get("resources") or {}).get("limits") or {}).get(ratio["resource"]))
            and ratio["resource"] in ((each.get("resources") or {}).get("requests") or {})
        ]
        return cause, change(world, workload, "request what the limit is", steps) if steps else words(cause)
    found = RANGE.search(message)
    if found is None:
        return message, words("set the container's resources within the LimitRange")
    resource, bound, what = found["resource"], found["bound"], found["what"]
    cause = (
        f"LimitRange allows {found['side']} {bound} {resource} for a {found['kind'].lower()}, {what} is "
        f"{found['value']}"
    )
    steps = []
    if found["kind"] == "Container":
        for part, index, each in workload.containers():
            steps += _bounded(each, f"{part}/{index}/resources", resource, bound, above=found["side"] == "maximum")
    return cause, change(world, workload, f"stay within {bound} {resource}", steps) if steps else words(
        f"bring {resource} within {bound}"
    )


def _bounded(container: Mapping[str, Any], at: str, resource: str, bound: str, *, above: bool) -> list[Step]:
    """Steps that bring the requests and limits of a resource to a bound where they are beyond it."""
    resources = container.get("resources") or {}
    steps: list[Step] = []
    for part in ("requests", "limits"):
        value = (resources.get(part) or {}).get(resource)
        if value is None:
            continue
        if (amount(value) > amount(bound)) if above else (amount(value) < amount(bound)):
            steps.append(("replace", f"{at}/{part}/{escaped(resource)}", bound))
    return steps
