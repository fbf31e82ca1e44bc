"""The files that describe the settings and the tasks are what ``python -m kubetasks.docs`` writes now."""

from pathlib import Path

import pytest

from kubetasks import docs

ROOT = Path(__file__).resolve().parents[2]
TEXTS = docs.texts(ROOT)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == TEXTS[path], "run: python -m kubetasks.docs"
