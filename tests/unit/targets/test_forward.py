"""The way from loopback to a Service."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubetasks.errors import ClusterUnreachable, ContextNotFound, KubetasksError, ToolFailed
from kubetasks.runner import Environment, Process, SystemRunner
from kubetasks.targets.base import Cluster
from kubetasks.targets.forward import forward
from tests.recording import RecordingRunner

CLUSTER = Cluster("kind-test", "todo")
ARGV = [
    "kubectl", "--context", "kind-test", "--namespace", "todo",
    "port-forward", "service/frontend", ":80", "--address", "127.0.0.1",
]  # fmt: skip


def test_yields_the_address_that_kubectl_prints() -> None:
    runner = RecordingRunner({("kubectl",): "Forwarding from 127.0.0.1:41234 -> 3000\nHandling connection for 41234\n"})
    with forward(CLUSTER, runner, "frontend", 80) as url:
        assert url == "http://127.0.0.1:41234"
    assert runner.argvs == [ARGV]
    assert runner.calls[0].env == {}


def test_passes_the_kubeconfig_on() -> None:
    runner = RecordingRunner({("kubectl",): "Forwarding from 127.0.0.1:1 -> 2\n"})
    with forward(Cluster("kind-test", "todo", kubeconfig="/some/config"), runner, "frontend", 80):
        pass
    assert runner.calls[0].env == {"KUBECONFIG": "/some/config"}


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
    runner = RecordingRunner({("kubectl",): (1, printed + "\n")})
    with pytest.raises(error, match=r"frontend:80|kind-test") as raised, forward(CLUSTER, runner, "frontend", 80):
        pass
    assert says in raised.value.line


@dataclass
class ScriptRunner(SystemRunner):
    """Runs a Python script in kubectl's place."""

    script: str = ""
    ended: list[int] = field(default_factory=list)

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
