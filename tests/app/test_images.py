"""What goes into the images."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


LISTS = ["backend/requirements.txt", "backend/requirements-model.txt", "frontend/requirements.txt"]


@pytest.mark.parametrize("name", LISTS)
def test_requirements_are_pinned_by_hash_and_name_no_index(name: str) -> None:
    text = (ROOT / "app" / name).read_text()
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


def test_the_model_adds_to_the_backend_and_changes_nothing() -> None:
    plain, model = (
        set(re.findall(r"^\S+==\S+", (ROOT / "app" / name).read_text(), re.MULTILINE)) for name in LISTS[:2]
    )
    assert plain < model
    assert any(entry.startswith("openai-agents==") for entry in model - plain)


def test_the_image_begins_from_nothing_and_runs_as_nobody_special() -> None:
    """What is not collected is not there: no shell, no package manager (tests/e2e/test_images.py looks inside)."""
    text = (ROOT / "docker" / "Dockerfile").read_text()
    stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE))
    assert stages["scratch"] == "base"
    final = re.split(r"^FROM ", text, flags=re.MULTILINE)[-1]
    assert final.startswith("base\n")
    assert "\nUSER 10001:10001\n" in text
    # Without a shell every command has to be a list.
    assert all(line.split(" ", 1)[1].startswith("[") for line in final.splitlines() if line.startswith(("CMD", "RUN")))
