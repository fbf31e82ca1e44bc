"""A second container engine, as it is inside a node of Minikube."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ALONE = (
    "--bridge=docker0", "--iptables=false", "--ip6tables=false",
    "--containerd-namespace", "kubetasks-inside", "--containerd-plugins-namespace", "kubetasks-inside-plugins",
)  # fmt: skip


@contextlib.contextmanager
def engine(dockerd: str) -> Iterator[str]:
    """Run a second engine, with no image, while the block lasts; its address. Its sockets need a short path."""
    port = 20_000 + secrets.randbelow(10_000)
    address = f"tcp://127.0.0.1:{port}"
    folder = Path(tempfile.mkdtemp(prefix="kt-"))
    runtimes = ["--add-runtime", "wrapped=/usr/local/sbin/runc-wrapper", "--default-runtime", "wrapped"]
    wrapped = Path("/usr/local/sbin/runc-wrapper").exists()
    argv = [
        dockerd, "--host", address, "--data-root", str(folder / "data"),
        "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"), *ALONE, *(runtimes if wrapped else []),
    ]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as running:
        try:
            deadline = time.monotonic() + 120
            while docker("version", engine=address).returncode:
                assert running.poll() is None, (folder / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-2000:]
                time.sleep(0.5)
            yield address
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)
            # The engine mounts its folder onto itself.
            subprocess.run(["umount", "--lazy", str(folder / "data")], capture_output=True, check=False)
            shutil.rmtree(folder, ignore_errors=True)


def docker(*words: str, engine: str = "", stdin: IO[bytes] | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run docker, on the host's engine or on another one."""
    env = {**os.environ, **({"DOCKER_HOST": engine} if engine else {})}
    return subprocess.run(["docker", *words], env=env, capture_output=True, check=False, timeout=300, stdin=stdin)


def has(reference: str, engine: str = "") -> bool:
    """Whether an engine has an image."""
    return docker("image", "inspect", reference, engine=engine).returncode == 0


def give_to_node(node: str, references: list[str], engine: str = "") -> None:
    """What a kubelet that uses the engine would see: the fake's node is kind's, which has a containerd."""
    env = {**os.environ, **({"DOCKER_HOST": engine} if engine else {})}
    with subprocess.Popen(["docker", "save", *references], env=env, stdout=subprocess.PIPE) as saved:
        done = docker("exec", "-i", node, "ctr", "-n", "k8s.io", "images", "import", "-", stdin=saved.stdout)
    assert done.returncode == 0, done.stderr
