"""`inv deploy` against the plain script (`eval $(minikube docker-env)`, bench/plain.sh), without a Minikube.

    python -m bench.minikube --cluster NAME [--runs 3] [--offline]

The cluster is kind's. Minikube is the tests' fake (tests/fakes/minikube.py), which takes as long for an answer as the
real one did. The engine inside the profile is a second container engine. Both sides use the same three, in turn, in the
same run; what counts is the ratio of the medians:

- first: a new namespace, images neither on the node nor in the engine (its build cache for the dependencies stays);
- line: one source line of one service changed;
- verified: the same, with `inv deploy` verifying, which the plain script does not do.

With a real Minikube what is built in the engine is in the node's image store. Here a wrapper of docker copies it there
after each build, on both sides. The time in which only that ran is taken off both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from bench.deploy import ROOT, Bench, run
from tests.fakes.minikube import install
from tests.inside import docker, engine, give_to_node

PROFILE = "minikube"
# `profile list` and `docker-env` together took 0.7 s on a real minikube 1.38.1 (docker driver). Seconds of each call.
DELAYS = {"profile list": 0.35, "docker-env": 0.35}
LIMITS = {"first": 1.0, "line": 0.8, "verified": 0.9}
WRAPPER = """#!{python}
import os, subprocess, sys, time
words, real = sys.argv[1:], {real!r}

def timed(kind, argv, **more):
    began = time.monotonic()
    code = subprocess.call(argv, **more)
    with open({log!r}, "a") as log:
        log.write(f"{{kind}} {{began}} {{time.monotonic()}}\\n")
    return code

inside = os.environ.get("DOCKER_HOST") == {engine!r} and words[:1] in (["build"], ["tag"])
code = timed("build" if words[0] == "build" else "tag", [real, *words]) if inside else subprocess.call([real, *words])
if inside and code == 0:
    at = [number for number, word in enumerate(words, 1) if word in ("-t", "--tag")]
    names = [words[-1]] if words[0] == "tag" else [words[number] for number in at]
    into = f"env -u DOCKER_HOST {{real}} exec -i {node} ctr -n k8s.io images import -"
    if timed("copy", ["sh", "-c", f"{{real}} save {{' '.join(names)}} | {{into}} >/dev/null"]):
        sys.exit("the image was not copied to the node")
sys.exit(code)
"""


def alone(log: str) -> float:
    """Seconds in which an image was copied to the node and nothing was built."""
    rows = [line.split() for line in log.splitlines()]
    spans = [(kind, float(began), float(ended)) for kind, began, ended in rows]
    edges = sorted({edge for _, *both in spans for edge in both})
    seconds = 0.0
    for left, right in pairwise(edges):
        under_way = {kind for kind, began, ended in spans if began <= left and right <= ended}
        seconds += right - left if under_way == {"copy"} else 0.0
    return seconds


class MinikubeBench(Bench):
    """Both sides with the fake profile."""

    def __init__(self, cluster: str, runs: int, offline: bool, work: Path, address: str) -> None:
        super().__init__(cluster, runs, offline, work)
        self.address, self.node = address, f"{cluster}-control-plane"
        self.limits = LIMITS
        self.engine = {"DOCKER_HOST": address}
        self.log = work / "docker.log"
        home, kubeconfig = work / "minikube", work / "kubeconfig"
        install(home, {"profile": PROFILE, "runtime": "docker", "engine": address, "delays": DELAYS})
        words = ["kubectl", "--context", self.context, "config", "view", "--raw", "--minify", "--flatten"]
        shown = subprocess.run(words, env=self.env, capture_output=True, text=True, check=True)
        kubeconfig.write_text(shown.stdout.replace(self.context, PROFILE))
        found = subprocess.run(["which", "docker"], env=self.env, capture_output=True, text=True, check=True)
        wrapper = home / "docker"
        wrapper.write_text(
            WRAPPER.format(
                python=sys.executable, real=found.stdout.strip(), log=str(self.log), engine=address, node=self.node
            )
        )
        wrapper.chmod(0o755)
        self.context = PROFILE
        self.env |= {
            "PATH": os.pathsep.join([str(home), self.env["PATH"]]),
            "KUBECONFIG": str(kubeconfig),
            "MINIKUBE_HOME": str(home),
            "XDG_STATE_HOME": str(work / "state"),
        }

    def prepare(self) -> None:
        """Give both engines the base images, and the builder its cache for the dependencies."""
        for reference in (self.base, self.postgres):
            if docker("image", "inspect", reference).returncode and docker("pull", reference).returncode:
                sys.exit(f"there is no image {reference}")
            with subprocess.Popen(["docker", "save", reference], stdout=subprocess.PIPE) as saved:
                docker("load", engine=self.address, stdin=saved.stdout)
            give_to_node(self.node, [reference])
        self.forget()
        self.script()
        self.deploy("--no-verify")

    def timed(self, argv: list[str], folder: Path, env: dict[str, str]) -> float:
        """Seconds that a command took, without those in which only the wrapper worked."""
        self.log.write_text("")
        return run(argv, folder, env) - alone(self.log.read_text())

    def deploy(self, *words: str) -> float:
        argv = [sys.executable, "-m", "invoke", "deploy", "--target", "minikube", *words]
        return self.timed(argv, self.ours, {**self.env, "KUBETASKS_NAMESPACE": "bench-ours"})

    def script(self, *words: str) -> float:
        argv = [str(self.plain / "bench/plain.sh"), PROFILE, f"minikube:{PROFILE}", "bench-plain"]
        return self.timed([*argv, self.base, self.postgres, *words], self.plain, self.env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", default="kubetasks", help="the kind cluster's name")
    parser.add_argument("--runs", type=int, default=3, help="how often each situation is measured")
    parser.add_argument("--offline", action="store_true", help="use the images of docker/offline")
    parser.add_argument("--out", default="bench/results/minikube.json", help="where the figures go")
    args = parser.parse_args()
    dockerd = "/usr/sbin/dockerd" if Path("/usr/sbin/dockerd").exists() else "dockerd"
    with tempfile.TemporaryDirectory() as folder, engine(dockerd) as address:
        bench = MinikubeBench(args.cluster, args.runs, args.offline, Path(folder), address)
        bench.prepare()
        restart: Callable[[], float] = lambda: bench.script("restart")  # noqa: E731
        results = [
            bench.measure("line", bench.edit, restart),
            bench.measure("verified", bench.edit, restart, verify=True),
            bench.measure("first", bench.forget, bench.script),
        ]
        bench.forget()
    for each in results:
        print(json.dumps(each))
    out = ROOT / args.out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    if not all(each["holds"] for each in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
