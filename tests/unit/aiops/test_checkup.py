"""`inv doctor` on questions in words."""

from typing import Any

import pytest

from kubetasks.aiops.checkup import examine
from kubetasks.settings import load
from tests.recording import RecordingRunner

MODEL: dict[str, Any] = {"endpoint": "https://api.example.com/v1", "model": "m"}


@pytest.mark.parametrize(
    ("section", "programs", "bwrap", "wanted"),
    [
        ({}, {"kubectl-ai", "bwrap"}, 0, []),
        ({**MODEL, "tool": "direct"}, {"kubectl-ai", "bwrap"}, 0, []),
        (MODEL, set(), 0, [("kubectl-ai", "ok")]),
        ({**MODEL, "tool": "kubectl-ai"}, set(), 0, [("kubectl-ai", "warn")]),
        (MODEL, {"kubectl-ai", "bwrap"}, 0, [("kubectl-ai", "ok"), ("sandbox", "ok")]),
        (MODEL, {"kubectl-ai", "bwrap"}, 1, [("kubectl-ai", "ok"), ("sandbox", "warn")]),
        (MODEL, {"kubectl-ai"}, 0, [("kubectl-ai", "ok"), ("sandbox", "warn")]),
    ],
)
def test_what_doctor_says(
    section: dict[str, Any], programs: set[str], bwrap: int, wanted: list[tuple[str, str]]
) -> None:
    runner = RecordingRunner({("bwrap",): (bwrap, "")}, frozenset(programs))
    findings = list(examine(load({"aiops": section}, environ={}), runner))
    assert [(each.name, each.status) for each in findings] == wanted
    assert all(each.fix for each in findings if each.status == "warn")
