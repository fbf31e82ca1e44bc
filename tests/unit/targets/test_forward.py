"""The way from loopback to a Service."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable, ContextNotFound, KubetasksError, ToolFailed
from kubetasks.runner import Environment, Process, Result, SystemRunner
from kubetasks.targets.base import Cluster
from kubetasks.targets.forward import forward, keep_forwarding
from kubetasks.targets.link import Link
from tests.recording import Given, RecordingRunner

CLUSTER = Cluster("kind-test", "todo")
ARGV = [
    "kubectl", "--context", "kind-test", "--namespace", "todo",
    "port-forward", "service/frontend", ":80", "--address", "127.0.0.1",
]  # fmt: skip


LIST = ("kubectl", "--context", "kind-test", "--namespace", "todo", "--request-timeout=20s", "get")


def answers(printed: Given, items: Sequence[object] = ()) -> RecordingRunner:
    """kubectl that lists these objects and answers any other call with one text."""
    return RecordingRunner({LIST: json.dumps({"items": [*items]}), ("kubectl",): printed})


def service(**ports: int) -> dict[str, object]:
    named = [{"port": port, **({"name": name} if name != "only" else {})} for name, port in ports.items()]
    return {"kind": "Service", "metadata": {"name": "frontend"}, "spec": {"ports": named}}


def endpoint_slice(*endpoints: tuple[str, dict[str, bool]], of: str = "frontend", **ports: int) -> dict[str, object]:
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": f"{of}-x", "labels": {"kubernetes.io/service-name": of}},
        "ports": [{"name": "" if name == "only" else name, "port": port} for name, port in ports.items()],
        "endpoints": [
            {"targetRef": {"kind": "Pod", "name": name}, "conditions": conditions, "addresses": ["10.0.0.1"]}
            for name, conditions in endpoints
        ],
    }


READY, ENDING = {"ready": True}, {"ready": False, "serving": True, "terminating": True}
WARMING = {"ready": False, "serving": False, "terminating": False}


@pytest.mark.parametrize(
    ("items", "resource"),
    [
        ([service(only=80), endpoint_slice(("old", ENDING), ("new", READY), only=3000)], ["pod/new", ":3000"]),
        # Publishing addresses that are not ready, a Service calls even those that end ready.
        (
            [service(only=80), endpoint_slice(("old", {"ready": True, "terminating": True}), ("new", {}), only=3000)],
            ["pod/new", ":3000"],
        ),
        # Its status lags behind the pod's: the pod that is not ready yet, not the one that ends.
        ([service(only=80), endpoint_slice(("old", ENDING), ("new", WARMING), only=3000)], ["pod/new", ":3000"]),
        ([service(only=80), endpoint_slice(("a", WARMING), ("b", READY), only=3000)], ["pod/b", ":3000"]),
        ([service(web=80, admin=81), endpoint_slice(("a", READY), web=3000, admin=3001)], ["pod/a", ":3000"]),
        ([service(only=80), endpoint_slice(("a", READY), of="other", only=3000)], ["service/frontend", ":80"]),
        ([service(only=80), endpoint_slice(("old", ENDING), only=3000)], ["service/frontend", ":80"]),
        ([service(only=81), endpoint_slice(("a", READY), only=3000)], ["service/frontend", ":80"]),
        ([service(only=80), endpoint_slice(only=3000)], ["service/frontend", ":80"]),
        ([], ["service/frontend", ":80"]),
    ],
)
def test_asks_a_pod_that_stays(items: Sequence[object], resource: list[str]) -> None:
    runner = answers("Forwarding from 127.0.0.1:1 -> 2\n", items)
    with forward(CLUSTER, runner, "frontend", 80):
        pass
    assert runner.argvs[-1][6:8] == resource


def test_a_role_that_may_not_list_endpoints_leaves_the_choice_to_kubectl() -> None:
    forbidden = 'Error from server (Forbidden): endpointslices.discovery.k8s.io is forbidden: User "u" cannot list'
    runner = RecordingRunner({LIST: (1, "", forbidden), ("kubectl",): "Forwarding from 127.0.0.1:1 -> 2\n"})
    with forward(CLUSTER, runner, "frontend", 80):
        pass
    assert runner.argvs[-1] == ARGV


def test_yields_the_address_that_kubectl_prints() -> None:
    runner = answers("Forwarding from 127.0.0.1:41234 -> 3000\nHandling connection for 41234\n")
    with forward(CLUSTER, runner, "frontend", 80) as url:
        assert url == "http://127.0.0.1:41234"
    assert runner.argvs[1:] == [ARGV]
    assert [call.env for call in runner.calls] == [{}, {}]


def test_passes_the_kubeconfig_on() -> None:
    runner = answers("Forwarding from 127.0.0.1:1 -> 2\n")
    with forward(Cluster("kind-test", "todo", kubeconfig="/some/config"), runner, "frontend", 80):
        pass
    assert [call.env for call in runner.calls] == [{"KUBECONFIG": "/some/config"}] * 2


@pytest.mark.parametrize(
    ("printed", "error", "says"),
    [
        (
            "error: unable to forward port because pod is not running. Current status=Pending",
            ToolFailed,
            "pod is not running. Current status=Pending",
        ),
        ('Error from server (NotFound): services "frontend" not found', ToolFailed, 'services "frontend" not found'),
        (
            "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
            ClusterUnreachable,
            "was refused",
        ),
        ('error: context "kind-test" does not exist', ContextNotFound, "does not exist"),
        ("", ToolFailed, "printed no reason"),
    ],
)
def test_says_why_there_is_no_way(printed: str, error: type[KubetasksError], says: str) -> None:
    runner = answers((1, printed + "\n"))
    cluster = replace(CLUSTER, link=Link(0.0))  # does not try again
    with pytest.raises(error, match=r"frontend:80|kind-test") as raised, forward(cluster, runner, "frontend", 80):
        pass
    assert says in raised.value.line


@dataclass
class ScriptRunner(SystemRunner):
    """Runs a Python script in kubectl's place."""

    script: str = ""
    ended: list[int] = field(default_factory=list)

    def run(self, argv: Sequence[str], **_: Any) -> Result:
        return Result(tuple(argv), 0, '{"items": []}')

    @contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        assert merge
        started: list[Process] = []
        try:
            with super().spawn([sys.executable, "-c", self.script], merge=True) as process:
                started.append(process)
                yield process
        finally:
            self.ended += [process.wait(0) for process in started]


def test_a_talkative_kubectl_is_drained_and_ended(tmp_path: Path) -> None:
    # Once 256 KiB (more than a pipe holds) are written, the script says so in a file.
    done = tmp_path / "done"
    script = (
        "import sys, time, pathlib\n"
        "print('Forwarding from 127.0.0.1:5 -> 6', flush=True)\n"
        "for _ in range(4096): print('x' * 63)\n"
        f"sys.stdout.flush(); pathlib.Path({str(done)!r}).touch()\n"
        "time.sleep(600)\n"
    )
    runner = ScriptRunner(tmp_path, script=script)
    with forward(CLUSTER, runner, "frontend", 80) as url:
        assert url == "http://127.0.0.1:5"
        while not done.exists():
            pass
    assert runner.ended == [-15]


def test_does_not_wait_for_ever(tmp_path: Path) -> None:
    runner = ScriptRunner(tmp_path, script="import time; print('waiting', flush=True); time.sleep(600)")
    with (
        pytest.raises(ToolFailed, match=r"opened no port in 0\.05 s; no pod"),
        forward(CLUSTER, runner, "frontend", 80, patience=0.05),
    ):
        pass
    assert runner.ended == [-15]


@dataclass
class Rolling(RecordingRunner):
    """kubectl port-forward whose pod goes: the first process ends, the next finds no pod, the third stays."""

    spawned: list[list[str]] = field(default_factory=list)

    @contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        self.spawned.append(list(argv))
        number = len(self.spawned)
        lines = {
            1: "print('Forwarding from 127.0.0.1:45678 -> 3000', flush=True)",
            2: "print('error: unable to forward port because pod is not running', flush=True); sys.exit(1)",
            3: "print('Forwarding from 127.0.0.1:45678 -> 3000', flush=True); time.sleep(60)",
        }[number]
        program = [sys.executable, "-c", f"import sys, time; {lines}"]
        with SystemRunner(Path.cwd()).spawn(program, merge=True) as process:
            yield process


def test_connects_again_at_the_same_port_when_the_pod_goes() -> None:
    runner = Rolling({LIST: json.dumps({"items": []})})
    shown: list[str] = []
    keep_forwarding(
        CLUSTER, runner, "frontend", 80, shown.append, shown.append,
        stopped=lambda: "connected again" in shown, poll=0.05,
    )  # fmt: skip
    assert shown == [
        "http://127.0.0.1:45678",
        "the connection to the pod was lost; connecting to another one",
        "connected again",
    ]
    assert [argv[7] for argv in runner.spawned] == [":80", "45678:80", "45678:80"]


def test_says_at_once_when_there_is_no_way_at_first() -> None:
    shown: list[str] = []
    with pytest.raises(ToolFailed, match="no way to service frontend:80"):
        keep_forwarding(CLUSTER, answers((1, "error: no pods")), "frontend", 80, shown.append, shown.append)
    assert shown == []
