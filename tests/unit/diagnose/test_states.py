"""Recorded states of a real cluster, diagnosed again: each has one expected cause, or none.

``python -m tests.states.record`` records them; see ``tests/states/catalogue.py``.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from kubetasks.diagnose import Finding, diagnose
from kubetasks.diagnose.snapshot import Snapshot, read
from tests.samples import CANARY
from tests.states.catalogue import HERE, Fault, load
from tests.states.record import Outcome, judge

RECORDED = HERE / "recorded"
FAULTS = {fault.name: fault for folder in ("faults", "held", "fresh") for fault in load(folder)}
HEALTHY = {fault.name: fault for fault in load("healthy")}


def path(fault: Fault, when: str) -> Path:
    return RECORDED / fault.family / f"{fault.name}.{when}.json"


@cache
def state(fault: Fault, when: str) -> Snapshot:
    return read(path(fault, when))


@cache
def findings(fault: Fault, when: str) -> list[Finding]:
    return diagnose(state(fault, when))


def there(faults: dict[str, Fault], when: str) -> list[str]:
    return [name for name, fault in faults.items() if path(fault, when).exists()]


def test_there_are_enough_of_them() -> None:
    assert len(there(FAULTS, "settled")) >= 80
    assert len(there(HEALTHY, "settled")) >= 20
    assert len({fault.family for fault in FAULTS.values()}) >= 12


@pytest.mark.parametrize("name", there(FAULTS, "settled"))
def test_a_settled_fault_has_its_cause_in_the_first_line(name: str) -> None:
    fault = FAULTS[name]
    outcome = Outcome(fault)
    judge(fault, findings(fault, "settled"), outcome)
    assert outcome.ok, outcome.line()
    assert not outcome.wrong, outcome.line()


@pytest.mark.parametrize("name", there(FAULTS, "early"))
def test_soon_after_the_first_sign_nothing_wrong_is_said(name: str) -> None:
    """It may be too early to say anything; what is said for certain is right."""
    fault = FAULTS[name]
    said = {each.id for each in findings(fault, "early") if each.confidence == "certain"}
    assert said <= {*fault.expected, *fault.early}


@pytest.mark.parametrize("when", ["early", "settled"])
@pytest.mark.parametrize("name", there(HEALTHY, "settled"))
def test_what_is_well_has_no_finding(name: str, when: str) -> None:
    if when == "settled" or not HEALTHY[name].entry.get("unsettled"):
        assert [each.line for each in findings(HEALTHY[name], when)] == []


@pytest.mark.parametrize("name", there({**FAULTS, **HEALTHY}, "settled"))
def test_a_recorded_state_holds_no_secret(name: str) -> None:
    fault = {**FAULTS, **HEALTHY}[name]
    for when in ("early", "settled"):
        assert CANARY not in path(fault, when).read_text()


@pytest.mark.parametrize("name", there(FAULTS, "settled"))
def test_a_finding_keeps_its_form(name: str) -> None:
    for finding in findings(FAULTS[name], "settled"):
        assert len(finding.cause) <= 120
        assert finding.fix.text
        assert "\n" not in finding.line
        if finding.fix.kind != "words":
            assert "--context kind-" in finding.fix.text
            assert f"-n kt-{name}" in finding.fix.text or "uncordon" in finding.fix.text


def test_a_snapshot_is_an_object_a_line() -> None:
    fault = next(iter(FAULTS.values()))
    text = path(fault, "settled").read_text()
    assert len(text.splitlines()) > len(json.loads(text)["objects"])
