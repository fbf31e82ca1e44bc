"""Compare ``inv diagnose`` with what is there without it: ``python -m bench.diagnose --context kind-NAME``.

For the same faults on the same cluster: the first line of a diagnosis, ``kubectl describe`` of all that was applied and
of its pods, ``kubectl events``, and ``helm upgrade --install --wait``. A tool *names* the cause where one line of its
output has every word that the catalogue wants in it. This is generous to tools that print whole objects. *First* means
that this is their first line, or their first warning.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kubetasks.diagnose import diagnose
from tests.states.catalogue import Fault, load
from tests.states.record import Recorder

HELM_WAITS: Final = 40
DESCRIBED: Final = "deployment,replicaset,statefulset,daemonset,job,cronjob,pod,service,ingress,pvc,quota,networkpolicy"


@dataclass
class Result:
    """What the tools say of one fault.

    Args:
        fault: the fault.
        answer: whether the first line of the diagnosis is the cause.
        seconds: how long the diagnosis took.
        named: tool to whether it names the cause.
        first: tool to whether it does so in its first line or warning.
        lines: tool to how many lines it prints.
        helm: seconds until Helm gave up; 0 where it could not run.
    """

    fault: Fault
    answer: bool = False
    seconds: float = 0.0
    named: dict[str, bool] = field(default_factory=dict)
    first: dict[str, bool] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    helm: float = 0.0

    def judge(self, tool: str, text: str) -> None:
        """Note whether a text names the cause."""
        lines = [line for line in text.splitlines() if line.strip()]
        hits = [line for line in lines if all(word in line for word in self.fault.words)]
        warnings = [line for line in lines if re.search(r"\bWarning\b|^Error|error:", line)]
        self.lines[tool] = len(lines)
        self.named[tool] = bool(hits)
        self.first[tool] = bool(hits) and hits[0] in {*lines[:1], *warnings[:1]}


def measure(recorder: Recorder, fault: Fault) -> Result:
    """Inject a fault, ask every tool, and remove it."""
    result = Result(fault)
    space = f"kt-{fault.name}"[:63]
    try:
        recorder.inject(fault, space)
        deadline = time.monotonic() + fault.settle + 45
        while not result.answer and time.monotonic() < deadline:
            time.sleep(2)
            began = time.monotonic()
            findings = diagnose(recorder.snapshot(space))
            result.seconds = time.monotonic() - began
            result.answer = bool(findings) and findings[0].id in fault.expected
        result.judge("kubectl describe", recorder.kubectl(space, "describe", DESCRIBED, check=False))
        result.judge("kubectl events", recorder.kubectl(space, "events", "--types=Warning", check=False))
    finally:
        recorder.remove(fault, space)
    if not (fault.entry.get("then") or fault.entry.get("before") or fault.entry.get("namespace")):
        _helm(recorder, fault, result)
    return result


def _helm(recorder: Recorder, fault: Fault, result: Result) -> None:
    """Install the same objects as a chart, and wait."""
    space = f"kt-helm-{fault.name}"[:63]
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder)
        (chart / "templates").mkdir()
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: fault\nversion: 0.1.0\n", encoding="utf-8")
        argv = ["helm4", "--kube-context", recorder.context, "-n", space, "upgrade", "--install", "fault", folder]
        argv += ["--create-namespace", "--wait", f"--timeout={HELM_WAITS}s"]
        try:
            for objects in ([fault.healthy()] if fault.entry.get("first") else []) + [fault.objects()]:
                text = "---\n".join(json.dumps(item) + "\n" for item in objects)
                # Braces of templates are none here.
                text = text.replace("{{", '{{ "{{" }}')
                (chart / "templates" / "all.yaml").write_text(text, encoding="utf-8")
                began = time.monotonic()
                done = subprocess.run(
                    argv, capture_output=True, text=True, check=False, timeout=HELM_WAITS + 90, env=recorder.env
                )
            result.helm = time.monotonic() - began
            result.judge("helm --wait", done.stderr if done.returncode else "")
        finally:
            recorder.remove(fault, space)


def table(results: Sequence[Result]) -> str:
    """The result as Markdown."""
    every = len(results)
    seconds = [each.seconds for each in results]
    own = sum(each.answer for each in results)
    rows = [
        "| | names the cause | in the first line or warning | lines to read, median | time |",
        "| --- | --- | --- | --- | --- |",
        f"| `inv diagnose` | {own} of {every} | {own} of {every} | 1 | {statistics.median(seconds):.1f} s median |",
    ]
    for tool in ("kubectl describe", "kubectl events", "helm --wait"):
        tried = [each for each in results if tool in each.named]
        helm = f"{statistics.median(each.helm for each in tried):.0f} s median" if tool == "helm --wait" else ""
        rows.append(
            f"| `{tool}` | {sum(each.named[tool] for each in tried)} of {len(tried)} "
            f"| {sum(each.first[tool] for each in tried)} of {len(tried)} "
            f"| {statistics.median(each.lines[tool] for each in tried):.0f} | {helm} |"
        )
    return "\n".join(rows)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", required=True)
    parser.add_argument("--kubeconfig", default=str(Path.home() / ".kube" / "config"))
    parser.add_argument("--folder", default="held", choices=["faults", "held"])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--at-once", type=int, default=4)
    given = parser.parse_args(argv)
    chosen = [
        each
        for each in load(given.folder)
        if each.words and (not given.only or any(re.search(word, f"{each.family}/{each.name}") for word in given.only))
    ]
    recorder = Recorder(given.context, live=False, write=False, kubeconfig=given.kubeconfig)
    with ThreadPoolExecutor(given.at_once) as pool:
        results = list(pool.map(lambda each: measure(recorder, each), chosen))
    print(table(results))
    for each in results:
        marks = " ".join(
            f"{tool}: {'first' if each.first[tool] else 'yes' if named else 'no'}" for tool, named in each.named.items()
        )
        print(f"- {each.fault.name}: diagnose {'yes' if each.answer else 'NO'} in {each.seconds:.1f} s; {marks}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
