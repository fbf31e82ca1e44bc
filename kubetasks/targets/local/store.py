"""The local target's namespace: objects as files in a state folder, kept as an API server keeps them."""

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from kubetasks import state
from kubetasks.errors import StateUnavailable
from kubetasks.objects import WORKLOADS, Object, Objects, by_identity, identity, kind_of, of_kind
from kubetasks.runner import Runner
from kubetasks.targets import fence
from kubetasks.targets.base import Progress
from kubetasks.targets.local import files, logs, pods, status
from kubetasks.targets.local.applying import matches, merged
from kubetasks.targets.local.processes import Processes
from kubetasks.targets.local.supervisor import Supervisor
from kubetasks.targets.local.workloads import (
    Here,
    group_name,
    init_containers,
    main_containers,
    program_name,
    service_ports,
)

FOLDER: Final = "local"
# What the processes are made from; a change of anything else concerns none of them.
CONCERNING: Final = (*WORKLOADS, "Service", "ConfigMap", "Secret")
MADE_UP: Final = ("Pod", "Endpoints", "EndpointSlice", "Event")


def state_folder(root: Path, namespace: str) -> Path:
    """Where everything of a namespace is: below the user's state folder, not in the checkout.

    A deployment that an earlier version made in the checkout stays there until it is destroyed: its processes run from
    that folder, and its database is in it.

    Raises:
        StateUnavailable: the user has no home folder.
    """
    old = state.legacy(root.resolve()) / FOLDER / namespace
    return old if (old / "objects").is_dir() else state.folder(root) / FOLDER / namespace


@dataclass(frozen=True)
class LocalStore:
    """A ``Store`` in a folder, with processes behind its workloads.

    Args:
        root: the project's root.
        namespace: the namespace's name.
        runner: starts supervisord.
        here: this machine.
    """

    root: Path
    namespace: str
    runner: Runner
    here: Here

    @cached_property
    def folder(self) -> Path:
        """The state folder."""
        return state_folder(self.root, self.namespace)

    def _prepare(self) -> None:
        """Make the project's state folder before the first file goes there."""
        old = state.legacy(self.root.resolve())
        if not self.folder.is_relative_to(old):
            state.claim(self.root)
        elif not (old / ".gitignore").exists():
            files.write(old / ".gitignore", "*\n")

    @property
    def processes(self) -> Processes:
        """The processes behind the workloads."""
        return Processes(self.folder, self.namespace, self.here, Supervisor(self.folder, self.runner, self.here.base()))

    def _path(self, item: Object) -> Path:
        return self.folder / "objects" / str(item["kind"]) / f"{item['metadata']['name']}.json"

    def stored(self, *kinds: str) -> Objects:
        """The stored objects of these kinds (of all, where none is named), without status."""
        pattern = [f"{kind}/*.json" for kind in kinds] or ["*/*.json"]
        paths = sorted(path for each in pattern for path in (self.folder / "objects").glob(each))
        return [item for item in map(files.read_json, paths) if isinstance(item, dict)]

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        """See ``Store.get``."""
        asked = [kind for kind in kinds if kind not in MADE_UP]
        # A custom resource is asked for with its group: Gadget.example.com.
        found = self.stored(*(kind.partition(".")[0] for kind in asked)) if asked else []
        found = [item for item in found if item["kind"] in asked or kind_of(item) in asked]
        if {*kinds} & {*WORKLOADS, "Service", *MADE_UP}:
            found = self._with_status(found, kinds)
        for item in of_kind(found, "Namespace"):
            item["status"] = {"phase": "Active"}
        # A Namespace is asked for by name, not by label.
        return [
            item
            for item in found
            if item["kind"] == "Namespace" or matches(item["metadata"].get("labels") or {}, selector)
        ]

    def _with_status(self, found: Objects, kinds: Sequence[str]) -> Objects:
        """The objects with the status of the processes, and with those objects that only status knows."""
        live = self.stored(*WORKLOADS, "Service")
        workloads = of_kind(live, *WORKLOADS)
        observed = self.processes.observe()
        ports = self.processes.ports(live)
        made_pods: dict[str, Object | None] = {}
        if {*kinds} & {*WORKLOADS, *MADE_UP}:
            made_pods = {identity(item): pods.pod(item, observed, self.namespace) for item in workloads}
        there = [each for each in made_pods.values() if each is not None]
        for item in found:
            if item["kind"] in WORKLOADS:
                item["status"] = status.workload_status(item, made_pods.get(identity(item)), observed)
            elif item["kind"] == "Service":
                item["status"] = status.service_status(item, workloads, ports)
        made: Objects = []
        if "Pod" in kinds:
            made += there
        if "Event" in kinds:
            made += status.events(there, self.namespace)
        if {"Endpoints", "EndpointSlice"} & {*kinds}:
            for service in of_kind(live, "Service"):
                behind = service_ports(service, workloads, ports)
                both = status.endpoints(service, there, behind, self.namespace)
                made += [each for each in both if each["kind"] in kinds]
        return found + made

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        """See ``Store.apply``. Also starts, replaces and stops processes.

        Raises:
            ApplyFailed: an object was refused.
            PortInUse: a port that a workload needs is taken; nothing was changed.
            SupervisorFailed: the process supervisor does not start or does not answer.
        """
        if dry_run:
            known = by_identity(self.stored())
            return [merged(item, known.get(identity(item)), self.namespace) for item in objects]
        fence.check()
        self._prepare()
        with files.locked(self.folder):
            known = by_identity(self.stored())
            results: Objects = []
            for item in objects:
                results.append(
                    merged(
                        item, known.get(str(item.get("kind")) + "/" + str(item["metadata"].get("name"))), self.namespace
                    )
                )
            after = [*by_identity([*known.values(), *results]).values()]
            with self._reconciled(after, self._concerning(results, known)):
                for item in results:
                    if item is not known.get(identity(item)):
                        files.write_json(self._path(item), item)
        given = {identity(item) for item in objects}
        return [item for item in results if identity(item) in given]

    def _concerning(self, results: Objects, known: Mapping[str, Object]) -> set[str]:
        """``Kind/name`` of what may concern the processes: workloads, and whatever else changed."""
        return {
            identity(item)
            for item in of_kind(results, *CONCERNING)
            if item["kind"] in WORKLOADS or item is not known.get(identity(item))
        }

    @contextlib.contextmanager
    def _reconciled(self, after: Objects, touched: set[str]) -> Iterator[None]:
        """Check first that the processes can be had; make them run after the block has stored the objects."""
        if not touched or not of_kind(after, *WORKLOADS):
            yield
            return
        planned = self.processes.plan(after, touched)
        self.processes.check_ports(planned, after)
        yield
        self.processes.bring(planned)

    def create(self, item: Object) -> bool:
        """See ``Store.create``."""
        fence.check()
        made = merged(item, None, self.namespace)
        if item["kind"] in CONCERNING:
            if self.stored(item["kind"]) and self._path(item).exists():
                return False
            self.apply([item])
            return True
        self._prepare()
        return files.create_json(self._path(item), made)

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """See ``Store.delete``."""
        fence.check()
        if any(identity(item) == f"Namespace/{self.namespace}" for item in objects):
            self.delete_all()
        if not any(self._path(item).exists() for item in objects):
            return
        with files.locked(self.folder):
            for item in objects:
                self._path(item).unlink(missing_ok=True)
            if of_kind(objects, *WORKLOADS, "Service"):
                self.processes.bring(self.processes.plan(self.stored(), ()))

    def delete_as_read(self, item: Object) -> bool:
        """See ``Store.delete_as_read``."""
        fence.check()
        with files.locked(self.folder):
            now = files.read_json(self._path(item))
            same = now is not None and now["metadata"]["resourceVersion"] == item["metadata"]["resourceVersion"]
            if same:
                self._path(item).unlink(missing_ok=True)
        return same

    def delete_all(self) -> None:
        """See ``Store.delete_all``: ends all processes and removes the state folder, the database in it included."""
        fence.check()
        if self.folder.exists():
            with files.locked(self.folder):
                self.processes.supervisor.shut_down()
                shutil.rmtree(self.folder)
        old = state.legacy(self.root.resolve())
        if self.folder.is_relative_to(old) and not any((old / FOLDER).glob("*/objects")):
            (old / ".gitignore").unlink(missing_ok=True)
        for folder in (self.folder.parent, self.folder.parent.parent):
            with contextlib.suppress(OSError):  # others' state is in it
                folder.rmdir()
        with contextlib.suppress(StateUnavailable):
            state.release(self.root)

    def _programs(self, pod: str) -> tuple[Object, list[str]] | None:
        """The workload of a pod and its programs' names."""
        for item in self.stored(*WORKLOADS):
            record = pods.Observed(self.folder / "run", None, {}).record(item)
            if record is not None and record["name"] == pod:
                return item, list(record["programs"])
        return None

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        """See ``Store.logs``. Init containers write into the log of the container that they prepare."""
        found = self._programs(pod)
        if found is None or not found[1]:
            return ""
        item, programs = found
        template = item["spec"]["template"]
        if container and container not in [
            each["name"] for each in [*init_containers(template), *main_containers(template)]
        ]:
            return ""
        wanted = program_name(group_name(item), container)
        name = wanted if wanted in programs else programs[0]
        lines = logs.last_run(self.folder, name, previous=previous)
        return self.runner.redactor("\n".join(lines[-tail:] if tail > 0 else []))

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        """See ``Store.follow``."""
        tails = [
            logs.Tail(logs.path_of(self.folder, name), f"[{pod}] ")
            for pod in pods
            for name in (self._programs(pod) or ({}, []))[1]
        ]
        with contextlib.suppress(KeyboardInterrupt):
            while tails and self.folder.exists():
                for tail in tails:
                    for line in tail.fresh():
                        on_line(self.runner.redactor(line))
                time.sleep(logs.FOLLOW_EVERY)
