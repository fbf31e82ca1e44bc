"""A real kind cluster for the session, a checkout of its own and a fresh namespace for every test."""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_kind.cluster import KindCluster

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "e2e-artifacts"
NAME = "kubetasks-e2e"
OFFLINE = os.environ.get("KUBETASKS_OFFLINE", "0") not in {"", "0", "false"}
CACHE = Path(os.environ.get("KUBETASKS_CACHE") or Path.home() / ".cache" / "kubetasks") / "bin"
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent), str(CACHE)])

pytest_plugins: list[str] = []


def need(program: str, how: str) -> Path:
    """The path of a program. Its absence is a failure, not a skip: this suite exists to run on a real cluster."""
    found = shutil.which(program, path=SEARCH)
    if found is None:
        pytest.fail(f"{program} is missing; get it: {how}", pytrace=False)
    return Path(found)


@dataclass(frozen=True)
class Cluster:
    """The kind cluster: its context, and a kubeconfig that holds nothing else."""

    kubeconfig: Path

    @property
    def context(self) -> str:
        return f"kind-{NAME}"

    def kubectl(self, *words: str, input: str | None = None, check: bool = True) -> str:  # noqa: A002
        argv = [
            str(need("kubectl", "./inv brings one")),
            "--kubeconfig",
            str(self.kubeconfig),
            "--context",
            self.context,
        ]
        done = subprocess.run([*argv, *words], input=input, capture_output=True, text=True, check=False, timeout=180)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
        return done.stdout

    def objects(self, kinds: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        chosen = ["--selector", selector] if selector else []
        text = self.kubectl("--namespace", namespace, "get", kinds, *chosen, "--output", "json")
        found: list[dict[str, Any]] = json.loads(text)["items"]
        return found


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    docker = need("docker", "https://docs.docker.com/get-docker/, or docker/offline/up")
    if subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        pytest.fail("the container engine does not answer; start it, or run docker/offline/up", pytrace=False)
    option = pytestconfig.getoption
    kind = Path(option("kind_bin") or need("kind", "https://kind.sigs.k8s.io/, or docker/offline/up"))
    kubectl = Path(option("kind_kubectl_bin") or need("kubectl", "./inv brings one"))
    image = option("kind_image") or ("kubetasks.local/kind-node:v1.34.4" if OFFLINE else None)
    kubeconfig = tmp_path_factory.mktemp("kube") / "config"
    made = KindCluster(NAME, kubeconfig, image=image, kind_path=kind, kubectl_path=kubectl)
    # pytest-kind takes an existing cluster without writing its kubeconfig, so there must not be one.
    subprocess.run([kind, "delete", "cluster", "--name", NAME], capture_output=True, check=False)
    made.create(ROOT / "docker" / "offline" / "kind.yaml" if OFFLINE else None)
    found = Cluster(kubeconfig)
    found.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=180s")
    yield found
    if not option("keep_cluster"):
        made.delete()


@dataclass
class Checkout:
    """A copy of the project's files, and the tasks run in it."""

    path: Path
    namespace: str
    env: dict[str, str]
    log: Path
    outputs: list[str] = field(default_factory=list)

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "invoke", *words]

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv(*words),
            cwd=self.path,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def inv(self, *words: str, code: int = 0, env: Mapping[str, str] | None = None, timeout: float = 400) -> str:
        """Run a task; its exit code must be ``code``. Returns everything it printed."""
        began = time.monotonic()
        with self.start(*words, env=env) as process:
            try:
                out, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, _ = process.communicate()
                raise AssertionError(f"inv {' '.join(words)} did not end in {timeout:g} s:\n{out}") from None
        self.outputs.append(out)
        with self.log.open("a") as log:
            log.write(
                f"$ inv {' '.join(words)}   [{time.monotonic() - began:.1f}s, exit {process.returncode}]\n{out}\n"
            )
        assert process.returncode == code, f"inv {' '.join(words)} exited with {process.returncode}, not {code}:\n{out}"
        assert "Traceback" not in out, out
        return out

    def interrupt(self, *words: str, at: str) -> str:
        """Run a task and send it SIGINT, as Ctrl-C does, as soon as a line of its output matches ``at``."""
        seen: list[str] = []
        with self.start(*words, env={"PYTHONUNBUFFERED": "1"}) as process:
            assert process.stdout is not None
            for line in process.stdout:
                seen.append(line)
                if re.search(at, line):
                    os.kill(process.pid, signal.SIGINT)
                    break
            seen.append(process.stdout.read())
            process.wait(60)
        out = "".join(seen)
        self.outputs.append(out)
        with self.log.open("a") as log:
            log.write(f"$ inv {' '.join(words)}   [SIGINT at {at!r}, exit {process.returncode}]\n{out}\n")
        assert "Traceback" not in out, out
        return f"{process.returncode}\n{out}"

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file; the old text must be there."""
        path = self.path / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        with (self.path / name).open("a") as file:
            file.write(text)


def copy_checkout(to: Path) -> None:
    """The files that git has or would take, as they are in the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


@pytest.fixture
def checkout(cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Checkout]:
    path = tmp_path / "checkout"
    path.mkdir()
    copy_checkout(path)
    namespace = f"t-{secrets.token_hex(4)}"
    ARTIFACTS.mkdir(exist_ok=True)
    log = ARTIFACTS / (re.sub(r"\W+", "-", request.node.name) + ".log")
    log.unlink(missing_ok=True)
    env = {
        "PATH": SEARCH,
        "HOME": os.environ.get("HOME", "/root"),
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBETASKS_NAMESPACE": namespace,
        "KUBETASKS_OFFLINE": "1" if OFFLINE else "0",
        "KUBETASKS_CACHE": str(CACHE.parent),
        "TERM": "dumb",
    }
    for name in ("DOCKER_HOST", "SSL_CERT_FILE", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        if name in os.environ:
            env[name] = os.environ[name]
    found = Checkout(path, namespace, env, log)
    yield found
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        keep_evidence(cluster, namespace, log)
    cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false", check=False)


def keep_evidence(cluster: Cluster, namespace: str, log: Path) -> None:
    """Events, descriptions and logs of a failed test's namespace, beside its output."""
    commands: Sequence[Sequence[str]] = (
        ("get", "all,pvc,networkpolicy,pdb,configmap", "--output", "wide"),
        ("get", "events", "--sort-by=.lastTimestamp"),
        ("describe", "pods"),
        ("logs", "--selector=app.kubernetes.io/part-of=todo", "--all-containers", "--tail=60", "--prefix"),
    )
    with log.with_suffix(".cluster.txt").open("w") as file, contextlib.suppress(subprocess.TimeoutExpired):
        for words in commands:
            file.write(f"$ kubectl {' '.join(words)}\n")
            file.write(cluster.kubectl("--namespace", namespace, *words, check=False) + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report = report  # type: ignore[attr-defined]


def pods(cluster: Cluster, namespace: str, name: str = "") -> dict[str, str]:
    """Pod name to UID, of running pods of the application (not of Jobs)."""
    selector = "app.kubernetes.io/part-of=todo" + (f",app.kubernetes.io/name={name}" if name else ",!job-name")
    found = cluster.objects("pods", namespace, selector)
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found if not pod["metadata"].get("deletionTimestamp")
    }


def fetch(url: str, timeout: float = 5) -> int:
    """The status of a GET."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return int(answer.status)
