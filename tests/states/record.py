"""Record states of a real cluster: ``python -m tests.states.record [--live] [--only NAME…] [--folder faults]``.

For each fault of the catalogue: a namespace of its own, the fault applied, a snapshot some seconds after the first sign
of trouble and one when the state has settled. With ``--live`` the fix that the finding prints is run as it is, and the
namespace has to become healthy. It needs a kind cluster with the images of docker/offline; ``--context`` names it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.collect import take
from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.runner import SystemRunner
from kubetasks.targets.base import Cluster
from kubetasks.targets.detect import default_kubeconfig
from kubetasks.targets.kubectl_store import KubectlStore
from tests.states.catalogue import FOLDERS, HERE, Fault, Object, load

RECORDED: Final = HERE / "recorded"
# Fault to the seconds until its own fix had made the namespace healthy.
LIVE: Final = RECORDED / "live.json"
EARLY: Final = 4.0
HEALS: Final = 120.0
SLOW: Final = 60.0
CLUSTER_WIDE: Final = ("IngressClass", "StorageClass", "PriorityClass", "PersistentVolume")


@dataclass
class Outcome:
    """How a fault went."""

    fault: Fault
    ok: bool = False
    first: str = ""
    wrong: list[str] = field(default_factory=list)
    early: str = ""
    healed: str = ""

    def line(self) -> str:
        """One line for the report."""
        mark = "ok  " if self.ok and not self.wrong else "FAIL"
        more = f" [early: {self.early or 'nothing'}]" + (f" [fixed in {self.healed}]" if self.healed else "")
        return f"{mark} {self.fault.family}/{self.fault.name}{more}: {self.first}" + "".join(
            f"\n       {each}" for each in self.wrong
        )


@dataclass
class Recorder:
    """Runs faults on a cluster."""

    context: str
    live: bool
    keep: bool = False
    write: bool = True
    kubeconfig: str = ""
    # Do not wait until the state has settled: go on as soon as what is expected is found.
    hurry: bool = False

    @property
    def env(self) -> dict[str, str]:
        """For kubectl, here and in the fixes."""
        return {**os.environ, **({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {})}

    def kubectl(self, space: str, *words: str, text: str | None = None, check: bool = True) -> str:
        argv = ["kubectl", "--context", self.context, *(["-n", space] if space else []), *words]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=180, env=self.env)
        if check and done.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    def snapshot(self, space: str) -> Snapshot:
        cluster = Cluster(self.context, space, kubeconfig=self.kubeconfig)
        return take(KubectlStore(cluster, SystemRunner(Path.cwd())))

    def run(self, fault: Fault) -> Outcome:
        space = f"kt-{fault.name}"[:63]
        outcome = Outcome(fault)
        try:
            self.inject(fault, space)
            self._observe(fault, space, outcome)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            outcome.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            if not self.keep:
                self.remove(fault, space)
        print(outcome.line(), flush=True)
        return outcome

    def remove(self, fault: Fault, space: str) -> None:
        """Delete what was applied; the namespace goes in the background."""
        for item in fault.objects():
            if item["kind"] in CLUSTER_WIDE:
                name = item["metadata"]["name"]
                self.kubectl("", "delete", item["kind"].lower(), name, "--ignore-not-found", check=False)
        self.kubectl("", "delete", "namespace", space, "--wait=false", "--ignore-not-found", check=False)

    def inject(self, fault: Fault, space: str) -> None:
        """Create the namespace and apply the fault."""
        self.kubectl("", "create", "namespace", space)
        deadline = time.monotonic() + 20
        while "default" not in self.kubectl(space, "get", "serviceaccount", "-o", "name", check=False):
            if time.monotonic() > deadline:
                raise RuntimeError("no default service account")
            time.sleep(0.3)
        labels = [f"{key}={value}" for key, value in (fault.entry.get("namespace") or {}).items()]
        if labels:
            self.kubectl("", "label", "namespace", space, *labels)
        if fault.entry.get("before"):
            self.kubectl(space, "apply", "-f", "-", text=str(fault.entry["before"]))
            time.sleep(2)
        if fault.entry.get("first"):
            self.kubectl(space, "apply", "-f", "-", text=as_list(fault.healthy()))
            self._wait_ready(space)
        self.kubectl(space, "apply", "-f", "-", text=as_list(fault.objects()))
        for command in fault.entry.get("then") or ():
            time.sleep(1)
            self.kubectl(space, *command.split())

    def _wait_ready(self, space: str) -> None:
        for kind in ("deployment", "statefulset"):
            names = self.kubectl(space, "get", kind, "-o", "name").split()
            for name in names:
                self.kubectl(space, "rollout", "status", name, "--timeout=90s")

    def _observe(self, fault: Fault, space: str, outcome: Outcome) -> None:
        for name in fault.entry.get("ready") or ():
            self.kubectl(space, "rollout", "status", name.lower(), "--timeout=170s")
        began = time.monotonic()
        while time.monotonic() - began < min(fault.settle, 15) and not in_trouble(
            json.loads(self.kubectl(space, "get", "pods", "-o", "json"))
        ):
            time.sleep(0.5)
        if self.hurry:
            self._hurry(fault, space, outcome, began)
            return
        time.sleep(EARLY)
        early = self.snapshot(space)
        time.sleep(max(fault.settle - (time.monotonic() - began), 0))
        settled = self.snapshot(space)
        if self.write:
            save(fault, early, "early")
            save(fault, settled, "settled")
        findings = diagnose(settled)
        soon = diagnose(early)
        outcome.early = "; ".join(each.id for each in soon)
        judge(fault, findings, outcome)
        if not fault.expected and not fault.entry.get("unsettled"):
            outcome.wrong += [f"found early {each.id}: {each.line}" for each in soon]
        if self.live and fault.heals and outcome.ok:
            self._fix(fault, space, findings, outcome)

    def _hurry(self, fault: Fault, space: str, outcome: Outcome, began: float) -> None:
        findings: list[Finding] = []
        while (not outcome.ok or outcome.wrong) and time.monotonic() - began < fault.settle + SLOW:
            time.sleep(2)
            outcome.wrong.clear()
            findings = diagnose(self.snapshot(space))
            judge(fault, findings, outcome)
        if self.live and fault.heals and outcome.ok:
            self._fix(fault, space, findings, outcome)

    def _fix(self, fault: Fault, space: str, findings: Sequence[Finding], outcome: Outcome) -> None:
        for finding in findings:
            if finding.fix.kind == "words":
                outcome.wrong.append(f"the fix is words: {finding.fix.text}")
                return
            done = subprocess.run(
                ["bash", "-c", finding.fix.text],
                capture_output=True,
                text=True,
                check=False,
                timeout=90,
                stdin=subprocess.DEVNULL,
                env=self.env,
            )
            if done.returncode:
                outcome.wrong.append(f"the fix fails: {finding.fix.text}: {done.stderr.strip()}")
                return
        deadline = time.monotonic() + HEALS
        left: list[Finding] = []
        while time.monotonic() < deadline:
            time.sleep(2)
            snapshot = self.snapshot(space)
            left = diagnose(snapshot)
            if not left and is_ready(snapshot):
                outcome.healed = f"{HEALS - (deadline - time.monotonic()):.0f} s"
                return
        outcome.wrong.append(f"not healthy after its fix {findings[0].fix.text!r}: {[each.cause for each in left]}")


def as_list(items: Sequence[Object]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def in_trouble(pods: Object) -> bool:
    """Whether any pod shows a first sign of trouble."""
    for pod in pods.get("items", []):
        status = pod.get("status", {})
        for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
            state = each.get("state") or {}
            if (state.get("terminated") or {}).get("exitCode") or each.get("restartCount"):
                return True
            if (state.get("waiting") or {}).get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
                return True
        if any(each.get("reason") == "Unschedulable" for each in status.get("conditions") or ()):
            return True
    return False


def is_ready(snapshot: Snapshot) -> bool:
    """Whether every workload of a snapshot is as it is to be."""
    for item in snapshot.objects:
        status, spec = item.get("status") or {}, item.get("spec") or {}
        if item["kind"] in {"Deployment", "StatefulSet"} and status.get("readyReplicas", 0) != spec.get("replicas", 1):
            return False
        if item["kind"] == "Deployment" and status.get("updatedReplicas", 0) != spec.get("replicas", 1):
            return False
        if item["kind"] == "DaemonSet" and status.get("numberReady", 0) < max(
            status.get("desiredNumberScheduled", 1), 1
        ):
            return False
        if item["kind"] == "Job" and not status.get("succeeded"):
            return False
        if (
            item["kind"] == "Pod"
            and not item["metadata"].get("ownerReferences")
            and status.get("phase") not in {"Running", "Succeeded"}
        ):
            return False
    return True


def judge(fault: Fault, findings: Sequence[Finding], outcome: Outcome) -> None:
    """Compare what was found with what the catalogue expects."""
    outcome.first = findings[0].line if findings else "nothing found"
    ids = [each.id for each in findings]
    if not fault.expected:
        outcome.ok = not findings
        outcome.wrong += [f"found {each.id}: {each.line}" for each in findings]
        return
    wanted = set(fault.expected)
    if fault.entry.get("any"):
        outcome.ok = bool(ids) and ids[0] in wanted and len(ids) == 1
    else:
        outcome.ok = set(ids) == wanted and len(ids) == len(fault.expected)
    if not outcome.ok:
        outcome.wrong.append(f"expected {fault.expected}, found {ids}")
        outcome.wrong += [f"    {each.id}: {each.line}" for each in findings[1:]]
    missing = [word for word in fault.words if findings and word not in findings[0].cause]
    if missing:
        outcome.wrong.append(f"the cause does not name {missing}")
    if (
        findings
        and fault.fix not in {"any", findings[0].fix.kind}
        and not (fault.fix == "command" and findings[0].fix.kind == "patch")
    ):
        outcome.wrong.append(f"the fix is {findings[0].fix.kind}, expected {fault.fix}")


def save(fault: Fault, snapshot: Snapshot, when: str) -> None:
    folder = RECORDED / fault.family
    folder.mkdir(parents=True, exist_ok=True)
    text = snapshot.to_json()
    # The address of the cluster and the like are of no interest; the names of other namespaces neither.
    (folder / f"{fault.name}.{when}.json").write_text(
        re.sub(r'"uid": "[0-9a-f]{8}-', lambda match: match[0], text), encoding="utf-8"
    )


def live() -> dict[str, float]:
    """The faults that were fixed by their own command."""
    found: dict[str, float] = json.loads(LIVE.read_text(encoding="utf-8")) if LIVE.exists() else {}
    return found


def note(outcomes: Sequence[Outcome]) -> None:
    """Keep which faults were fixed, and which no longer are."""
    known = live()
    for each in outcomes:
        known.pop(each.fault.name, None)
        if each.healed:
            known[each.fault.name] = float(each.healed.split()[0])
    LIVE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", default="kind-kubetasks")
    parser.add_argument("--kubeconfig", default=default_kubeconfig() or str(Path.home() / ".kube" / "config"))
    parser.add_argument("--folder", default="faults", choices=list(FOLDERS))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--live", action="store_true", help="run the fix and wait until the namespace is healthy")
    parser.add_argument("--keep", action="store_true", help="keep the namespaces")
    parser.add_argument("--no-write", action="store_true", help="keep the recorded states as they are")
    parser.add_argument(
        "--hurry", action="store_true", help="go on as soon as what is expected is found; records nothing"
    )
    parser.add_argument("--at-once", type=int, default=4)
    given = parser.parse_args(argv)
    chosen = [
        each
        for each in load(given.folder)
        if not given.only or any(re.search(word, f"{each.family}/{each.name}") for word in given.only)
    ]
    recorder = Recorder(
        given.context, given.live, given.keep, not given.no_write, kubeconfig=given.kubeconfig, hurry=given.hurry
    )
    with ThreadPoolExecutor(given.at_once) as pool:
        outcomes = list(pool.map(recorder.run, chosen))
    if given.live:
        note(outcomes)
    good = [each for each in outcomes if each.ok and not each.wrong]
    fixed = [each for each in outcomes if each.healed]
    print(f"{len(good)} of {len(outcomes)} as expected; {len(fixed)} fixed by their own command")
    return 0 if len(good) == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
