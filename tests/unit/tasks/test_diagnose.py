"""``inv diagnose``: the first line, the exit code, the document, the files."""

import json
import stat
from pathlib import Path

import jsonschema
import pytest

from kubetasks.diagnose.finding import schema
from kubetasks.diagnose.snapshot import read
from kubetasks.objects import Object
from kubetasks.program import with_flag
from kubetasks.tasks import deploy, diagnose, look
from tests.memory_store import NAMESPACE
from tests.samples import CANARY
from tests.unit.tasks.conftest import Inv
from tests.world import BAD, World

CRASHED: Object = {
    "ready": False,
    "restartCount": 1,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": ""}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}


def broken(world: World, inv: Inv, log: str = "ModuleNotFoundError: No module named 'flask'") -> None:
    """Deploy, then break the backend."""
    inv(deploy.deploy)
    for name in world.store.named("Pod"):
        if name.startswith("backend"):
            pod = world.store.objects[f"Pod/{name}"]
            pod["status"]["containerStatuses"][0] |= CRASHED
            world.store.lines[name] = log


def test_all_is_well(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    done = inv(diagnose.diagnose)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("nothing is wrong in namespace ")


def test_what_may_not_be_read_is_said(world: World, inv: Inv, tmp_path: Path) -> None:
    inv(deploy.deploy)
    path = tmp_path / "state.json"
    inv(diagnose.diagnose, record=str(path))
    state = json.loads(path.read_text())
    state["unread"] = {"secrets": "secrets is forbidden: no", "RuntimeClass": "the API server does not know it"}
    path.write_text(json.dumps(state))
    done = inv(diagnose.diagnose, snapshot=str(path))
    assert done.out.endswith("; you may not read: secrets\n")


def test_the_first_line_is_the_cause_and_the_fix(world: World, inv: Inv) -> None:
    broken(world, inv)
    done = inv(diagnose.diagnose)
    assert (done.code, done.err) == (61, "")
    first, second, *_ = done.out.splitlines()
    assert first.startswith("Deployment/backend: module flask is not in the image")
    assert " -- add flask to the image's dependencies" in first
    assert "[MODULE_MISSING]" in second


def test_on_the_local_target_a_missing_module_is_installed_on_this_machine(
    world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(world, inv)
    monkeypatch.setattr(world.target, "name", "local")
    first = inv(diagnose.diagnose).out.splitlines()[0]
    assert first == (
        "Deployment/backend: module flask is not installed where the local target runs it -- install flask on this "
        "machine, or in the environment that services.<name>.local.python names"
    )


def test_unknown_trouble_has_an_exit_code_of_its_own(world: World, inv: Inv) -> None:
    broken(world, inv, "the flux is gone")
    done = inv(diagnose.diagnose)
    assert done.code == 62
    assert "the flux is gone" in done.out.splitlines()[0]


def test_the_document(world: World, inv: Inv) -> None:
    broken(world, inv)
    done = inv(diagnose.diagnose, json=True)
    document = json.loads(done.out)
    jsonschema.validate(document, schema())
    assert done.code == 61
    assert (document["healthy"], [each["id"] for each in document["findings"]]) == (False, ["MODULE_MISSING"])
    inv(deploy.deploy, force=True)


def test_the_document_of_what_is_well(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    document = json.loads(inv(diagnose.diagnose, json=True).out)
    assert (document["healthy"], document["findings"]) == (True, [])


@pytest.mark.parametrize("name", ["backend", "deployment/backend", "Deployment/backend"])
def test_one_workload(world: World, inv: Inv, name: str) -> None:
    broken(world, inv)
    assert inv(diagnose.diagnose, workload=name).code == 61
    well = inv(diagnose.diagnose, workload="frontend")
    assert (well.code, well.out.splitlines()[0]) == (0, "nothing is wrong with frontend in namespace todo")


def test_a_workload_that_does_not_exist(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    done = inv(diagnose.diagnose, workload="bakcend")
    assert (done.code, "nearest is backend" in done.err) == (3, True)


def test_a_snapshot_is_recorded_for_its_owner_alone_and_read_again(world: World, inv: Inv, tmp_path: Path) -> None:
    broken(world, inv, f"RuntimeError: {CANARY} is wrong")
    path = tmp_path / "state.json"
    first = inv(diagnose.diagnose, record=str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CANARY not in path.read_text()
    assert read(path).objects
    world.store.objects.clear()
    again = inv(diagnose.diagnose, snapshot=str(path))
    assert (again.code, again.out) == (first.code, first.out)


def test_a_snapshot_needs_no_cluster(world: World, inv: Inv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(world, inv)
    path = tmp_path / "state.json"
    inv(diagnose.diagnose, record=str(path))

    def choose(*args: object, **named: object) -> object:
        raise AssertionError("no target is looked for")

    monkeypatch.setattr("kubetasks.targets.detect.choose", choose)
    assert inv(diagnose.diagnose, snapshot=str(path)).code == 61


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"version": 99}'])
def test_a_file_that_is_no_snapshot(world: World, inv: Inv, tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    done = inv(diagnose.diagnose, snapshot=str(path))
    assert (done.code, len(done.err.splitlines())) == (3, 1)


def test_a_namespace_that_does_not_exist(world: World, inv: Inv) -> None:
    done = inv(diagnose.diagnose)
    assert (done.code, "there is no namespace" in done.err) == (3, True)


def test_every_finding_in_full(world: World, inv: Inv) -> None:
    world.store.put(NAMESPACE)
    for name in ("one", "two"):
        world.store.put({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}}})
    brief, full = inv(diagnose.diagnose), inv(diagnose.diagnose, all=True)
    assert brief.out.count("SERVICE_SELECTS_NOTHING]") == 1
    assert full.out.count("SERVICE_SELECTS_NOTHING]") == 2


def test_status_says_the_same(world: World, inv: Inv) -> None:
    broken(world, inv)
    cause = inv(diagnose.diagnose).out.splitlines()[0].partition(" -- ")[0]
    shown = inv(look.status).out
    assert f"[MODULE_MISSING] {cause}" in shown
    document = json.loads(inv(look.status, json=True).out)
    assert [each["cause"] for each in document["findings"]] == [cause]


def test_status_does_not_call_a_service_ok_that_selects_nothing(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    world.store.edit("Service/backend", selector={"app.kubernetes.io/name": "backnd"})
    line = next(line for line in inv(look.status).out.splitlines() if "Service/backend" in line)
    assert line.startswith("FAIL")
    assert "[SERVICE_SELECTS_NOTHING]" in line


def test_a_failed_verify_ends_with_the_cause(world: World, inv: Inv) -> None:
    broken(world, inv)
    world.report = BAD
    done = inv(look.verify)
    assert done.code == 60
    assert "Deployment/backend: module flask is not in the image" in done.err.splitlines()[0]
    assert "contract/GET /health: answered 500" in done.err


ARGV = [
    ("inv diagnose web", "inv diagnose --workload=web"),
    ("inv diagnose --json web", "inv diagnose --json --workload=web"),
    ("inv diagnose --context kind-x web --all", "inv diagnose --context kind-x --workload=web --all"),
    ("inv diagnose --snapshot state.json", "inv diagnose --snapshot state.json"),
    (
        "inv diagnose --snapshot=state.json deployment/web",
        "inv diagnose --snapshot=state.json --workload=deployment/web",
    ),
    ("inv diagnose", "inv diagnose"),
    ("inv deploy", "inv deploy"),
    ("inv --help diagnose", "inv --help diagnose"),
]


@pytest.mark.parametrize(("given", "expected"), ARGV)
def test_the_word_after_the_task_is_the_workload(given: str, expected: str) -> None:
    assert with_flag(given.split()) == expected.split()
