"""The pods that the processes stand for, as a kubelet would report them. Starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks.objects import Object, Objects, pod_template
from kubetasks.targets.local import files, probes
from kubetasks.targets.local.environment import LOOPBACK
from kubetasks.targets.local.supervisor import RUNNING, STARTING, STOPPING, Info
from kubetasks.targets.local.workloads import (
    Ports,
    group_name,
    init_containers,
    is_wanted,
    main_containers,
    program_name,
)

NOT_RUNNING: Final = {
    "reason": "SupervisorNotRunning",
    "message": "the process supervisor does not run: it was ended, or the machine restarted; inv deploy starts it",
}
CRASHING: Final = "CrashLoopBackOff"


@dataclass(frozen=True)
class Observed:
    """What is known of the processes.

    Args:
        run: the folder with the pods' records and the runs' states.
        info: supervisord's view by program name; None when it does not run.
        exits: each program's last exit code.
    """

    run: Path
    info: Mapping[str, Info] | None
    exits: Mapping[str, int]

    def record(self, item: Object) -> Object | None:
        """What was noted of a workload's pod when its processes were made."""
        found = files.read_json(self.run / f"{group_name(item)}.pod.json")
        return found if isinstance(found, dict) else None

    def state(self, program: str, pod: str) -> Object:
        """What a program noted of its own run; empty when it has not begun in this pod."""
        found = files.read_json(self.run / f"{program}.state")
        return found if isinstance(found, dict) and found.get("pod") == pod else {}

    def initialised(self, item: Object, pod: str) -> Object:
        """What the init containers left."""
        found = files.read_json(self.run / f"{group_name(item)}.pod.state")
        if isinstance(found, dict) and found.get("pod") == pod:
            return found
        return {"done": not init_containers(pod_template(item) or {}), "init": {}}


def ports_of(record: Object | None) -> Ports:
    """A pod's ports, container to loopback."""
    return {int(key): int(value) for key, value in (record or {}).get("ports", {}).items()}


def _ended(code: int, **times: str) -> Object:
    return {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", **times}}


def _init_status(each: Object, known: Object | None, running: bool, image_id: str = "") -> Object:
    base = {
        "name": each["name"],
        "image": each.get("image", ""),
        "imageID": image_id,
        "ready": False,
        "restartCount": 0,
    }
    if known is None:
        return {**base, "state": {"waiting": {"reason": "PodInitializing"}}}
    base["restartCount"] = known["restarts"]
    times = {"startedAt": known.get("startedAt", ""), "finishedAt": known.get("finishedAt", "")}
    last = {"lastState": _ended(known["last"])} if known.get("last") else {}
    if "exitCode" not in known:
        state = {"running": {"startedAt": known["startedAt"]}} if running else {"waiting": {"reason": CRASHING}}
        return {**base, "state": state, **last}
    if known["exitCode"] == 0:
        return {**base, "ready": True, "state": _ended(0, **times), **last}
    return {**base, "state": {"waiting": {"reason": CRASHING}}, "lastState": _ended(known["exitCode"], **times)}


def _main_status(  # noqa: PLR0911  (one for each state)
    each: Object, observed: Observed, item: Object, record: Object
) -> Object:
    """One container that keeps running, of a workload that is no Job."""
    name = program_name(group_name(item), each["name"])
    info, state = (observed.info or {}).get(name), observed.state(name, record["uid"])
    restarts = max(0, int(state.get("starts", 1)) - 1)
    base = {
        "name": each["name"],
        "image": each.get("image", ""),
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
    }
    last = {"lastState": _ended(observed.exits.get(name, 1))} if restarts else {}

    def waiting(reason: str, message: str = "") -> Object:
        return {**base, "state": {"waiting": {"reason": reason, **({"message": message} if message else {})}}, **last}

    problem = record["problems"].get(each["name"])
    if problem:
        return waiting(*problem)
    if not record["programs"]:
        return waiting("PodInitializing")
    if observed.info is None:
        return waiting(**NOT_RUNNING)
    if info is None or not state:
        return waiting("ContainerCreating")
    if not observed.initialised(item, record["uid"])["done"]:
        return waiting("PodInitializing")
    if info["state"] not in {STARTING, RUNNING, STOPPING}:
        last = {"lastState": _ended(observed.exits.get(name, 1))}
        return waiting(CRASHING, f"back-off restarting failed container {each['name']}")
    if not state.get("main") or state.get("pid") != info["pid"]:
        return waiting("ContainerCreating")
    reason = probes.unready(each, ports_of(record)) if info["state"] != STOPPING else "it is stopping"
    running = {**base, "started": True, "state": {"running": {"startedAt": state["startedAt"]}}, **last}
    return {**running, "ready": not reason, **({"unready": reason} if reason else {})}


def _job_statuses(item: Object, observed: Observed, record: Object) -> Objects:
    """The containers of a Job's pod."""
    name = program_name(group_name(item), "job")
    info, state = (observed.info or {}).get(name), observed.state(name, record["uid"])
    found: Objects = []
    for each in main_containers(pod_template(item) or {}):
        base = {"name": each["name"], "image": each.get("image", ""), "imageID": "", "ready": False, "restartCount": 0}
        problem = record["problems"].get(each["name"])
        if problem:
            current: Object = {"waiting": {"reason": problem[0], "message": problem[1]}}
        elif state.get("finished"):
            times = {"startedAt": state["startedAt"], "finishedAt": state["finishedAt"]}
            current = _ended(int(state["exitCode"]), **times)
        elif observed.info is None:
            current = {"waiting": NOT_RUNNING}
        elif state.get("main") and info is not None and info["pid"]:
            current = {"running": {"startedAt": state["startedAt"]}}
            base |= {"ready": True, "restartCount": state["failed"]}
        else:
            current = {"waiting": {"reason": "PodInitializing" if state else "ContainerCreating"}}
        found.append({**base, "state": current})
    return found


def _phase(inits: Objects, mains: Objects, job: bool, lost: bool) -> str:
    ended = [each["state"].get("terminated") for each in mains]
    if job and all(ended):
        return "Failed" if any(each["exitCode"] for each in ended if each) else "Succeeded"
    if lost:
        return "Unknown"
    started = any("running" in each["state"] or each["restartCount"] or "lastState" in each for each in mains)
    return "Running" if started and all(each["ready"] for each in inits) else "Pending"


def pod(item: Object, observed: Observed, namespace: str) -> Object | None:
    """The pod that a workload's processes stand for; None when it has none."""
    record = observed.record(item)
    if record is None or (item["kind"] != "Job" and not is_wanted(item)):
        return None
    template, job = pod_template(item) or {}, item["kind"] == "Job"
    done = observed.initialised(item, record["uid"])
    programs = [info for name, info in (observed.info or {}).items() if name.startswith(f"{group_name(item)}@")]
    busy = any(info["state"] in {STARTING, RUNNING} for info in programs)
    inits = [
        {**_init_status(each, done["init"].get(each["name"]), busy), **_blocked(record, each["name"])}
        for each in init_containers(template)
    ]
    mains = (
        _job_statuses(item, observed, record)
        if job
        else [_main_status(each, observed, item, record) for each in main_containers(template)]
    )
    unready = [f"{each['name']}: {each.pop('unready')}" for each in mains if "unready" in each]
    phase = _phase(inits, mains, job, observed.info is None and bool(record["programs"]))
    ready = phase == "Running" and all(each["ready"] for each in mains)
    meta = template.get("metadata", {})
    labels = {**(meta.get("labels") or {}), "pod-template-hash": record["name"].rpartition("-")[2]}
    if job:
        labels |= {"job-name": item["metadata"]["name"], "batch.kubernetes.io/job-name": item["metadata"]["name"]}
    owner = {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
    }
    conditions = [
        _condition("PodScheduled", True),
        _condition("Initialized", bool(done["done"])),
        _condition("ContainersReady", ready, "ContainersNotReady", "; ".join(unready)),
        _condition("Ready", ready, "ContainersNotReady", "; ".join(unready)),
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": record["name"],
            "namespace": namespace,
            "uid": record["uid"],
            "creationTimestamp": record["created"],
            "labels": labels,
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner],
        },
        "spec": {**template.get("spec", {}), "nodeName": "local"},
        "status": {
            "phase": phase,
            "podIP": LOOPBACK,
            "hostIP": LOOPBACK,
            "startTime": record["created"],
            "conditions": conditions,
            "containerStatuses": mains,
            **({"initContainerStatuses": inits} if inits else {}),
        },
    }


def _blocked(record: Object, name: str) -> Object:
    problem = record["problems"].get(name)
    return {"state": {"waiting": {"reason": problem[0], "message": problem[1]}}} if problem else {}


def _condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Object:
    told = {} if holds or not reason else {"reason": reason, **({"message": message} if message else {})}
    return {"type": kind, "status": str(holds), **told}


def is_ready(item: Object | None) -> bool:
    """Whether a pod is ready."""
    conditions = (item or {}).get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
