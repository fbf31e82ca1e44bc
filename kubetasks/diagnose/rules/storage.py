"""Claims and volumes: missing, unbound, not to be mounted."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, compact, kubectl, lasting, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.quantity import amount
from kubetasks.diagnose.refs import references
from kubetasks.diagnose.rule import PLACE, START, VOLUME, Candidate, Family, check
from kubetasks.diagnose.rules.configuration import PASSING, stuck
from kubetasks.diagnose.views import Pod
from kubetasks.diagnose.words import listed, nearest, one_line
from kubetasks.objects import Object, is_leaving

DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
CLAIM: Final = "PersistentVolumeClaim"
PATCH: Final = re.compile(r"--type=json -p '(\[.*?\])' -o json")
# So long a provisioner may take before it counts as missing.
SLOW: Final = 120.0


_rule = Family("storage", PLACE + 5).rule

MISSING = _rule(
    "PVC_MISSING",
    "a claim does not exist",
    "FailedScheduling with `persistentvolumeclaim not found`",
    "Its name is misspelt, or it was never created.",
    "correct the name, or create the claim",
)
CLASS_MISSING = _rule(
    "STORAGE_CLASS_MISSING",
    "the StorageClass of a claim does not exist",
    "ProvisioningFailed with `storageclass not found`",
    "Classes differ from cluster to cluster; a name from another one is not here.",
    "use a class that exists, or none, which is the default one",
)
NO_CLASS = _rule(
    "STORAGE_CLASS_NONE",
    "the claim has no StorageClass and no volume fits",
    "FailedBinding with `no storage class is set`",
    'The cluster has no default class, or the claim asks for none (storageClassName: "").',
    "name a StorageClass, or create a PersistentVolume",
)
MISMATCH = _rule(
    "PVC_MISMATCH",
    "the volume that the claim names does not fit",
    "VolumeMismatch",
    "Size, access mode or class of the volume differ from the claim's.",
    "have claim and volume ask for the same",
)
FAILED = _rule(
    "PVC_PROVISIONING",
    "the volume cannot be made",
    "ProvisioningFailed",
    "The provisioner refuses what the claim asks for: an access mode, a selector, a size.",
    "ask for what the class offers",
)
NO_PROVISIONER = _rule(
    "PROVISIONER_MISSING",
    "the class's provisioner does not run",
    "ExternalProvisioning again and again",
    "The StorageClass names a provisioner that is not installed or does not work.",
    "install the provisioner, or use another class",
    grace=45.0,
)
TERMINATING = _rule(
    "PVC_TERMINATING",
    "the claim is being deleted",
    "a claim with a deletionTimestamp",
    "It was deleted while a pod uses it; it goes when that pod does, and no new pod may use it.",
    "delete the pods that use it, then create the claim again",
)
LOST = _rule(
    "PVC_LOST",
    "the volume of the claim no longer exists",
    "a claim in phase Lost",
    "The PersistentVolume was deleted, and its data with it.",
    "delete the claim and create it again; restore the data",
)
ATTACHED = _rule(
    "VOLUME_IN_USE",
    "the volume is in use elsewhere",
    "FailedAttachVolume with `Multi-Attach`, or ReadWriteOncePod in use",
    "A ReadWriteOnce volume can be on one node only, a ReadWriteOncePod volume in one pod only.",
    "run one replica, with strategy Recreate; or use a volume that can be shared (ReadWriteMany)",
    grace=30.0,
)
HOST_PATH = _rule(
    "HOST_PATH",
    "a folder of the node is not what the volume asks for",
    "FailedMount with `hostPath type check failed`",
    "The path does not exist on the node, or is a file instead of a folder.",
    "correct the path, or set type DirectoryOrCreate",
    depth=VOLUME + 5,
)
DRIVER = _rule(
    "CSI_DRIVER_MISSING",
    "the volume's driver is not on the node",
    "FailedMount with `driver name … not found`",
    "The CSI driver is not installed, or its pod on the node does not run.",
    "install the driver",
    depth=VOLUME + 5,
)
MOUNT = _rule(
    "MOUNT_FAILED",
    "a volume cannot be mounted",
    "FailedMount",
    "The kubelet's message says why.",
    "correct what the message names",
    depth=START - 2,
)


def default_class(world: World) -> str:
    """The default StorageClass; else the only one; empty if there is neither."""
    items = world.all("StorageClass")
    default = [each for each in items if ((each["metadata"].get("annotations") or {}).get(DEFAULT_CLASS)) == "true"]
    chosen = default or (items if len(items) == 1 else [])
    return str(chosen[0]["metadata"]["name"]) if chosen else ""


def users(world: World, claim: str) -> list[Workload]:
    """The workloads whose pods use a claim."""
    return [
        workload
        for workload in world.workloads.values()
        if any(each.kind == CLAIM and each.name == claim for pod in workload.pods for each in references(pod.spec))
        or any(each.kind == CLAIM and each.name == claim for each in references(workload.spec))
    ]


def remade(world: World, claim: Object, what: str, patch: list[dict[str, Any]], note: str = "") -> Fix:
    """Replace a claim, whose spec cannot be changed. Only for one that is not bound: there is no data to lose."""
    if not world.snapshot.context:
        return words(what)

    name = claim["metadata"]["name"]
    get = kubectl(world, "get", "pvc", name, "-o", "json")
    local = shlex.join(["kubectl", "patch", "--local", "-f", "-", "--type=json", "-p", compact(patch), "-o", "json"])
    put = kubectl(world, "replace", "--force", "-f", "-")
    return Fix(kind="command", text=f"{get} | {local} | {put}", what=what, note=note)


@check
def claims(world: World) -> Iterator[Candidate]:
    """Claims that are not bound, going, or lost."""
    for claim in world.all(CLAIM):
        made = _claim(world, claim)
        if made is not None:
            name = claim["metadata"]["name"]
            made.affects = tuple(each.key for each in users(world, name))
            made.fix = _of_template(world, claim, made.fix)
            yield made


def _of_template(world: World, claim: Object, fix: Fix) -> Fix:
    """The fix for a claim that a StatefulSet makes: in its template too, which makes the next one otherwise."""
    name = claim["metadata"]["name"]
    steps = PATCH.search(fix.text)
    for workload in users(world, name):
        templates = (workload.item.get("spec") or {}).get("volumeClaimTemplates") or []
        found = next(
            (i for i, each in enumerate(templates) if name.startswith(f"{each['metadata']['name']}-{workload.name}-")),
            None,
        )
        if found is None or fix.kind != "command" or steps is None:
            continue
        wanted = [
            {**step, "path": f"/spec/volumeClaimTemplates/{found}{step['path']}"}
            for step in json.loads(steps[1])
            if step["path"].startswith("/spec/")
        ]
        ordinal = name.rpartition("-")[2]
        get = kubectl(world, "get", "statefulset", workload.name, "-o", "json")
        local = shlex.join(
            ["kubectl", "patch", "--local", "-f", "-", "--type=json", "-p", compact(wanted), "-o", "json"]
        )
        put = kubectl(world, "replace", "--force", "--cascade=orphan", "-f", "-")
        gone = [
            kubectl(world, "delete", "pvc", name, "--wait=false"),
            kubectl(world, "delete", "pod", f"{workload.name}-{ordinal}", "--wait=false"),
        ]
        text = " && ".join([f"{get} | {local} | {put}", *gone])
        return Fix(
            kind="command",
            text=text,
            what=f"{fix.what}, in {workload.key} and in its claim",
            note=lasting(world, workload.item),
        )
    return fix


def _claim(world: World, claim: Object) -> Candidate | None:
    name, spec = claim["metadata"]["name"], claim.get("spec") or {}
    key, phase = f"{CLAIM}/{name}", (claim.get("status") or {}).get("phase")
    if is_leaving(claim):
        pods = [pod.name for each in users(world, name) for pod in each.pods]
        if not pods:
            return None
        cause = f"{key} is being deleted, and {listed(pods)} uses it: no new pod may"
        fix = run(world, "let it go", "delete", "pod", *pods, note="then create the claim again")
        return Candidate(TERMINATING, key, cause, fix)
    if phase == "Lost":
        return Candidate(
            LOST, key, f"{key}: its PersistentVolume {spec.get('volumeName')} was deleted", words(LOST.fix)
        )
    if phase == "Bound" or phase is None:
        return None
    return _pending(world, claim, key, name, spec)


def _pending(world: World, claim: Object, key: str, name: str, spec: Object) -> Candidate | None:
    events = world.events(claim, "ProvisioningFailed", "FailedBinding", "VolumeMismatch", "ExternalProvisioning")
    last = events[-1] if events else None
    because = [last.line] if last else []
    wanted = spec.get("storageClassName")
    default = default_class(world)
    if (
        wanted
        and world.reads("StorageClass")
        and world.get("StorageClass", wanted) is None
        and not spec.get("volumeName")
    ):
        known = world.names("StorageClass")
        near = nearest(wanted, known)
        right = near.name if near.typo else default
        cause = f"{key}: StorageClass {wanted} does not exist; the cluster has {listed(known) or 'none'}"
        if not right or not _no_volume_of(world, wanted):
            return (
                None
                if not _no_volume_of(world, wanted)
                else Candidate(CLASS_MISSING, key, cause, words(CLASS_MISSING.fix), because)
            )
        patch = [{"op": "replace", "path": "/spec/storageClassName", "value": right}]
        return Candidate(CLASS_MISSING, key, cause, remade(world, claim, f"use StorageClass {right}", patch), because)
    if not wanted and (last is None or last.reason == "FailedBinding") and not spec.get("volumeName"):
        why = "it asks for no StorageClass" if wanted == "" else "the cluster has no default StorageClass"
        if wanted is None and default:
            return None
        cause = f"{key}: no volume fits, and {why}"
        if default or len(world.names("StorageClass")) == 1:
            right = default or world.names("StorageClass")[0]
            patch = [{"op": "add", "path": "/spec/storageClassName", "value": right}]
            return Candidate(NO_CLASS, key, cause, remade(world, claim, f"use StorageClass {right}", patch), because)
        return Candidate(NO_CLASS, key, cause, words(NO_CLASS.fix), because)
    if spec.get("volumeName"):
        return _bound_by_name(world, claim, key, spec, because)
    failed = [each for each in events if each.reason == "ProvisioningFailed"]
    if failed:
        return _refused(world, claim, key, spec, failed[-1].message, [failed[-1].line])
    waiting = [each for each in events if each.reason == "ExternalProvisioning"]
    if waiting and world.age(claim) > SLOW:
        provisioner = str((world.get("StorageClass", str(wanted or default)) or {}).get("provisioner") or "?")
        cause = f"{key}: provisioner {provisioner} of StorageClass {wanted or default} does not make the volume"
        fix: Fix = words(f"see whether {provisioner} is installed and runs, or use another StorageClass")
        if default and default != wanted:
            patch = [{"op": "replace", "path": "/spec/storageClassName", "value": default}, *_unselected(claim)]
            fix = remade(world, claim, f"use StorageClass {default}", patch)
        return Candidate(NO_PROVISIONER, key, cause, fix, [waiting[-1].line], confidence="likely")
    return None


def _unselected(claim: Object) -> list[dict[str, Any]]:
    """Steps that take from a claim what binding has noted on it."""
    notes = claim["metadata"].get("annotations") or {}
    return [
        {"op": "remove", "path": f"/metadata/annotations/{key.replace('/', '~1')}"}
        for key in (
            "volume.kubernetes.io/selected-node",
            "volume.kubernetes.io/storage-provisioner",
            "volume.beta.kubernetes.io/storage-provisioner",
        )
        if key in notes
    ]


def _no_volume_of(world: World, name: str) -> bool:
    """Whether no free volume has that class: volumes that were created manually may have one that does not exist."""
    return not any(
        (each.get("spec") or {}).get("storageClassName") == name
        and (each.get("status") or {}).get("phase") == "Available"
        for each in world.all("PersistentVolume")
    )


def _bound_by_name(world: World, claim: Object, key: str, spec: Object, because: list[str]) -> Candidate | None:
    """A claim that names its volume."""
    wanted = str(spec["volumeName"])
    volume = world.get("PersistentVolume", wanted)
    if volume is None:
        near = nearest(wanted, world.names("PersistentVolume"))
        cause = f"{key}: PersistentVolume {wanted} does not exist{near.hint}"
        patch: list[dict[str, Any]] = [{"op": "replace", "path": "/spec/volumeName", "value": near.name}]
        if not near.typo:
            patch = [{"op": "remove", "path": "/spec/volumeName"}]
        what = f"bind it to {near.name}" if near.typo else "let it get a new volume"
        return Candidate(MISMATCH, key, cause, remade(world, claim, what, patch), because)
    has = volume.get("spec") or {}
    size, offered = (
        (spec.get("resources") or {}).get("requests", {}).get("storage"),
        (has.get("capacity") or {}).get("storage"),
    )
    if amount(size) > amount(offered):
        cause = f"{key} asks for {size}, PersistentVolume {wanted} has {offered}"
        patch = [{"op": "replace", "path": "/spec/resources/requests/storage", "value": offered}]
        return Candidate(MISMATCH, key, cause, remade(world, claim, f"ask for {offered}", patch), because)
    if not set(spec.get("accessModes") or ()) <= set(has.get("accessModes") or ()):
        cause = (
            f"{key} asks for {listed(spec.get('accessModes') or ())}, PersistentVolume {wanted} has "
            f"{listed(has.get('accessModes') or ())}"
        )
        patch = [{"op": "replace", "path": "/spec/accessModes", "value": has.get("accessModes")}]
        return Candidate(MISMATCH, key, cause, remade(world, claim, "ask for what it has", patch), because)
    if (spec.get("storageClassName") or "") != (has.get("storageClassName") or ""):
        cause = (
            f"{key} has StorageClass {spec.get('storageClassName') or 'none'}, PersistentVolume {wanted} "
            f"{has.get('storageClassName') or 'none'}"
        )
        patch = [{"op": "add", "path": "/spec/storageClassName", "value": has.get("storageClassName") or ""}]
        return Candidate(MISMATCH, key, cause, remade(world, claim, "use its class", patch), because)
    holder = has.get("claimRef") or {}
    if holder and holder.get("name") != claim["metadata"]["name"]:
        cause = f"{key}: PersistentVolume {wanted} is bound to {holder.get('namespace')}/{holder.get('name')}"
        patch = [{"op": "remove", "path": "/spec/volumeName"}]
        return Candidate(MISMATCH, key, cause, remade(world, claim, "let it get another volume", patch), because)
    return None


def _refused(world: World, claim: Object, key: str, spec: Object, message: str, because: list[str]) -> Candidate:
    """What the provisioner says."""
    said = one_line(re.sub(r"^failed to provision volume with StorageClass \"[^\"]+\": ", "", message), 90)
    modes = spec.get("accessModes") or []
    if re.search(r"access ?mode|ReadWrite(?:Once|Many)|ReadOnlyMany", message) and modes != ["ReadWriteOnce"]:
        cause = (
            f"{key} asks for {listed(modes)}, which StorageClass "
            f"{spec.get('storageClassName') or default_class(world)} does not offer"
        )
        patch = [{"op": "replace", "path": "/spec/accessModes", "value": ["ReadWriteOnce"]}, *_unselected(claim)]
        return Candidate(FAILED, key, cause, remade(world, claim, "ask for ReadWriteOnce", patch), because)
    if "selector" in message.lower() and spec.get("selector"):
        patch = [{"op": "remove", "path": "/spec/selector"}, *_unselected(claim)]
        return Candidate(
            FAILED,
            key,
            f"{key}: its class makes no volume for a claim with a selector",
            remade(world, claim, "ask without one", patch),
            because,
        )
    return Candidate(
        FAILED,
        key,
        f"{key}: the volume cannot be made: {said}",
        words(f"ask for what the class offers: {said}"),
        because,
    )


@check
def missing(world: World) -> Iterator[Candidate]:
    """Claims that pods name and that do not exist."""
    if not world.reads(CLAIM):
        return
    for workload in world.workloads.values():
        waiting = [pod for pod in workload.current if not pod.deleted and not pod.ready and pod.phase == "Pending"]
        if not waiting:
            continue
        for ref in references(workload.spec):
            if ref.kind != CLAIM or world.get(CLAIM, ref.name) is not None:
                continue
            near = nearest(ref.name, world.names(CLAIM))
            cause = f"{workload.key}: PersistentVolumeClaim {ref.name} does not exist{near.hint} ({ref.where})"
            if near.typo or (near and not users(world, near.name)):
                fix = change(world, workload, f"use claim {near.name}", [("replace", ref.path, near.name)])
            else:
                fix = _create(world, ref.name)
            yield Candidate(MISSING, workload.key, cause, fix, [f"pod {waiting[0].name} is pending"])


def _create(world: World, name: str) -> Fix:
    claim = {
        "apiVersion": "v1",
        "kind": CLAIM,
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return run(
        world,
        f"create claim {name} with 1Gi",
        "create",
        "-f",
        "-",
        stdin=compact(claim),
        note="put the size that you need in the place of 1Gi",
    )


@check
def mounts(world: World) -> Iterator[Candidate]:
    """Volumes that cannot be attached or mounted."""
    for workload in world.workloads.values():
        for pod in workload.current:
            if pod.deleted or not (stuck(pod) or pod.phase == "Pending"):
                continue
            for event in pod.events_with("FailedMount", "FailedAttachVolume", "FailedMapVolume"):
                if PASSING.search(event.message) and world.since(pod.created) < SLOW:
                    continue  # the kubelet's caches are late; it tries again
                yield _mount(world, workload, pod, event.message, event.line)
                break


def _volume(workload: Workload, name: str) -> tuple[int, Object] | None:
    return next(
        ((index, each) for index, each in enumerate(workload.spec.get("volumes") or ()) if each.get("name") == name),
        None,
    )


def _mount(world: World, workload: Workload, pod: Pod, message: str, line: str) -> Candidate:
    named = re.search(r"for volume \"([^\"]+)\"", message)
    volume = _volume(workload, named[1]) if named else None
    if (
        re.search(r"hostPath type check failed|host ?path", message, re.IGNORECASE)
        and volume
        and volume[1].get("hostPath")
    ):
        path, kind = volume[1]["hostPath"].get("path"), volume[1]["hostPath"].get("type", "")
        cause = f"{workload.key}: {path} on node {pod.node} is no {kind or 'folder'} (volume {volume[1]['name']})"
        steps: list[Step] = [
            (
                "add",
                f"volumes/{volume[0]}/hostPath/type",
                "FileOrCreate" if kind.startswith("File") else "DirectoryOrCreate",
            )
        ]
        return Candidate(
            HOST_PATH, workload.key, cause, change(world, workload, "create it where it is missing", steps), [line]
        )
    if re.search(r"Multi-Attach|ReadWriteOncePod|already (?:used|attached)", message):
        claims_ = listed(each.name for each in references(workload.spec) if each.kind == CLAIM)
        cause = f"{workload.key}: volume of {claims_} is in use by another pod, and it can be used once only"
        return Candidate(ATTACHED, workload.key, cause, words(ATTACHED.fix), [line])
    driver = re.search(r"driver name (\S+) not found", message)
    if driver:
        return Candidate(
            DRIVER,
            workload.key,
            f"{workload.key}: CSI driver {driver[1]} is not on node {pod.node}",
            words(DRIVER.fix),
            [line],
        )
    text = re.sub(r"^MountVolume\.\w+ failed for volume \"([^\"]+)\" ?: ?", r"volume \1: ", message)
    found = re.search(
        r"\b(configmap|secret|persistentvolumeclaim) \"([\w.-]+)\" (?:not found|is being deleted)", text, re.IGNORECASE
    )
    kinds = {"configmap": "ConfigMap", "secret": "Secret", "persistentvolumeclaim": CLAIM}
    blames = (f"{kinds[found[1].lower()]}/{found[2]}",) if found else ()
    grace = 20.0 if PASSING.search(message) else 0.0
    return Candidate(
        MOUNT,
        workload.key,
        f"{workload.key}: {text}",
        words(f"correct what the kubelet names: {one_line(text, 200)}"),
        [line],
        grace=grace,
        blames=blames,
    )


@check
def shared(world: World) -> Iterator[Candidate]:
    """Several pods that want one ReadWriteOncePod volume, or one ReadWriteOnce volume on several nodes."""
    for workload in world.workloads.values():
        waiting = [pod for pod in workload.pods if pod.phase == "Pending" and not pod.deleted]
        if not waiting:
            continue
        for ref in references(workload.spec):
            claim = world.get(CLAIM, ref.name) if ref.kind == CLAIM else None
            modes = ((claim or {}).get("spec") or {}).get("accessModes") or []
            said = str(waiting[0].condition("PodScheduled").get("message") or "")
            if modes == ["ReadWriteOncePod"] and re.search(r"ReadWriteOncePod|same name", said):
                cause = (
                    f"{workload.key}: claim {ref.name} is ReadWriteOncePod: one pod may use it, {workload.wanted} "
                    "want to"
                )
                yield Candidate(ATTACHED, workload.key, cause, _one(world, workload), [said])


def _one(world: World, workload: Workload) -> Fix:
    if workload.kind == "Deployment" and workload.wanted > 1:
        return run(world, "run one replica", "scale", f"deployment/{workload.name}", "--replicas=1")
    if workload.kind == "Deployment":
        patch = compact({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}})
        return run(
            world,
            "end the old pod before the new one starts",
            "patch",
            "deployment",
            workload.name,
            "--type=merge",
            "-p",
            patch,
        )
    return words(ATTACHED.fix)
