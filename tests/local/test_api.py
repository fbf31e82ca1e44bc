"""kubetasks from Python and as a pytest plugin, with an application that is not ours and needs no setting for this."""

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks import api
from kubetasks.errors import NothingToRollBack, UsageError

ROOT = Path(__file__).resolve().parents[2]
TEST = """
import urllib.request

def test_the_page(deployment):
    assert deployment.result.verified
    with urllib.request.urlopen(deployment.url(), timeout=20) as answer:
        assert answer.status == 200
    assert deployment.verify().ok
    print("namespace:", deployment.namespace)

def test_the_same_deployment(deployment):
    assert deployment.url("web:80") == deployment.url()
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[api.Project]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    shutil.copytree(ROOT / "tests/foreign/kinds", tmp_path / "shop")
    project = api.Project(tmp_path / "shop", target="local")
    yield project
    api.destroy(project)


def test_a_whole_life_from_python(shop: api.Project, capfd: pytest.CaptureFixture[str]) -> None:
    steps = {step.title: step for step in api.plan(shop)}
    assert steps["apply"].needed
    # What the local target cannot run is listed before anything is changed.
    assert steps["left out"].what == "Pod/lone: the local target runs no Pod"
    first = api.deploy(shop)
    assert (first.revision, first.changed, first.verified) == (1, True, True)
    assert first.report is not None
    assert first.report.ok
    assert api.deploy(shop).changed is False
    assert (api.diff(shop), api.diagnose(shop)) == ([], [])
    with api.endpoint(shop) as url, urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.status == 200
    assert any("GET /" in line for lines in api.logs(shop, "web").values() for line in lines)
    assert {item["kind"] for item in api.render(shop)} >= {"Deployment", "Service", "Ingress"}
    with pytest.raises(NothingToRollBack):
        api.rollback(shop)
    manifests = Path(shop.root) / "k8s/all.yaml"
    manifests.write_text(manifests.read_text().replace("periodSeconds: 1", "periodSeconds: 2"))
    second = api.deploy(api.Project(shop.root, settings={"target": "local"}))
    assert (second.revision, second.changed) == (2, True)
    assert api.rollback(shop, 1) == 3
    report = api.verify(shop, layers=["endpoints"])
    assert {check.layer for check in report.checks} >= {"endpoints"}
    with pytest.raises(UsageError, match="there is no such check"):
        api.verify(shop, only=["no such check"])
    # Nothing is printed, and nothing exits.
    assert capfd.readouterr() == ("", "")


def test_what_is_wrong_is_raised(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        api.plan(tmp_path / "missing")
    with pytest.raises(api.KubetasksError):
        api.plan(api.Project(tmp_path, target="nowhere"))


def test_the_fixture_of_the_plugin(shop: api.Project, tmp_path: Path) -> None:
    (Path(shop.root) / "test_shop.py").write_text(TEST)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-s", "-p", "kubetasks.pytest_plugin", "-p", "no:cacheprovider"),
            *("--kubetasks-target", "local", "--rootdir", ".", "test_shop.py"),
        ],
        cwd=shop.root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    namespace = done.stdout.partition("namespace: ")[2].split()[0]
    assert namespace.startswith("test-test-shop-py-")
    left = [path for path in (tmp_path / "state").rglob("*") if namespace in path.name and path.is_dir()]
    assert not left, "the namespace is not deleted"
