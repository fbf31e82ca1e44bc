"""How many bytes are free where a container engine keeps its images."""

import platform
import shutil
from pathlib import Path

from kubetasks.runner import Runner
from kubetasks.tools import docker, minikube

# Where the engine inside a node of minikube keeps its images, whatever the driver.
INSIDE = "/var/lib/docker"


def host(runner: Runner) -> int | None:
    """Of the host's own engine; None where it runs on another machine, or in a virtual one, or does not answer."""
    result = runner.run(docker.data_root(), timeout=20, check=False)
    machine, _, root = result.stdout.strip().partition(" ")
    if not result.ok or not root or machine != platform.node():
        return None
    try:
        return shutil.disk_usage(Path(root)).free
    except OSError:
        return None


def inside(runner: Runner, profile: minikube.Profile) -> int | None:
    """Of the engine inside the first node of a profile; None where the node does not say."""
    machine = profile.machines[0] if profile.machines else profile.name
    argv = ["df", "-Pk", INSIDE]
    call = docker.execute(machine, argv) if profile.driver == "docker" else minikube.ssh(profile.name, machine, argv)
    result = runner.run(call, timeout=20, check=False)
    return parse_df(result.stdout) if result.ok else None


def parse_df(text: str) -> int | None:
    """The free bytes in what ``df -Pk`` printed of one folder: the fourth column of POSIX's format."""
    lines = text.strip().splitlines()
    words = lines[-1].split() if len(lines) > 1 else []
    return int(words[3]) * 1024 if len(words) >= 6 and words[3].isdigit() else None
