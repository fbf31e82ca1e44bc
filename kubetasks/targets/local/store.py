"""The local target's namespace: objects as files in a state folder, kept as an API server keeps them."""

import base64
import contextlib
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks.errors import ApplyFailed
from kubetasks.objects import VOLATILE, WORKLOADS, Object, Objects, by_identity, identity, of_kind
from kubetasks.runner import Runner
from kubetasks.targets.base import Progress
from kubetasks.targets.local import entry, files, pods, status
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

FOLDER: Final = ".kubetasks/local"
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
KIND: Final = re.compile(r"[A-Z][A-Za-z]{0,62}")
# What the processes are made from; a change of anything else concerns none of them.
CONCERNING: Final = (*WORKLOADS, "Service", "ConfigMap", "Secret")
MADE_UP: Final = ("Pod", "Endpoints", "EndpointSlice", "Event")
# Source: the validation of the apps and batch groups, pkg/apis/*/validation of kubernetes/kubernetes.
IMMUTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates"),
    "Job": ("selector", "template", "completions"),
}
FOLLOW_EVERY: Final = 0.2  # seconds


def state_folder(root: Path, namespace: str) -> Path:
    """Where everything of a namespace is."""
    return root.resolve() / FOLDER / namespace


def matches(labels: Mapping[str, str], selector: str) -> bool:
    """Whether labels satisfy ``key=value``, ``key!=value`` and ``key``, separated by commas."""
    for part in filter(None, (each.strip() for each in selector.split(","))):
        key, sign, value = (text.strip() for text in re.fullmatch(r"([^=!]+)(!=|==?|)(.*)", part, re.DOTALL).groups())  # type: ignore[union-attr]
        if (sign == "!=" and labels.get(key) == value) or (sign in {"=", "=="} and labels.get(key) != value):
            return False
        if not sign and key not in labels:
            return False
    return True


def _asked(item: Object) -> Object:
    """An object without what the server adds."""
    meta = {key: value for key, value in item["metadata"].items() if key not in VOLATILE}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}


def _refused(item: Object, why: str) -> ApplyFailed:
    return ApplyFailed(f"{identity(item)} was refused", why=why, fix="nothing was changed; mend it and deploy again")


def merged(item: Object, old: Object | None, namespace: str) -> Object:
    """What is stored after ``item`` is applied on top of ``old``: the very same object when nothing changed.

    All is applied by one manager, so that server-side apply comes to: what is no longer asked for goes.

    Raises:
        ApplyFailed: as an API server would refuse it.
    """
    meta = item.get("metadata") or {}
    if not (item.get("apiVersion") and KIND.fullmatch(str(item.get("kind"))) and NAME.fullmatch(str(meta.get("name")))):
        raise ApplyFailed(
            f"{item.get('kind') or 'an object'} {meta.get('name') or ''} was refused".replace("  ", " "),
            why="apiVersion, kind and a valid metadata.name are required",
            fix="nothing was changed; mend it and deploy again",
        )
    version = meta.get("resourceVersion")
    if version and (old is None or version != old["metadata"]["resourceVersion"]):
        raise _refused(
            item, "the object has been modified; please apply your changes to the latest version and try again"
        )
    scope = {} if item["kind"] == "Namespace" else {"namespace": namespace}
    asked = _asked({**item, "metadata": {**meta, **scope}})
    if item["kind"] == "Secret" and "stringData" in asked:
        plain = {key: base64.b64encode(str(value).encode()).decode() for key, value in asked.pop("stringData").items()}
        asked["data"] = {**(asked.get("data") or {}), **plain}
    if old is not None and _asked(old) == asked:
        return old
    for each in IMMUTABLE.get(item["kind"], ()) if old is not None else ():
        if old is not None and (old["spec"].get(each) != asked["spec"].get(each)):
            raise _refused(item, f"spec.{each}: field is immutable")
    added = {
        "uid": old["metadata"]["uid"] if old else str(uuid.uuid4()),
        "creationTimestamp": old["metadata"]["creationTimestamp"] if old else entry.now(),
        "resourceVersion": str(time.time_ns()),
    }
    if "spec" in asked:
        before = old["metadata"].get("generation", 1) if old else 0
        added["generation"] = before + (old is None or old.get("spec") != asked["spec"])
    return {**asked, "metadata": {**asked["metadata"], **added}}


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

    @property
    def folder(self) -> Path:
        """The state folder."""
        return state_folder(self.root, self.namespace)

    @property
    def processes(self) -> Processes:
        """The processes behind the workloads."""
        return Processes(self.folder, self.namespace, self.here, Supervisor(self.folder, self.runner))

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
        found = self.stored(*asked) if asked else []
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
        with files.locked(self.folder):
            known = by_identity(self.stored())
            results: Objects = []
            for item in self._with_namespace(objects, known):
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

    def _with_namespace(self, objects: Objects, known: Mapping[str, Object]) -> Objects:
        """The objects, after the Namespace where there is none yet."""
        name = f"Namespace/{self.namespace}"
        if name in known or any(item.get("kind") == "Namespace" for item in objects):
            return objects
        return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}, *objects]

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
        made = merged(item, None, self.namespace)
        if item["kind"] in CONCERNING:
            if self.stored(item["kind"]) and self._path(item).exists():
                return False
            self.apply([item])
            return True
        return files.create_json(self._path(item), made)

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """See ``Store.delete``."""
        if any(identity(item) == f"Namespace/{self.namespace}" for item in objects):
            self.delete_all()
        if not any(self._path(item).exists() for item in objects):
            return
        with files.locked(self.folder):
            for item in objects:
                self._path(item).unlink(missing_ok=True)
            if of_kind(objects, *WORKLOADS, "Service"):
                self.processes.bring(self.processes.plan(self.stored(), ()))

    def delete_all(self) -> None:
        """See ``Store.delete_all``: ends all processes and removes the state folder, the database in it included."""
        if self.folder.exists():
            with files.locked(self.folder):
                self.processes.supervisor.shut_down()
                shutil.rmtree(self.folder)
        for folder in (self.folder.parent, self.folder.parent.parent):
            with contextlib.suppress(OSError):  # others' state is in it
                folder.rmdir()

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
        names = [each["name"] for each in [*init_containers(template), *main_containers(template)]]
        if container and container not in names:
            return ""
        wanted = program_name(group_name(item), container)
        name = wanted if wanted in programs else programs[0]
        run = self.folder / "run"
        offsets = (files.read_json(run / f"{name}.state") or {}).get("offsets") or [0]
        begin, end = offsets[-1], None
        if previous and entry.is_held(str(run / f"{name}.lock")):
            begin, end = (offsets[0], offsets[1]) if len(offsets) > 1 else (0, 0)
        with contextlib.suppress(FileNotFoundError):
            data = (self.folder / "logs" / f"{name}.log").read_bytes()
            part = data[begin:end] if begin <= len(data) else data  # rotated since
            lines = part.decode(errors="replace").splitlines()
            return self.runner.redactor("\n".join(lines[-tail:] if tail > 0 else []))
        return ""

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        """See ``Store.follow``."""
        tails = [
            _Tail(self.folder / "logs" / f"{name}.log", pod, on_line)
            for pod in pods
            for name in (self._programs(pod) or ({}, []))[1]
        ]
        with contextlib.suppress(KeyboardInterrupt):
            while tails and self.folder.exists():
                for tail in tails:
                    tail.pump(self.runner.redactor)
                time.sleep(FOLLOW_EVERY)


@dataclass
class _Tail:
    """Reads what is appended to a log file, also after it was rotated; the first time also its last lines."""

    path: Path
    pod: str
    on_line: Progress
    position: int = -1
    rest: bytes = b""
    first: int = 10

    def pump(self, redact: Callable[[str], str]) -> None:
        """Hand on the lines that came since the last call."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        fresh, start = self.position < 0, (0 if size < self.position else max(0, self.position))
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = self.rest + stream.read()
            self.position = stream.tell()
        *lines, self.rest = data.split(b"\n")
        for line in lines[-self.first :] if fresh else lines:
            self.on_line(redact(f"[{self.pod}] {line.decode(errors='replace')}"))
