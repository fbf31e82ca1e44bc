"""kind: command lines, and what it prints (seen with 0.33).

kind's nodes are containers with labels; the questions about them go to docker, which answers without kind.
"""

import re
from dataclasses import dataclass
from typing import Final

CLUSTER_LABEL: Final = "io.x-k8s.kind.cluster"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Container:
    """A container that belongs to a cluster; ``state`` is docker's own word (``running``, ``exited``, …)."""

    cluster: str
    state: str
    name: str


def context(name: str) -> str:
    """The kubeconfig context of a cluster."""
    return f"kind-{name}"


def create(
    name: str, *, image: str = "", config: str = "", wait: int = 0, kubeconfig: str = "", retain: bool = False
) -> list[str]:
    """``kind create cluster``; what is empty or 0 is left to kind.

    Args:
        name: the cluster's name.
        image: the node image.
        config: path of a cluster configuration.
        wait: seconds to wait for a Ready control plane; kind warns and exits 0 when it is not Ready by then.
        kubeconfig: the file to write to instead of $KUBECONFIG or ~/.kube/config.
        retain: keep the nodes when it fails, to look at their logs.
    """
    argv = ["kind", "create", "cluster", "--name", name]
    for flag, value in (("image", image), ("config", config), ("kubeconfig", kubeconfig)):
        if value:
            argv += [f"--{flag}", value]
    if wait:
        argv += ["--wait", f"{wait}s"]
    return [*argv, "--retain"] if retain else argv


def delete(name: str, *, kubeconfig: str = "") -> list[str]:
    """``kind delete cluster``: the nodes and the kubeconfig's entries; exits 0 when there is none."""
    return ["kind", "delete", "cluster", "--name", name, *(["--kubeconfig", kubeconfig] if kubeconfig else [])]


def export_kubeconfig(name: str) -> list[str]:
    """``kind export kubeconfig``: write the entries of a running cluster again."""
    return ["kind", "export", "kubeconfig", "--name", name]


def load_archive(name: str, path: str = "-") -> list[str]:
    """``kind load image-archive``: from a file, or from standard input."""
    return ["kind", "load", "image-archive", path, "--name", name]


def version() -> list[str]:
    """``kind version``."""
    return ["kind", "version"]


def containers() -> list[str]:
    """The containers of all clusters, stopped ones too, as docker knows them."""
    shown = f'{{{{.Label "{CLUSTER_LABEL}"}}}} {{{{.State}}}} {{{{.Names}}}}'
    return ["docker", "ps", "--all", "--filter", f"label={CLUSTER_LABEL}", "--format", shown]


def start(names: list[str]) -> list[str]:
    """Start containers that have stopped, as they do when the engine or the machine starts again."""
    return ["docker", "start", *names]


def parse_containers(text: str) -> list[Container]:
    """The rows of ``containers``."""
    rows = (line.split(" ") for line in text.splitlines())
    return [Container(*row) for row in rows if len(row) == 3]


def parse_version(text: str) -> str:
    """``v0.33.0`` of ``kind v0.33.0 go1.26.8 linux/amd64``; empty when it does not exist."""
    found = re.match(r"kind (v\S+)", text)
    return found[1] if found else ""


def progress_line(line: str) -> str:
    """What a line of ``create`` or ``delete`` tells a person: without marks, colours and ornaments."""
    plain = _ANSI.sub("", line).encode("ascii", "ignore").decode()
    return " ".join(plain.split()).removesuffix("...").strip()


def reason(text: str) -> str:
    """The line of a failed run's output that says why: the one that begins with ``ERROR``, else the last one."""
    printed = [line for line in (_ANSI.sub("", each).strip() for each in text.splitlines()) if line]
    errors = [line.removeprefix("ERROR:").strip() for line in printed if line.startswith("ERROR:")]
    return (errors or printed or [""])[-1]
