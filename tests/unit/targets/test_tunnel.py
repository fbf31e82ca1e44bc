"""``minikube tunnel``: who may run it, and how it ends."""

import pytest

from kubetasks.errors import ToolFailed, UsageError
from kubetasks.targets.base import Cluster
from kubetasks.targets.tunnel import SUDO, run
from tests.recording import Answer, RecordingRunner

PROFILE = Cluster("dev", "todo", kind="minikube")
TUNNEL = ("minikube", "-p", "dev", "tunnel", "--cleanup")


def test_shows_what_minikube_prints_and_says_why_it_ended() -> None:
    shown: list[str] = []
    runner = RecordingRunner({TUNNEL: (14, "* waiting\nX Exiting due to SVC_TUNNEL_START: no route")})
    with pytest.raises(ToolFailed, match="SVC_TUNNEL_START: no route"):
        run(PROFILE, runner, shown.append, root=True, terminal=False)
    assert shown == ["* waiting", "X Exiting due to SVC_TUNNEL_START: no route"]


@pytest.mark.parametrize("cluster", [None, *(Cluster("x", "todo", kind=kind) for kind in ("kind", "context"))])
def test_other_targets_have_none(cluster: Cluster | None) -> None:
    shown: list[str] = []
    with pytest.raises(UsageError, match="is not a minikube profile"):
        run(cluster, RecordingRunner(), shown.append, root=True, terminal=True)


@pytest.mark.parametrize(
    ("root", "terminal", "sudo", "runs"),
    [
        (True, False, (1, ""), True),
        (False, True, (1, ""), True),
        (False, False, "", True),
        (False, False, (1, ""), False),
    ],
)
def test_says_when_it_needs_root(root: bool, terminal: bool, sudo: Answer, runs: bool) -> None:
    shown: list[str] = []
    runner = RecordingRunner({TUNNEL: "", SUDO: sudo})
    with pytest.raises(ToolFailed if runs else UsageError):
        run(PROFILE, runner, shown.append, root=root, terminal=terminal)
    assert (list(TUNNEL) in runner.argvs) == runs


def test_without_sudo_a_password_is_needed() -> None:
    shown: list[str] = []
    with pytest.raises(UsageError, match="needs root"):
        run(PROFILE, RecordingRunner({}, frozenset({"minikube"})), shown.append, root=False, terminal=False)
