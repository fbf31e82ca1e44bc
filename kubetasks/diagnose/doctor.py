"""Whether this machine has what a deploy needs: programs, engine, cluster, disk, memory; and the command that fixes it.

What is needed follows from the settings: with ``target: local`` an engine is of no use, with ``target: kind`` there is
no deploy without one.
"""

import json
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kubetasks.aiops import checkup as aiops
from kubetasks.diagnose import way_in
from kubetasks.diagnose.checkup import Finding, Status, judged
from kubetasks.diagnose.versions import Version, shown, version_in
from kubetasks.errors import KubetasksError
from kubetasks.images import room
from kubetasks.images.client import builder
from kubetasks.runner import HINTS, Environment, Result, Runner
from kubetasks.settings import Settings
from kubetasks.state import abandoned
from kubetasks.targets import engine_disk
from kubetasks.targets.profile_facts import ProfileFacts
from kubetasks.tools import docker, helm, kind, kubectl, minikube

PYTHON: Final = (3, 11)
# BuildKit without the "experimental" switch: https://docs.docker.com/engine/release-notes/20.10/
DOCKER: Final = (20, 10)
# Server-side apply with field managers, kustomize 5: https://kubernetes.io/blog/2023/04/11/kubernetes-v1-27-release/
KUBECTL: Final = (1, 27)
HELM: Final = (3, 17)
KIND: Final = (0, 20)
MINIKUBE: Final = (1, 30)
GIB: Final = 2**30
# One node image (1 GiB), the base images, two application images and their build cache.
DISK_GIB: Final = 5
# A node with its control plane takes 1 GiB, the application less than another.
MEMORY_GIB: Final = 2
ANSWER_SECONDS: Final = 15.0


def _available_memory() -> int:
    """Bytes that programs can still get; 0 if the system does not say (elsewhere than on Linux)."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _free_disk(folder: Path) -> int:
    """Bytes free on the file system that a folder is on, or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@dataclass(frozen=True)
class Machine:
    """What the machine itself tells; the tests give their own."""

    python: Version = field(default_factory=lambda: tuple(sys.version_info[:3]))
    system: str = field(default_factory=platform.system)
    free_disk: Callable[[Path], int] = _free_disk
    available_memory: Callable[[], int] = _available_memory


def engine_state(text: str) -> dict[str, Any]:
    """The output of ``docker info``; empty if the engine did not answer (it still prints the client's part)."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and document.get("ServerVersion") else {}


def examine(
    settings: Settings,
    runner: Runner,
    root: Path,
    *,
    machine: Machine | None = None,
) -> list[Finding]:
    """Look at everything a deploy with these settings needs.

    Args:
        settings: the settings; ``target`` decides what is needed and what would only be good to have.
        runner: starts the programs.
        root: the project's root.
        machine: what the machine tells; this one where None.
    """
    return list(_Examination(settings, runner, root, machine or Machine()).findings())


@dataclass
class _Examination:
    settings: Settings
    runner: Runner
    root: Path
    machine: Machine

    def findings(self) -> Iterator[Finding]:
        python = self.machine.python
        yield Finding(
            "python", shown(python), "3.11 or newer", *judged(python >= PYTHON, "missing", "apt install python3.11")
        )
        engine, state = self._engine()
        yield from engine
        yield self._program("kubectl", kubectl.client_version(), KUBECTL, wanted=True)
        yield self._program("helm", helm.version(), HELM, wanted=self.settings.deployer == "helm")
        yield self._program("kind", kind.version(), KIND, wanted=self.settings.target == "kind")
        program = self._program("minikube", minikube.version(), MINIKUBE, wanted=self.settings.target == "minikube")
        yield program
        if program.found:
            answer = self._ask(minikube.profile_list())
            listed = answer.stdout if answer is not None else ""
            yield from way_in.profile(self.settings, listed)
            yield from self._profile_room(listed)
        # A context that is named is wanted, whatever the target.
        needed = self._needs_engine or bool(self.settings.context)
        yield from way_in.examine(self.settings, self.runner, needed=needed)
        yield from self._room(state)
        yield from aiops.examine(self.settings, self.runner)
        yield from self._abandoned()

    def _abandoned(self) -> Iterator[Finding]:
        """Local deployments of checkouts that were deleted or moved to another disk: nothing else tells of them."""
        for folder, root in abandoned():
            pids = sorted(path.read_text(encoding="utf-8").strip() for path in folder.glob("local/*/supervisord.pid"))
            end = f"kill {' '.join(pids)}; " if pids else ""
            yield Finding("local state", f"of {root}, which no longer exists", "none", "warn", f"{end}rm -r '{folder}'")

    @property
    def _needs_engine(self) -> bool:
        return self.settings.target in {"kind", "minikube", "context"}

    def _ask(self, argv: list[str], env: Environment | None = None) -> Result | None:
        """The answer of a program; None when it is not installed or does not come to an end."""
        try:
            return self.runner.run(argv, env=env, timeout=ANSWER_SECONDS, check=False)
        except KubetasksError:
            return None

    def _program(self, name: str, argv: list[str], needed: Version, *, wanted: bool) -> Finding:
        words = f"{shown(needed)} or newer" + ("" if wanted else " (optional)")
        absent: Status = "missing" if wanted else "warn"
        result = self._ask(argv)
        if result is None:
            return Finding(name, "", words, absent if wanted else "ok", HINTS[name] if wanted else "")
        found = version_in(result.stdout)
        if found >= needed:
            return Finding(name, shown(found), words, "ok")
        return Finding(name, shown(found) or "no version in what it prints", words, absent, HINTS[name])

    def _engine(self) -> tuple[list[Finding], dict[str, Any]]:
        absent: Status = "missing" if self._needs_engine else "warn"
        optional = "" if self._needs_engine else " (the local target needs none)"
        client = self._ask(docker.client_version())
        if client is None:
            return [Finding("docker", "", f"{shown(DOCKER)} or newer{optional}", absent, HINTS["docker"])], {}
        version = version_in(client.stdout)
        findings = [
            Finding(
                "docker", shown(version), f"{shown(DOCKER)} or newer{optional}",
                *judged(version >= DOCKER, absent, HINTS["docker"]),
            )
        ]  # fmt: skip
        try:
            findings.append(Finding("docker build", f"with {builder(self.runner)}", "BuildKit", "ok"))
        except KubetasksError as error:
            findings.append(Finding("docker build", error.why, "BuildKit", absent, error.fix))
        answer = self._ask(docker.info())
        state = engine_state(answer.stdout) if answer is not None else {}
        if state:
            findings.append(Finding("docker engine", state["ServerVersion"], "answers", "ok"))
        else:
            denied = answer is not None and "permission denied" in "\n".join(answer.lines)
            found = "permission denied" if denied else "does not answer"
            findings.append(Finding("docker engine", found, f"answers{optional}", absent, self._start(denied=denied)))
        return findings, state

    def _start(self, *, denied: bool) -> str:
        if denied:
            return "sudo usermod -aG docker $USER, then log in again"
        return {"Linux": "sudo systemctl start docker", "Darwin": "open -a Docker"}.get(
            self.machine.system, "start Docker Desktop"
        )

    def _build_takes(self, env: Environment, copies: int) -> float:
        """How many GiB building every image may take, with the reserve; see ``kubetasks.images.room``."""
        repositories = [
            f"{self.settings.images.repository}/{self.settings.project}-{name}" for name in self.settings.services
        ]
        if not repositories:
            return 0.0
        answer = self._ask(docker.image_ls(), env)
        there = docker.parse_image_ls(answer.stdout) if answer is not None else []
        return (room.estimate(repositories, there, copies) + room.RESERVE) / GIB

    def _profile_room(self, listed: str) -> Iterator[Finding]:
        """Disk of the engine inside the minikube profile of the settings, where that engine builds."""
        facts = ProfileFacts(self.settings.minikube.profile, self.runner)
        there = [each for each in minikube.parse_profiles(listed) if each.name == facts.name and each.running]
        if not there or (there[0].runtime, there[0].nodes) != ("docker", 1) or there[0].driver == "none":
            return
        try:
            free, env = engine_disk.inside(self.runner, there[0]), facts.engine().env
        except KubetasksError:
            return
        if free is None or not env:
            return
        needed = self._build_takes(env, 1) or room.RESERVE / GIB
        fix = f"inv image.prune, or minikube -p {facts.name} ssh -- docker system prune"
        found = f"{free / GIB:.1f} GiB free in {facts.name}"
        yield Finding("profile disk", found, f"{needed:.1f} GiB", *judged(free / GIB >= needed, "warn", fix))

    def _room(self, state: dict[str, Any]) -> Iterator[Finding]:
        """Disk where images go, memory, and the generation of control groups."""
        folder = Path(state.get("DockerRootDir") or self.root)
        disk = self.machine.free_disk(folder if folder.exists() else self.root) / GIB
        fix = "docker system prune" if state else f"make room below {self.root}"
        needed = max(float(DISK_GIB), self._build_takes({}, 2) if state else 0.0)
        yield Finding("disk", f"{disk:.1f} GiB free", f"{needed:.1f} GiB", *judged(disk >= needed, "warn", fix))
        memory = self.machine.available_memory() / GIB
        if memory:
            yield Finding(
                "memory", f"{memory:.1f} GiB available", f"{MEMORY_GIB} GiB",
                *judged(memory >= MEMORY_GIB, "warn", "stop other programs, or give the engine's machine more"),
            )  # fmt: skip
        if state:
            generation = str(state.get("CgroupVersion", ""))
            # From Kubernetes 1.35 on a kubelet refuses version 1 unless configured otherwise (failCgroupV1).
            yield Finding(
                "cgroup", f"version {generation}", "version 2 for Kubernetes 1.35 and newer",
                *judged(generation != "1", "warn", "set kind.node_image to Kubernetes 1.34, or boot with version 2"),
            )  # fmt: skip
