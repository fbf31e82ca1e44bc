"""What goes wrong on a real cluster ends early, in one line, with its own exit code, and leaves what runs alone."""

import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.e2e.conftest import NAME, Cluster, fetch, need, opened, pods

BACKEND = "app/backend/main.py"
MANAGED_BY = "app.kubernetes.io/managed-by"


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_a_broken_image_fails_fast_and_the_old_pods_serve(cluster: Cluster, checkout: Checkout, deployer: str) -> None:
    space = checkout.namespace
    checkout.inv("deploy", "--with", deployer)
    before = pods(cluster, space)

    checkout.append(BACKEND, '\nraise RuntimeError("this line breaks the image")\n')
    began = time.monotonic()
    out = checkout.inv("deploy", "--with", deployer, code=52)
    assert time.monotonic() - began < 110, "it waited for the deadline instead of saying why"
    assert re.search(r"\[EXCEPTION\]: .*: RuntimeError: this line breaks the image \(main.py:", out)
    assert before.items() <= pods(cluster, space).items()
    with opened(checkout) as url:
        assert fetch(url) == 200
    status = checkout.inv("status")
    assert re.search(r"\[EXCEPTION\] Deployment/backend.*: RuntimeError: this line breaks the image", status)

    checkout.inv("rollback")
    now = pods(cluster, space)
    assert before.items() <= now.items()
    assert len(now) == len(before)


def test_an_image_that_is_not_on_the_node(cluster: Cluster, checkout: Checkout) -> None:
    checkout.inv("secret.apply")
    checkout.append(BACKEND, "\nNEVER_BUILT = 1\n")
    checkout.inv("manifest.apply")
    deadline = time.monotonic() + 60
    while "IMAGE_NOT_ON_NODE" not in checkout.inv("status"):
        assert time.monotonic() < deadline, checkout.outputs[-1]
        time.sleep(1)


def test_a_missing_key_ends_it_at_once(cluster: Cluster, checkout: Checkout) -> None:
    name = next(path for path in (checkout.path / "manifests/base").iterdir() if "JWT_SECRET" in path.read_text())
    text = name.read_text()
    name.write_text(text.replace("key: JWT_SECRET", "key: NO_SUCH_KEY"))
    began = time.monotonic()
    out = checkout.inv("deploy", "--no-verify", code=52)
    assert time.monotonic() - began < 110
    assert "CONFIG_KEY_MISSING" in out
    assert "NO_SUCH_KEY" in out


def test_what_admission_refuses(cluster: Cluster, checkout: Checkout) -> None:
    name = next(path for path in (checkout.path / "manifests/base").iterdir() if path.name == "backend.yaml")
    text = name.read_text()
    assert "allowPrivilegeEscalation: false" in text
    name.write_text(text.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"))
    out = checkout.inv("deploy", "--no-verify", code=52)
    assert "POD_SECURITY" in out
    assert "Pod Security restricted rejects it: allowPrivilegeEscalation != false" in out


def test_a_failing_build_deploys_nothing(cluster: Cluster, checkout: Checkout) -> None:
    checkout.append("app/backend/requirements.txt", "\nno-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    out = checkout.inv("deploy", code=31)
    assert "no-such-package" in out
    assert checkout.namespace not in cluster.kubectl("get", "namespaces", "--output", "name")


def test_two_deploys_at_once(cluster: Cluster, checkout: Checkout) -> None:
    with checkout.start("deploy", "--no-verify", env={"PYTHONUNBUFFERED": "1"}) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line.startswith("✓ apply"):
                break
        out = checkout.inv("deploy", "--no-verify", "--force", code=25)
        assert "another deploy is under way" in out
        rest = first.stdout.read()
    assert first.returncode == 0, rest
    checkout.inv("verify")


def test_a_lock_that_is_taken_away(cluster: Cluster, checkout: Checkout) -> None:
    with checkout.start("deploy", "--no-verify", env={"PYTHONUNBUFFERED": "1"}) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line.startswith("✓ apply"):
                break
        assert "another deploy is under way" in checkout.inv("secret.rotate", "JWT_SECRET", code=25)
        assert "is held for deploy by" in checkout.inv("lock.status")
        assert "lives" in checkout.inv("lock.release", code=25)
        checkout.inv("lock.release", "--force")
        assert "has a new value" in checkout.inv("secret.rotate", "JWT_SECRET", "--lock-wait", "60")
        rest = first.stdout.read()
    # It notices before it writes the revision's record.
    assert first.returncode == 58, rest
    assert "the deploy lock was lost" in rest
    assert "free" in checkout.inv("lock.status")
    assert "interrupted" in checkout.inv("status")
    checkout.inv("deploy", "--no-verify")


def test_a_namespace_that_is_going_away(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    cluster.kubectl("create", "namespace", space)
    cluster.kubectl("label", "namespace", space, "app.kubernetes.io/part-of=todo", f"{MANAGED_BY}=kubetasks")
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": space, "finalizers": ["kubetasks.dev/e2e"]},
    }
    cluster.kubectl("create", "--filename", "-", input=json.dumps(held))
    cluster.kubectl("delete", "namespace", space, "--wait=false")
    patch = '{"metadata": {"finalizers": null}}'
    try:
        # In the first five seconds nothing in it is marked as being deleted.
        for words, code in ((["deploy"], 24), (["status"], 0), (["manifest.apply"], 24), (["verify"], 24)):
            out = checkout.inv(*words, code=code)
            assert "being deleted" in out
            assert "ConfigMap/held: finalizer kubetasks.dev/e2e" in out
            assert f"--namespace {space} patch configmap held --type=merge --patch '{patch}' (risk: " in out
        with checkout.start("destroy", env={"PYTHONUNBUFFERED": "1"}) as process:
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                seen.append(line)
                if "waits for ConfigMap/held" in line:
                    break
            cluster.kubectl("--namespace", space, "patch", "configmap", "held", "--type=merge", "--patch", patch)
            seen.append(process.stdout.read())
        assert process.returncode == 0, seen
        assert f"namespace {space} is deleted" in seen[-1]
    finally:
        cluster.kubectl(
            "--namespace", space, "patch", "configmap", "held", "--type=merge", "--patch", patch, check=False
        )


def test_a_volume_that_is_going_away(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    checkout.inv("deploy", "--no-verify")
    cluster.kubectl("--namespace", space, "delete", "pvc", "data-postgres-0", "--wait=false")
    for words, code in ((["deploy"], 55), (["deploy", "--force"], 55), (["status"], 0)):
        assert "kubernetes.io/pvc-protection: Pod/postgres-0 still uses it" in checkout.inv(*words, code=code)


def paused_after_apply(checkout: Checkout, seconds: float, deadline: int) -> tuple[int, str]:
    """Deploy, with the node paused for a while once all is applied; the exit code and the rest of the output."""
    docker = str(need("docker", "docker/offline/up"))
    node = f"{NAME}-control-plane"
    env = {"PYTHONUNBUFFERED": "1", "KUBETASKS_DEADLINE": str(deadline)}
    with checkout.start("deploy", "--no-verify", "--force", env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("✓ apply"):
                break
        subprocess.run([docker, "pause", node], check=True, capture_output=True)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        finally:
            subprocess.run([docker, "unpause", node], check=True, capture_output=True)
        out = process.stdout.read()
        process.wait(120)
    return process.returncode, out


def test_a_cluster_that_stops_answering_and_comes_back(cluster: Cluster, checkout: Checkout) -> None:
    code, out = paused_after_apply(checkout, 180, deadline=12)  # for as long it tries again
    assert code == 23, out
    assert "no connection to the cluster" in out
    assert "does not answer" in out
    code, out = paused_after_apply(checkout, 10, deadline=120)
    assert code == 0, out
    revision = json.loads(checkout.inv("status", "--json"))["revision"]
    assert (revision["number"], revision["status"]) == (1, "deployed"), "a lost connection fails no revision"


def test_a_namespace_of_somebody_else_is_left(cluster: Cluster, checkout: Checkout) -> None:
    space = checkout.namespace
    cluster.kubectl("create", "namespace", space)
    cluster.kubectl("--namespace", space, "create", "configmap", "theirs")
    checkout.inv("manifest.apply", code=0)
    checkout.inv("destroy")
    left = {o["metadata"]["name"] for o in cluster.objects("configmap,deployment,service,secret", space)}
    assert "theirs" in left
    assert "backend" not in left


class Counter(threading.Thread):
    """A TCP server that counts who comes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.count = 0

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.count += 1
                connection.close()


def kubeconfig(path: Path, name: str, server: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "none"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.write_text(json.dumps(config))
    return path


def test_a_cluster_nobody_meant_gets_no_request(checkout: Checkout, tmp_path: Path) -> None:
    counter = Counter()
    counter.start()
    # Loopback, but no local cluster's name; and a local cluster's name that leads elsewhere through the same door.
    prod = kubeconfig(tmp_path / "prod", "prod", f"https://127.0.0.1:{counter.port}")
    env = {"KUBECONFIG": str(prod)}
    for words in (["deploy"], ["verify"], ["status"], ["destroy"], ["secret.apply"], ["manifest.apply"]):
        out = checkout.inv(*words, "--context", "prod", code=22, env=env)
        assert "allowed_contexts" in out
    listed = {**env, "KUBETASKS_ALLOWED_CONTEXTS": "prod"}
    # Listed, but not named on the command line; and nobody at all named.
    checkout.inv("deploy", "--target", "context", code=22, env={**listed, "KUBETASKS_CONTEXT": "prod"})
    checkout.inv("deploy", "--target", "context", code=2, env=listed)
    assert counter.count == 0
    # Named and listed: now it is meant, and it is asked.
    checkout.inv("status", "--context", "prod", code=23, env=listed)
    assert counter.count > 0
    counter.socket.close()
