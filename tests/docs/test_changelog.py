"""CHANGELOG.md keeps the form of keepachangelog.com: versions, the newest first, with what changed for a user."""

import re
from pathlib import Path

from kubetasks import __version__

TEXT = (Path(__file__).resolve().parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)


def test_every_section_is_a_version_with_its_day_the_newest_first() -> None:
    assert TEXT.startswith("# Changelog\n")
    released = SECTIONS[1:] if SECTIONS[0] == "[Unreleased]" else SECTIONS
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d{2}-\d{2}", section) for section in released]
    versions = [tuple(map(int, match.groups())) for match in found if match]
    assert len(versions) == len(released)
    assert versions == sorted(set(versions), reverse=True)


def test_this_version_is_in_it_or_to_come() -> None:
    assert SECTIONS[0] == "[Unreleased]" or SECTIONS[0].startswith(f"[{__version__}] ")


def test_changes_are_grouped_by_kind() -> None:
    kinds = set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds
