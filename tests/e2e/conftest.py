"""A real kind cluster for the session, a checkout of its own and a fresh namespace for every test."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_kind.cluster import KindCluster

from tests.checkout import ROOT, Checkout, copy_checkout

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
        made.delete()  # type: ignore[no-untyped-call]


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


@contextlib.contextmanager
def opened(checkout: Checkout) -> Iterator[str]:
    """The application's address, while it is open."""
    with checkout.start("open", env={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), url + process.stdout.read()
            yield url
        finally:
            process.terminate()
            process.stdout.close()
