"""The gate: how well the rules do on what they were not tuned on, and that they destroy nothing by mistake."""

import pytest

from tests.app.rules.corpus import Case, cases, measure


def test_it_is_large_and_a_third_is_held_out() -> None:
    held_out = sum(case.held_out for case in cases())
    assert len(cases()) >= 450
    assert 0.3 < held_out / len(cases()) < 0.37


@pytest.mark.parametrize("held_out", [False, True])
def test_accuracy(held_out: bool) -> None:
    outcomes = [measure(case) for case in cases() if case.held_out is held_out]
    assert sum(outcome.right_intent for outcome in outcomes) / len(outcomes) >= 0.95
    assert sum(outcome.right_slots for outcome in outcomes) / len(outcomes) >= 0.95


def test_nothing_is_destroyed_by_mistake() -> None:
    wrong = [case.name for case in cases() if measure(case).wrongly_destroyed]
    assert not wrong


_TALK = [case for case in cases() if case.intent in {"keep", "none", "help"}]


@pytest.mark.parametrize("case", _TALK, ids=lambda case: case.name)
def test_talk_changes_nothing(case: Case) -> None:
    outcome = measure(case)
    assert "calls" not in outcome.got
    assert "confirm" not in outcome.got
