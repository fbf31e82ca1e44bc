"""Fixes: commands that can be pasted as they are, with context and namespace, for every kind of workload."""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import yaml

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.graph import Workload, World
from kubetasks.objects import MANAGED_BY, PART_OF, Object
from kubetasks.redact import HIDDEN

# A step of a JSON patch: the operation, the path below the pod's spec, the new value.
Step = tuple[str, str, Any]
JOB_LABELS: Final = (
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
)
# How long a pod that is replaced may take to end; one that hangs must not hold up the fix.
HELM: Final = "Helm"


def words(text: str, note: str = "") -> Fix:
    """A fix that a person has to decide on."""
    return Fix(kind="words", text=text, note=note)


def kubectl(world: World, *argv: str, stdin: str = "") -> str:
    """A kubectl command line with context and namespace; ``stdin``: what it reads."""
    where = ["--context", world.snapshot.context, "-n", world.snapshot.namespace]
    line = shlex.join(["kubectl", *where, *argv])
    return f"printf {shlex.quote(stdin.replace('%', '%%').replace(chr(10), chr(92) + 'n'))} | {line}" if stdin else line


def run(world: World, what: str, *argv: str, stdin: str = "", note: str = "", then: Sequence[str] = ()) -> Fix:
    """A kubectl command, and further command lines ``then``; on the local target, which has no kubectl, the words."""
    if not world.snapshot.context:
        return words(what, note)
    text = " && ".join([kubectl(world, *argv, stdin=stdin), *then])
    return Fix(kind="command", text=text, what=what, note=note)


def escaped(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def lasting(world: World, item: Object) -> str:
    """Where the change has to be made too, so that the next deploy keeps it; empty if that is not known."""
    labels = item["metadata"].get("labels") or {}
    ours = world.snapshot.ours
    if ours.project and labels.get(PART_OF) == ours.project:
        file = ours.chart if ours.deployer == "helm" else ours.manifests
        return f"change it in {file}, too: the next inv deploy applies that file" if file else ""
    if labels.get(MANAGED_BY) == HELM:
        release = (item["metadata"].get("annotations") or {}).get("meta.helm.sh/release-name", "")
        return f"change it in the values of the Helm release {release} too".replace("  ", " ")
    return ""


def change(world: World, workload: Workload, what: str, steps: Sequence[Step], *, note: str = "") -> Fix:
    """Change the pods of a workload.

    Args:
        world: the snapshot.
        workload: the workload, or the bare pod.
        what: the change in words.
        steps: the JSON patch, with paths below the pod's spec: ``containers/0/image``.
        note: what else to do.

    Returns:
        The command. Deployments and DaemonSets replace their pods by themselves; a StatefulSet and a ReplicaSet keep a
        broken one, so it is deleted; Jobs and bare pods cannot be changed, so they are replaced.
    """
    if any(HIDDEN in json.dumps(value, default=str) for _, _, value in steps):
        return words(what, note)
    note = note or lasting(world, workload.item)
    name, kind = workload.name, workload.kind.lower()
    prefix = {"Pod": "/spec/", "CronJob": "/spec/jobTemplate/spec/template/spec/"}.get(
        workload.kind, "/spec/template/spec/"
    )
    patch = [_step(op, prefix + path, value) for op, path, value in steps]
    if workload.kind == "Pod" and not _only_images(steps):
        return replace(world, workload, what, patch, note=note)
    if workload.kind == "Job":
        return replace(world, workload, what, [*patch, *freed(workload.item)], note=note)
    then = []
    if workload.kind in {"StatefulSet", "ReplicaSet", "ReplicationController"}:
        broken = [pod.name for pod in workload.pods if not pod.ready and not pod.deleted]
        if broken:
            then = [kubectl(world, "delete", "pod", *broken, "--wait=false")]
    if workload.kind == "CronJob":
        newest = world.newest(workload.item)
        if newest is not None:
            then = [kubectl(world, "delete", "job", newest["metadata"]["name"], "--wait=false")]
    return run(world, what, "patch", kind, name, "--type=json", "-p", compact(patch), note=note, then=then)


def replace(world: World, workload: Workload, what: str, patch: Sequence[Mapping[str, Any]], *, note: str = "") -> Fix:
    """Replace an object that cannot be changed by one that is."""
    if not world.snapshot.context:
        return words(what, note)
    get = kubectl(world, "get", workload.kind.lower(), workload.name, "-o", "json")
    local = shlex.join(["kubectl", "patch", "--local", "-f", "-", "--type=json", "-p", compact(patch), "-o", "json"])
    put = kubectl(world, "replace", "--force", "-f", "-")
    return Fix(kind="command", text=f"{get} | {local} | {put}", what=what, note=note)


def again(world: World, workload: Workload, what: str) -> Fix:
    """Have the pods of a workload recreated, as they are."""
    kind, name = workload.kind, workload.name
    if kind == "Job":
        return replace(world, workload, what, freed(workload.item))
    if kind == "Pod":
        return replace(world, workload, what, [])
    if kind == "CronJob":
        return run(world, what, "create", "job", f"{name[:40]}-again", f"--from=cronjob/{name}")
    if kind in {"ReplicaSet", "ReplicationController"}:
        broken = [pod.name for pod in workload.pods if not pod.ready] or ["--all"]
        return run(world, what, "delete", "pod", *broken)
    return run(world, what, "rollout", "restart", f"{kind.lower()}/{name}")


def with_again(world: World, fix: Fix, workloads: Iterable[Workload]) -> Fix:
    """A command, followed by a restart of the workloads that only read at their start what it changes."""
    if fix.kind != "command":
        return fix
    lines = [again(world, each, "").text for each in workloads]
    return Fix(
        kind="command",
        text=" && ".join([fix.text, *lines]),
        what=fix.what,
        note=fix.note,
        patch=fix.patch,
    )


def _step(op: str, path: str, value: Any) -> dict[str, Any]:
    return {"op": op, "path": path} if op == "remove" else {"op": op, "path": path, "value": value}


def _only_images(steps: Sequence[Step]) -> bool:
    """The one thing of a bare pod's containers that can be changed in place."""
    return all(path.endswith("/image") for _, path, _ in steps)


def freed(job: Object) -> list[dict[str, Any]]:
    """The steps that take from a Job what its controller added and no new one may have."""
    spec = job.get("spec") or {}
    steps = [{"op": "remove", "path": "/spec/selector"}] if "selector" in spec else []
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    steps += [
        {"op": "remove", "path": f"/spec/template/metadata/labels/{escaped(key)}"}
        for key in JOB_LABELS
        if key in labels
    ]
    own = job["metadata"].get("labels") or {}
    return steps + [{"op": "remove", "path": f"/metadata/labels/{escaped(key)}"} for key in JOB_LABELS if key in own]


def compact(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def as_yaml(value: Any) -> str:
    """A value as YAML, for a person to read."""
    return yaml.safe_dump(value, sort_keys=False, default_flow_style=False, width=100).rstrip()
