"""What a local deployment leaves in a checkout: nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import whole
from tests.checkout import Checkout
from tests.local.conftest import free_port


@pytest.fixture
def project(checkout: Checkout, tmp_path: Path) -> Iterator[Checkout]:
    """A project of somebody's own, run with the clone's environment."""
    checkout.inv("--version")
    root = whole.write(tmp_path / "whole")
    env = {name: value for name, value in checkout.env.items() if not name.startswith("KUBETASKS_SERVICES_")}
    env |= {"KUBETASKS_SERVICES_WEB_LOCAL_PORT": str(free_port()), "KUBETASKS_TARGET": "local"}
    launcher = (str(checkout.path / ".venv" / "bin" / "python"), "-m", "kubetasks")
    found = Checkout(root, checkout.namespace, env, tmp_path / "whole.log", launcher=launcher)
    yield found
    with found.start("destroy") as process:
        process.communicate(timeout=60)


def revision(project: Checkout) -> int:
    found = re.search(r"^revision (\d+)", project.inv("status"), re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_deploy_changes_nothing_that_it_reads(project: Checkout) -> None:
    """The context is the whole folder: state in it made every deploy a new revision, and the next verify fail."""
    project.inv("deploy")
    project.inv("verify")
    for _ in range(2):
        assert "nothing changed since revision 1" in project.inv("deploy")
    project.inv("verify")
    assert revision(project) == 1
    assert whole.untracked(project.path) == [".env", "prod.env"]
    state = Path(project.env["HOME"]) / ".local" / "state" / "kubetasks"
    (folder,) = (each for each in state.iterdir() if each.is_dir())
    assert json.loads((folder / "root.json").read_text())["root"] == str(project.path)
    assert (folder / "local" / project.namespace / "objects" / "Secret").is_dir()
    project.inv("destroy")
    assert list(state.iterdir()) == []


def test_a_moved_checkout_finds_its_deployment(project: Checkout) -> None:
    project.inv("deploy")
    moved = project.path.rename(project.path.with_name("moved"))
    project.path = moved
    assert "web" in project.inv("status")
    project.inv("deploy")
    project.inv("verify")
    project.inv("destroy")
    assert "there is no namespace" in project.inv("destroy")


def test_without_a_home(project: Checkout) -> None:
    """A user that no passwd file knows, without HOME: one line, and what to set."""
    out = project.inv("deploy", code=39, env={"HOME": "nowhere"})
    assert "set XDG_STATE_HOME" in out
    project.inv("deploy", env={"HOME": "nowhere", "XDG_STATE_HOME": str(project.log.parent / "state")})
    project.inv("destroy", env={"HOME": "nowhere", "XDG_STATE_HOME": str(project.log.parent / "state")})
