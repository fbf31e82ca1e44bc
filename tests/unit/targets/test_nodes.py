"""The nodes of a kind cluster."""

import json
from typing import IO

import pytest

from kubetasks.errors import ClusterUnreachable, DiskFull, EngineDown, ToolFailed
from kubetasks.images.content import LABEL, Content
from kubetasks.targets.nodes import Nodes
from kubetasks.tools import ctr
from tests.recording import Answer, Call, RecordingRunner

PS = [
    "docker",
    "ps",
    "--filter",
    "label=io.x-k8s.kind.cluster=c",
    "--format",
    '{{.Names}} {{.Label "io.x-k8s.kind.role"}}',
]
A, B, C, D, E = (f"sha256:{digit * 64}" for digit in "abcde")


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


def test_removes_what_is_not_kept() -> None:
    """`web:1` and `api:2` are kept; another repository is not ours."""
    there = {"n1": ["web:1", "web:2", "other:1"], "n2": ["web:1", "api:2", "api:1"]}

    def ctr_of(node: str) -> Answer:
        def answer(call: Call) -> str:
            if "rm" in call.argv:
                gone = {name.rpartition("/")[2] for name in call.argv[8:]}
                there[node] = [name for name in there[node] if name not in gone]
                return ""
            return "".join(f"docker.io/shop/{name}\n" for name in there[node])

        return answer

    runner = RecordingRunner({on(node, "ctr", "-n", "k8s.io", "images"): ctr_of(node) for node in there})
    nodes = Nodes(runner, ("n1", "n2"))
    spare = nodes.spare(["shop/web", "shop/api"], {"shop/web:1", "shop/api:2"})
    assert spare == {"n1": ["docker.io/shop/web:2"], "n2": ["docker.io/shop/api:1"]}
    assert nodes.remove(spare) == ["docker.io/shop/api:1", "docker.io/shop/web:2"]
    assert there == {"n1": ["web:1", "other:1"], "n2": ["web:1", "api:2"]}
    assert nodes.spare(["shop/web", "shop/api"], {"shop/web:1", "shop/api:2"}) == {}


def held(name: str, manifest: str, config: str = "", label: str = "") -> str:
    """What a node prints of one image."""
    lines = f"docker.io/library/{name} type {manifest} complete (2/2) 1 MiB/1 MiB true\n"
    if config:
        lines += f"{manifest} {json.dumps({'config': {'digest': config}})}\n"
        lines += f"{config} {json.dumps({'config': {'Labels': {LABEL: label}}})}\n"
    return lines


def test_contents_are_what_every_node_has() -> None:
    """One node lacks `api`; `web` came by two ways, with one configuration; `job` is another image on each node."""
    one = held("web:1", A, C, "web:1") + held("job:1", D) + held("api:1", D)
    runner = RecordingRunner({on("n1"): one, on("n2"): held("web:1", B, C, "web:1") + held("job:1", E)})
    nodes = Nodes(runner, ("n1", "n2"))
    assert nodes.contents(["web:1", "job:1", "api:1", "gone:1"]) == {
        "web:1": Content(frozenset({f"config:{C}"}), "web:1")
    }
    names = [f"docker.io/library/{name}" for name in ("web:1", "job:1", "api:1", "gone:1")]
    assert runner.argvs == [["docker", "exec", node, *ctr.images(names)] for node in ("n1", "n2")]


def test_what_arrived_and_what_did_not() -> None:
    runner = RecordingRunner({on("n1"): held("web:1", A, C), on("n2"): (1, "", "boom")})
    assert Nodes(runner, ("n1", "n2")).arrived({"web:1": {f"config:{C}"}}) == ({}, ["web:1 on n2"])
    runner = RecordingRunner({on("n1"): held("web:1", A, C)})
    there, lost = Nodes(runner, ("n1",)).arrived({"web:1": {f"config:{C}"}})
    assert (set(there), lost) == ({"web:1"}, [])
    assert Nodes(runner, ("n1",)).arrived({"web:1": {f"config:{B}"}})[1] == ["web:1 on n1"]


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
