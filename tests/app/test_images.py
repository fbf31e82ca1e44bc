"""What goes into the images."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_requirements_are_pinned_by_hash_and_name_no_index(service: str) -> None:
    text = (ROOT / "app" / service / "requirements.txt").read_text()
    entries = [entry for entry in re.split(r"\n(?! )", text) if entry.strip()]
    assert entries
    for entry in entries:
        assert re.match(r"[\w-]+(\[[\w,]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "--index" not in text


def test_the_code_is_the_last_thing_copied() -> None:
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    last = [line for line in lines if re.match(r"[A-Z]+ ", line)][-1]
    assert last.startswith("COPY ")
    assert last.endswith(". /srv/app/${SERVICE}")
    assert not any(line.startswith("# syntax=") for line in lines)
