"""`inv deploy` against the plain script (bench/plain.sh) on one kind cluster, in turn, in one run.

    python bench/deploy.py --cluster kubetasks [--runs 5] [--offline]

Three situations, each RUNS times, the two in turn; what counts is the ratio of the medians:

- first: a new namespace, images neither on the node nor in the engine (its build cache for the dependencies stays);
- line: one source line of one service changed;
- nothing: nothing changed.

The plain script does not verify, so `inv deploy --no-verify` is measured against it;
with verify is a figure of its own.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"nothing": 0.1, "line": 0.5, "first": 1.0}


def run(argv: list[str], cwd: Path, env: dict[str, str]) -> float:
    """Seconds that a command took; its output only when it failed."""
    began = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(argv)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return seconds


def copy(to: Path) -> None:
    """A checkout of its own, with the environment of this one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


class Bench:
    """Both sides, each with its checkout and namespace."""

    def __init__(self, cluster: str, runs: int, offline: bool, work: Path) -> None:
        self.cluster, self.runs = cluster, runs
        self.context = f"kind-{cluster}"
        self.ours, self.plain = work / "ours", work / "plain"
        for folder in (self.ours, self.plain):
            copy(folder)
        cache = Path(os.environ.get("KUBETASKS_CACHE") or Path.home() / ".cache" / "kubetasks") / "bin"
        path = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent), str(cache)])
        self.env = {**os.environ, "PATH": path, "DOCKER_BUILDKIT": "1", "KUBETASKS_OFFLINE": "1" if offline else "0"}
        if offline and Path("/usr/bin/docker").exists():
            # The client with BuildKit built in, for both sides; see docker/offline.
            self.env["PATH"] = f"/usr/bin{os.pathsep}{path}"
        self.base = "kubetasks.local/python:3.11" if offline else "python:3.11-slim"
        self.postgres = "kubetasks.local/postgres:15" if offline else "postgres:17"
        self.edits = 0
        self.limits = LIMITS
        # What leads docker to the engine that builds, where that is not the host's.
        self.engine: dict[str, str] = {}

    @property
    def allowed(self) -> dict[str, str]:
        return {"KUBETASKS_NAMESPACE": "bench-ours", "KUBETASKS_KIND_NAME": self.cluster}

    def deploy(self, *words: str) -> float:
        launcher = [sys.executable, "-m", "invoke", "deploy", "--target", "kind", *words]
        return run(launcher, self.ours, {**self.env, **self.allowed})

    def script(self, *words: str) -> float:
        argv = [str(self.plain / "bench/plain.sh"), self.context, self.cluster, "bench-plain", self.base, self.postgres]
        return run([*argv, *words], self.plain, self.env)

    def edit(self) -> None:
        """Change one line of the backend, alike on both sides."""
        self.edits += 1
        for folder in (self.ours, self.plain):
            with (folder / "app/backend/main.py").open("a") as file:
                file.write(f"\nEDIT = {self.edits}\n")

    def forget(self) -> None:
        """No namespaces, no images of either side, in the engine or on the node."""
        kubectl = ["kubectl", "--context", self.context]
        run([*kubectl, "delete", "namespace", "bench-ours", "bench-plain", "--ignore-not-found"], ROOT, self.env)
        listed = subprocess.run(
            ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"],
            env={**self.env, **self.engine}, capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        mine = [name for name in listed if name.startswith(("plain/", "kubetasks/todo-"))]
        if mine:
            run(["docker", "rmi", "--force", *mine], ROOT, {**self.env, **self.engine})
        node = f"{self.cluster}-control-plane"
        clean = (
            "ctr -n k8s.io images ls -q | grep -E 'plain/|kubetasks/todo-' | xargs -r ctr -n k8s.io images rm --sync"
        )
        run(["docker", "exec", node, "sh", "-c", f"{clean}; sleep 2"], ROOT, self.env)

    def measure(
        self, name: str, before: Callable[[], None], plain: Callable[[], float], *, verify: bool = False
    ) -> dict[str, object]:
        """One situation, both sides in turn."""
        words = [] if verify else ["--no-verify"]
        ours_seconds: list[float] = []
        plain_seconds: list[float] = []
        for number in range(self.runs):
            before()
            sides: list[Callable[[], None]] = [
                lambda: ours_seconds.append(self.deploy(*words)),
                lambda: plain_seconds.append(plain()),
            ]
            for side in sides if number % 2 else sides[::-1]:
                side()
            print(f"{name} {number + 1}/{self.runs}: ours {ours_seconds[-1]:.2f}s plain {plain_seconds[-1]:.2f}s")
        ratio = statistics.median(ours_seconds) / statistics.median(plain_seconds)
        return {
            "situation": name,
            "ours": [round(each, 2) for each in ours_seconds],
            "plain": [round(each, 2) for each in plain_seconds],
            "ratio": round(ratio, 3),
            "limit": self.limits[name],
            "holds": ratio <= self.limits[name],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", default="kubetasks", help="the kind cluster's name")
    parser.add_argument("--runs", type=int, default=5, help="how often each situation is measured")
    parser.add_argument("--offline", action="store_true", help="use the images of docker/offline")
    parser.add_argument("--out", default="bench/results/deploy.json", help="where the figures go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.cluster, args.runs, args.offline, Path(folder))
        results = [
            bench.measure("first", bench.forget, bench.script),
            bench.measure("line", bench.edit, lambda: bench.script("restart")),
            bench.measure("nothing", lambda: None, bench.script),
        ]
        bench.edit()
        verified = bench.deploy()
        bench.forget()
    for each in results:
        print(json.dumps(each))
    print(json.dumps({"line with verify": round(verified, 2)}))
    out = ROOT / args.out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    if not all(each["holds"] for each in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
