"""What runs, as rows for people and a document for machines."""

import datetime as dt
import json
from pathlib import Path

import pytest

from kubetasks.deployers.status import age, look
from kubetasks.errors import RolloutFailed
from tests.samples import CANARY, PROJECT, job, statefulset
from tests.world import World, make

NOW = dt.datetime(2026, 1, 10, 0, 0, 0, tzinfo=dt.UTC)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def test_nothing(world: World) -> None:
    found = look(world.store, PROJECT)
    assert found.rows == []
    empty: dict[str, object] = {"revision": None, "terminating": False, "leaving": [], "workloads": [], "findings": []}
    assert found.document() == empty


def test_what_is_well(world: World) -> None:
    world.renderer.extra = [statefulset()]
    images = world.deploy().survey.release.images
    world.store.log.clear()
    found = look(world.store, PROJECT)
    assert len([line for line in world.store.log if line.startswith("get")]) == 2
    assert [(row.workload, row.state, row.ok, row.image, row.problem) for row in found.rows] == [
        ("Deployment/backend", "1/1 ready", True, images["backend"], ""),
        ("Deployment/frontend", "1/1 ready", True, images["frontend"], ""),
        (f"Job/{world.store.named('Job')[0]}", "complete", True, images["backend"], ""),
        ("StatefulSet/postgres", "1/1 ready", True, "postgres:17", ""),
    ]
    assert found.rows[0].cells()[:4] == ["ok", "Deployment/backend", "1/1 ready", "0"]
    revision = found.document()["revision"]
    assert isinstance(revision, dict)
    assert (revision["number"], revision["status"], revision["verified"]) == (1, "deployed", True)


def test_what_is_not(world: World) -> None:
    world.store.broken["Deployment/backend"] = {
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": ""}},
        "lastState": {"terminated": {"exitCode": 1}},
    }
    with pytest.raises(RolloutFailed):
        world.deploy()
    found = look(world.store, PROJECT)
    [row] = [row for row in found.rows if not row.ok]
    assert row.problem.startswith("[CRASH_SILENT] Deployment/backend ends with exit code 1 and prints nothing")
    assert row.restarts == 3
    assert row.cells()[0] == "FAIL"
    assert found.last is not None
    assert found.last.status == "failed"


def test_what_takes_its_time(world: World) -> None:
    world.deploy()
    world.store.edit("Deployment/backend", replicas=2)
    [row] = [row for row in look(world.store, PROJECT).rows if not row.ok]
    assert row.cells()[:3] == ["wait", "Deployment/backend", "not yet seen by its controller"]


def test_a_job_that_failed(world: World) -> None:
    world.deploy()
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more"}
    world.store.put({**job(), "status": {"conditions": [failed]}})
    [row] = [row for row in look(world.store, PROJECT).rows if not row.ok]
    assert row.problem == "[JOB_FAILED] Job/migrate-0123 has failed: no more"


def test_the_document_is_json_and_holds_no_secret(world: World) -> None:
    world.deploy()
    text = json.dumps(look(world.store, PROJECT).document())
    assert CANARY not in text
    assert json.loads(text)["workloads"][0]["workload"] == "Deployment/backend"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("2026-01-10T00:00:00Z", "0s"),
        ("2026-01-09T23:58:01Z", "119s"),
        ("2026-01-09T23:58:00Z", "2m"),
        ("2026-01-09T22:00:01Z", "119m"),
        ("2026-01-09T22:00:00Z", "2h"),
        ("2026-01-08T00:00:00Z", "2d"),
        ("2026-01-10T00:00:09Z", "0s"),  # their clock is ahead of ours
        ("", ""),
    ],
)
def test_age(made: str, expected: str) -> None:
    assert age({"metadata": {"creationTimestamp": made}}, NOW) == expected
    assert age({"metadata": {}}, NOW) == ""
