"""`inv verify` and its flags on a cluster in memory: where reports go, the list, and the rounds of --watch."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable, Interrupted
from kubetasks.tasks import deploy, look
from kubetasks.verify import Report
from tests.unit.tasks.conftest import Inv
from tests.world import BAD, GOOD, World


def test_verify_writes_a_page_with_the_timeline_of_the_deploy_before(world: World, inv: Inv, tmp_path: Path) -> None:
    inv(deploy.deploy)
    page = tmp_path / "report.html"
    assert inv(look.verify, html=str(page)).code == 0
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    for step in ("build", "delivery", "apply", "rollout"):
        assert f">{step}<" in text
    world.report = BAD
    assert inv(look.verify, html=str(page)).code == 60
    assert "2 of 3 checks failed" in page.read_text()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".report")] == []


def test_deploy_writes_the_reports_of_its_verification(world: World, inv: Inv, tmp_path: Path) -> None:
    page, junit = tmp_path / "report.html", tmp_path / "junit.xml"
    world.report = BAD
    assert inv(deploy.deploy, html=str(page), junit=str(junit)).code == 60
    assert ">delivery<" in page.read_text()
    assert 'failures="2"' in junit.read_text()
    page.unlink()
    world.report = GOOD
    assert inv(deploy.deploy, html=str(page)).code == 0
    assert page.exists()
    page.unlink()
    done = inv(deploy.deploy, html=str(page))
    assert "no report was written, as nothing had to be verified; inv verify writes one" in done.out
    assert not page.exists()
    done = inv(deploy.deploy, html=str(page), verify=False)
    assert (done.code, done.out) == (3, "")


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            {"html": "/no/such/folder/a.html"},
            "error: --html /no/such/folder/a.html: there is no folder /no/such/folder",
        ),
        ({"html": "/"}, "error: --html /: it cannot be written -- "),
        ({"html": "/tmp/x", "junit": "/tmp/x"}, "error: --html /tmp/x: --junit names the same file -- "),
        ({"layer": "probs"}, "error: --layer probs: there is no such layer -- did you mean `probes`?"),
        ({"watch": True, "json": True}, "error: --watch --json: --json prints one document -- "),
        ({"watch": True, "list": True}, "error: --watch --list: --list runs no check -- "),
        ({"watch": True, "every": -1}, "error: --every -1: it is negative -- "),
    ],
)
def test_verify_refuses_flags_before_anything_is_tried(
    world: World, inv: Inv, flags: dict[str, Any], line: str
) -> None:
    done = inv(look.verify, **flags)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(line)
    assert len(done.err.splitlines()) == 1
    assert world.store.log == []


def test_verify_lists_its_checks(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    before = list(world.store.changes)
    done = inv(look.verify, list=True)
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["LAYER", "CHECK", "LIMIT", "NEEDS"]
    assert "objects    Deployment/backend" in done.out
    document = json.loads(inv(look.verify, list=True, layer="rollout", json=True).out)
    assert {each["layer"] for each in document} == {"rollout"}
    assert world.store.changes == before
    done = inv(look.verify, list=True, only="Deployment/backnd")
    assert done.code == 3
    assert done.err.startswith("error: --only Deployment/backnd: there is no such check -- did you mean `D")


def watched(
    world: World,
    inv: Inv,
    monkeypatch: pytest.MonkeyPatch,
    *reports: Report | BaseException,
    end: BaseException | None = None,
) -> Any:
    """What --watch does in these rounds, until Ctrl-C."""
    inv(deploy.deploy)
    world.reports = [*reports, end or KeyboardInterrupt()]
    monkeypatch.setattr("kubetasks.tasks._verify.time.sleep", lambda seconds: None)
    return inv(look.verify, watch=True, every=0)


def test_watch_prints_only_what_changed(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    done = watched(world, inv, monkeypatch, GOOD, GOOD, BAD, BAD, GOOD)
    assert done.code == 0
    lines = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in done.out.splitlines()]
    assert lines[2:] == [
        "1 checks passed; the next round begins in 0 s, Ctrl-C ends",
        "contract/GET /health: new, fail: answered 500",
        "journeys/chat: new, fail: answered nothing",
        "2 of 3 checks failed: contract: GET /health, journeys: chat",
        "contract/GET /health: removed, it was fail",
        "journeys/chat: removed, it was fail",
        "1 checks passed",
        "stopped; the last round: 1 checks passed",
    ]


def test_watch_ends_with_the_exit_code_of_the_last_round(
    world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watched(world, inv, monkeypatch, GOOD, BAD).code == 60
    assert watched(world, inv, monkeypatch, BAD, GOOD).code == 0
    gone = ClusterUnreachable("the API server does not answer")
    done = watched(world, inv, monkeypatch, GOOD, gone, gone)
    assert done.code == 23
    assert done.err.count("the API server does not answer") == 1
    assert watched(world, inv, monkeypatch, GOOD, gone, GOOD).code == 0


def test_watch_ends_while_a_program_runs(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    done = watched(world, inv, monkeypatch, BAD, end=Interrupted("interrupted"))
    assert done.code == 60
    assert (
        done.out.splitlines()[-1]
        == "stopped; the last round: 2 of 3 checks failed: contract: GET /health, journeys: chat"
    )


def test_watch_that_finished_no_round_was_interrupted(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watched(world, inv, monkeypatch).code == Interrupted.exit_code
