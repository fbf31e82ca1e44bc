import sys
from pathlib import Path

import pytest

from kubetasks import state
from kubetasks.errors import SupervisorFailed
from kubetasks.targets.base import Store, Target
from tests.unit.targets.local.objects import target


def test_it_is_a_target(tmp_path: Path) -> None:
    ours: Target = target(tmp_path)
    store: Store = ours.store
    assert store.get(["Pod"]) == []
    assert (ours.name, ours.reason, ours.cluster, ours.pull_policy) == ("local", "a test", None, "Never")
    assert ours.bundled_database is False
    assert ours.repository("backend") == "kubetasks/demo-backend"
    assert ours.contents(["kubetasks/demo-backend:1"]) == {}
    assert not ours.own_engine
    assert ours.build_env() == {}
    ours.deliver(["kubetasks/demo-backend:1"], print)
    ours.preflight()


def test_the_sqlite_url_is_in_the_state_folder(tmp_path: Path, state_home: Path) -> None:
    folder = state.folder(tmp_path)
    assert folder.is_relative_to(state_home)
    assert target(tmp_path).sqlite_url() == f"sqlite:///{folder}/local/demo/data/app.db"
    assert [*tmp_path.iterdir(), *state_home.iterdir()] == [], "a plan asks for it, and changes nothing"


def test_an_unknown_service_has_no_endpoint(tmp_path: Path) -> None:
    with (
        pytest.raises(SupervisorFailed, match="there is no Service web with a port 80"),
        target(tmp_path).endpoint("web", 80),
    ):
        pass


def test_windows_is_sent_to_wsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SupervisorFailed, match="WSL"):
        target(tmp_path).preflight()
    with pytest.raises(SupervisorFailed, match="WSL"):
        _ = target(tmp_path).store


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    lines = target(tmp_path).left_out()
    assert len(lines) >= 5
    assert all("\n" not in line for line in lines)
