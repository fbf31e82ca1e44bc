"""The nodes of a kind cluster."""

from typing import IO

import pytest

from kubetasks.errors import ClusterUnreachable, DiskFull, EngineDown, ToolFailed
from kubetasks.targets.nodes import Nodes
from tests.recording import RecordingRunner

PS = [
    "docker",
    "ps",
    "--filter",
    "label=io.x-k8s.kind.cluster=c",
    "--format",
    '{{.Names}} {{.Label "io.x-k8s.kind.role"}}',
]
A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def on(node: str, *argv: str) -> tuple[str, ...]:
    return ("docker", "exec", node, *argv)


def test_finds_every_node_but_the_load_balancer() -> None:
    listed = "c-worker worker\nc-external-load-balancer external-load-balancer\nc-control-plane control-plane\n"
    runner = RecordingRunner({("docker", "ps"): listed})
    assert Nodes.of(runner, "c").names == ("c-control-plane", "c-worker")
    assert runner.argvs == [PS]


def test_says_why_there_are_none() -> None:
    with pytest.raises(ClusterUnreachable, match="kind cluster c has no running node"):
        Nodes.of(RecordingRunner({("docker", "ps"): ""}), "c")
    with pytest.raises(EngineDown):
        Nodes.of(RecordingRunner({("docker", "ps"): (1, "", "Cannot connect to the Docker daemon. Is it?")}), "c")


def test_an_image_is_missing_when_one_node_lacks_it() -> None:
    runner = RecordingRunner(
        {
            on("n1"): "docker.io/kubetasks/api:1\ndocker.io/library/web:1\nghcr.io/me/x:1\n",
            on("n2"): "docker.io/library/web:1\nghcr.io/me/x:1\n",
        }
    )
    nodes = Nodes(runner, ("n1", "n2"))
    assert nodes.missing(["web:1", "kubetasks/api:1", "ghcr.io/me/x:1", "gone:1"]) == ["kubetasks/api:1", "gone:1"]
    ls = ["ctr", "-n", "k8s.io", "images", "ls", "-q"]
    assert runner.argvs == [["docker", "exec", "n1", *ls], ["docker", "exec", "n2", *ls]]


def test_incomplete() -> None:
    whole = f"docker.io/library/web:1 type {A} complete (2/2) 1 MiB/1 MiB true\n"
    runner = RecordingRunner({on("n1"): whole, on("n2"): (1, "", "boom")})
    assert Nodes(runner, ("n1", "n2")).incomplete(["web:1"]) == ["web:1 on n2"]
    assert runner.argvs[0] == [
        "docker",
        "exec",
        "n1",
        "ctr",
        "-n",
        "k8s.io",
        "images",
        "check",
        "name==docker.io/library/web:1",
    ]


def test_content_is_what_every_node_has() -> None:
    both = f"{A}\n{B}\n\n{'a' * 64} 10\n{'b' * 64} 20\n"
    runner = RecordingRunner({on("n1"): both, on("n2"): f"{B}\n\n{'b' * 64} 20\n"})
    assert Nodes(runner, ("n1", "n2")).content() == {B: 20}
    assert Nodes(RecordingRunner({on("n1"): (1, "", "no shell")}), ("n1",)).content() == {}


def test_loads_every_node() -> None:
    def write(out: IO[bytes]) -> None:
        out.write(b"archive")

    runner = RecordingRunner({("docker", "exec", "-i"): "unpacking ...done\n"})
    Nodes(runner, ("n1", "n2")).load(write)
    imports = ["ctr", "-n", "k8s.io", "images", "import", "-"]
    assert runner.argvs == [["docker", "exec", "-i", node, *imports] for node in ("n1", "n2")]
    assert runner.fed == [b"archive", b"archive"]


def test_says_why_a_node_refused() -> None:
    runner = RecordingRunner({("docker", "exec", "-i"): (1, "", "ctr: content digest sha256:x: not found\n")})
    with pytest.raises(ToolFailed, match="content digest sha256:x: not found"):
        Nodes(runner, ("n1",)).load(lambda out: None)
    runner = RecordingRunner({("docker", "exec", "-i"): (1, "", "ctr: write /x: no space left on device\n")})
    with pytest.raises(DiskFull, match="no space left on node n1"):
        Nodes(runner, ("n1",)).load(lambda out: None)


def test_a_node_that_hangs_up_refused() -> None:
    def write(out: object) -> None:
        raise BrokenPipeError

    with pytest.raises(ToolFailed, match="it said nothing"):
        Nodes(RecordingRunner({("docker", "exec", "-i"): ""}), ("n1",)).load(write)
