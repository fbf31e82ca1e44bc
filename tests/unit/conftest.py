"""For all unit tests: state goes to a folder of the test's own, and no cluster is waited for."""

from pathlib import Path

import pytest

from kubetasks.targets import link


@pytest.fixture(autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for ``~/.local/state``."""
    path = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    monkeypatch.setenv("MINIKUBE_HOME", str(path / "minikube"))  # never the user's own profiles
    return path


@pytest.fixture(autouse=True)
def _no_waiting_for_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that does not answer at the first contact is not waited for; tests of the waiting set a clock."""
    monkeypatch.setattr(link, "FIRST_CONTACT", 0.0)
