"""Makes the processes that run agree with the stored workloads: which start, which are replaced, which stay."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from kubetasks.objects import WORKLOADS, Object, Objects, identity, of_kind
from kubetasks.targets.local import entry, files, ports
from kubetasks.targets.local.pods import Observed, ports_of
from kubetasks.targets.local.supervisor import Supervisor
from kubetasks.targets.local.workloads import (
    Here,
    Pod,
    Program,
    group_name,
    is_wanted,
    own_ports,
    pod_of,
    spread,
    surroundings,
)


@dataclass(frozen=True)
class Planned:
    """A pod that is to run.

    Args:
        pod: its processes.
        uid: its uid: the old one where the processes stay.
        old: what was noted of it before; None for a new one.
        check: whether its ports must be free now, because it is about to start.
    """

    pod: Pod
    uid: str
    old: Object | None
    check: bool


@dataclass(frozen=True)
class Processes:
    """The processes of one namespace.

    Args:
        folder: the state folder.
        namespace: the namespace's name.
        here: this machine.
        supervisor: the folder's supervisord.
    """

    folder: Path
    namespace: str
    here: Here
    supervisor: Supervisor

    @property
    def run(self) -> Path:
        """Where the launch files, the pods' records and the runs' states are."""
        return self.folder / "run"

    def observe(self) -> Observed:
        """What is known of the processes now."""
        return Observed(self.run, self.supervisor.info(), self.supervisor.exits())

    def ports(self, objects: Objects, touched: Collection[str] = ()) -> dict[str, dict[int, int]]:
        """Each workload's ports by ``group_name``: as settings say for those in ``touched``, else as they were made."""
        observed = Observed(self.run, None, {})
        services = of_kind(objects, "Service")
        kept, new = {}, {}
        for item in of_kind(objects, *WORKLOADS):
            record = observed.record(item)
            if record is None or identity(item) in touched:
                new[group_name(item)] = own_ports(item, services, self.here.local_ports)
            else:
                kept[group_name(item)] = ports_of(record)
        fixed = {port for port in self.here.local_ports.values() if port}
        used = [port for each in kept.values() for port in each.values()]
        return kept | spread(new, fixed, used, self.here.lowest_port)

    def plan(self, objects: Objects, touched: Collection[str]) -> list[Planned]:
        """The pods that these objects ask for.

        Args:
            objects: all that will be stored.
            touched: ``Kind/name`` of what was just applied; other workloads' processes stay as they are.
        """
        all_ports = self.ports(objects, touched)
        around = surroundings(objects, self.namespace, all_ports)
        observed = Observed(self.run, None, {})
        running = self.supervisor.info() is not None
        planned = []
        for item in of_kind(objects, *WORKLOADS):
            if not is_wanted(item):
                continue
            old, job = observed.record(item), item["kind"] == "Job"
            if old and old["owner"] != item["metadata"]["uid"]:
                old = None  # of an object that had this name before
            uid = old["uid"] if old else str(uuid.uuid4())
            pod = pod_of(item, all_ports[group_name(item)], around, self.here, uid)
            if job and observed.state(f"{pod.group}@job", uid).get("finished"):
                pod = replace(pod, programs=[], problems={})
            if old and (job or identity(item) not in touched) and not old["problems"]:  # a Job runs once
                pod = replace(pod, digest=old["digest"], name=old["name"])
            lost = old and old["programs"] and not job and not running
            if old and (lost or old["digest"] != pod.digest):
                uid = str(uuid.uuid4())
                made = pod_of(item, pod.ports, around, self.here, uid)
                pod = replace(made, digest=pod.digest, name=pod.name)
            planned.append(Planned(pod, uid, old, check=not running or identity(item) in touched))
        return planned

    def check_ports(self, planned: list[Planned], objects: Objects) -> None:
        """Refuse, before anything is changed, when a port is taken.

        Raises:
            PortInUse: by somebody else, or by two of these workloads.
        """
        ours = {
            port
            for each in planned
            if each.old and any(entry.is_held(str(self._path(name, "lock"))) for name in each.old["programs"])
            for port in ports_of(each.old).values()
        }
        wanted = [
            (port, each.pod.workload)
            for each in planned
            if each.pod.programs and each.pod.workload["kind"] != "Job" and (each.check or each.old)
            for port in each.pod.ports.values()
            if each.check or port in ours
        ]
        ports.check(wanted, ours, of_kind(objects, "Service"), self.here.local_ports)

    def bring(self, planned: list[Planned]) -> None:
        """Write what the processes are started from, and make supervisord run them.

        Raises:
            SupervisorFailed: it does not start or does not answer.
        """
        files.make_private(self.run)
        kept: set[str] = set()
        for each in planned:
            pod = each.pod
            kept |= {pod.group, *(program.name for program in pod.programs)}
            if pod.workload["kind"] == "Job" and each.old:
                kept |= set(each.old["programs"])
            for program in pod.programs:
                files.write_json(self._path(program.name, "json"), self._launch(each, program))
            same = each.old if each.old and each.old["uid"] == each.uid else None
            record = {
                "name": pod.name,
                "owner": pod.workload["metadata"]["uid"],
                "uid": each.uid,
                "digest": pod.digest,
                "ports": {str(key): value for key, value in pod.ports.items()},
                "problems": {name: list(problem) for name, problem in pod.problems.items()},
                "programs": [program.name for program in pod.programs] or (each.old or {}).get("programs", []),
                "created": same["created"] if same else entry.now(),
            }
            files.write_json(self._path(pod.group, "pod.json"), record)
        self.supervisor.apply([each.pod for each in planned])
        self._tidy(kept)

    def _path(self, name: str, kind: str) -> Path:
        return self.run / f"{name}.{kind}"

    def _launch(self, each: Planned, program: Program) -> Object:
        spec = each.pod.workload["spec"]
        job = None
        if each.pod.workload["kind"] == "Job":
            job = {"backoff_limit": spec.get("backoffLimit", 6), "deadline": spec.get("activeDeadlineSeconds", 0)}
        return {
            "pod": each.uid,
            "root": str(self.here.root),
            "log": str(self.folder / "logs" / f"{program.name}.log"),
            "lock": str(self._path(program.name, "lock")),
            "state": str(self._path(program.name, "state")),
            "pod_state": str(self._path(each.pod.group, "pod.state")),
            "init": each.pod.init,
            "run": program.run,
            "job": job,
        }

    def _tidy(self, kept: set[str]) -> None:
        """Drop the files of what no longer runs."""
        for path in self.run.glob("*"):
            name = path.name
            for ending in (".pod.state.guard", ".pod.state", ".pod.json", ".lock", ".state", ".json"):
                if name.endswith(ending):
                    if name.removesuffix(ending) not in kept:
                        path.unlink(missing_ok=True)
                    break
        for path in (self.folder / "logs").glob("*.log*"):
            if path.name.partition(".log")[0] not in kept:
                path.unlink(missing_ok=True)
