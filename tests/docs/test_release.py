"""What the release workflow reads from a tag, the changelog and a report of coverage; the workflows' pins."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kubetasks import __version__

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHANGELOG = """\
# Changelog

## [Unreleased]

### Added
- New.

## [1.1.0] - 2026-01-02

### Fixed
- Broken.

## [1.0.0] - 2026-01-01

[Unreleased]: https://example.com/compare
[1.1.0]: https://example.com/1.1.0
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "bin" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = load()


@pytest.mark.parametrize(
    ("tag", "version"),
    [("v1.2.3", "1.2.3"), ("v1.0.0rc1", "1.0.0-rc.1"), ("v2.0.0a2", "2.0.0-alpha.2"), ("v2.0.0b10", "2.0.0-beta.10")],
)
def test_a_tag_as_a_semantic_version(tag: str, version: str) -> None:
    assert release.semver(tag) == version


@pytest.mark.parametrize("tag", ["1.2.3", "v1.2", "v1.2.3-rc.1", "v1.2.3.post1", "v", "vv1.2.3", "main"])
def test_a_tag_that_is_not_a_version(tag: str) -> None:
    with pytest.raises(release.ReleaseError, match="is not vX"):
        release.semver(tag)


def test_the_tag_names_the_version_of_the_package() -> None:
    assert release.package_version() == __version__
    assert release.outputs("v1.0.0rc1", "1.0.0rc1") == "semver=1.0.0-rc.1\nprerelease=true\n"
    assert release.outputs("v1.0.0", "1.0.0") == "semver=1.0.0\nprerelease=false\n"
    with pytest.raises(release.ReleaseError, match=r"the tag is v1\.0\.0, and the version"):
        release.outputs("v1.0.0", "1.0.0rc1")


def test_the_notes_are_the_section_of_the_version() -> None:
    assert release.notes("v1.1.0", CHANGELOG) == "### Fixed\n- Broken.\n"


def test_the_notes_of_a_pre_release_are_what_is_unreleased() -> None:
    assert release.notes("v1.2.0rc1", CHANGELOG) == "### Added\n- New.\n"


@pytest.mark.parametrize("tag", ["v1.0.0", "v3.0.0", "v1.1.00"])
def test_a_version_without_notes_is_not_released(tag: str) -> None:
    with pytest.raises(release.ReleaseError, match="no changes"):
        release.notes(tag, CHANGELOG)


@pytest.mark.parametrize(("percent", "message", "color"), [(95.6, "96%", "brightgreen"), (80.0, "80%", "orange")])
def test_the_badge(percent: float, message: str, color: str) -> None:
    shown = json.loads(release.badge(json.dumps({"totals": {"percent_covered": percent}})))
    assert shown == {"schemaVersion": 1, "label": "coverage", "message": message, "color": color}


def test_this_version_can_be_released() -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, str(ROOT / "bin" / "release.py"), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)

    tag = f"v{__version__}"
    assert run("version", tag).returncode == 0
    assert run("notes", tag).stdout.startswith("### ")
    assert run("version", "v0.0.1").stderr.startswith("error: the tag is v0.0.1, and")
    assert run().returncode == 2


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.name))
def test_actions_are_pinned_by_digest_with_their_version(path: Path) -> None:
    used = re.findall(r"^ +(?:- )?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_one_action_has_one_digest() -> None:
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+@\S+)", path.read_text(encoding="utf-8"))}
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)
