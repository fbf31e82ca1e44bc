"""When the steps of the last deploy ran."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubetasks import state
from kubetasks.deployers import timings
from kubetasks.deployers.record import Revision
from kubetasks.settings import Settings
from kubetasks.verify.timeline import Span
from tests.memory_store import FakeTarget

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPANS = [Span("build", STARTED, 12.5, what="todo:1"), Span("first ready", STARTED, kind="moment")]
REVISION = Revision(3, "deployed", "manifests", "", at="2026-01-02T03:05:00Z")
SETTINGS = Settings(project="notes")
NOW = STARTED + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def before(
    root: str = "/notes", revision: Revision | None = REVISION, now: datetime = NOW, settings: Settings = SETTINGS
) -> list[Span]:
    return timings.before(Path(root), FakeTarget(), settings, revision, now=now)


def test_they_are_kept_for_the_revision_that_was_made() -> None:
    assert before() == []
    timings.save(Path("/notes"), FakeTarget(), SETTINGS, REVISION, SPANS)
    assert before() == SPANS


@pytest.mark.parametrize(
    "found",
    [
        lambda: before(revision=None),
        lambda: before(revision=Revision(4, "deployed", "manifests", "", at=REVISION.at)),
        lambda: before(revision=Revision(3, "deployed", "manifests", "", at="2026-01-02T09:00:00Z")),
        lambda: before(root="/other"),
        lambda: before(settings=Settings(project="notes", namespace="elsewhere")),
        lambda: before(now=NOW + timedelta(hours=1)),
        lambda: before(now=STARTED - timedelta(hours=1)),
    ],
)
def test_they_are_of_no_other_deploy(found: object) -> None:
    timings.save(Path("/notes"), FakeTarget(), SETTINGS, REVISION, SPANS)
    assert callable(found)
    assert found() == []


@pytest.mark.parametrize("text", ["", "[", "[]", '{"KEY": 7}', '{"KEY": {"revision": 3, "at": "AT", "steps": [{}]}}'])
def test_a_damaged_file_is_as_good_as_none(text: str) -> None:
    key = timings._key(Path("/notes"), FakeTarget(), SETTINGS)
    path = state.home() / timings.NAME
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("KEY", key).replace("AT", REVISION.at))
    assert before() == []
    timings.save(Path("/notes"), FakeTarget(), SETTINGS, REVISION, SPANS)
    assert before() == SPANS


def test_the_oldest_are_forgotten() -> None:
    for number in range(timings.KEPT + 5):
        timings.save(Path(f"/{number}"), FakeTarget(), SETTINGS, REVISION, SPANS)
    assert before("/0") == []
    assert before(f"/{timings.KEPT + 4}") == SPANS


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    timings.save(Path("/notes"), FakeTarget(), SETTINGS, REVISION, SPANS)
    assert before() == []


def test_a_destroyed_deployment_leaves_none() -> None:
    path = state.home() / timings.NAME
    timings.forget(Path("/notes"), FakeTarget(), SETTINGS)
    assert not path.exists()
    timings.save(Path("/notes"), FakeTarget(), SETTINGS, REVISION, SPANS)
    timings.save(Path("/other"), FakeTarget(), SETTINGS, REVISION, SPANS)
    timings.forget(Path("/notes"), FakeTarget(), SETTINGS)
    assert before() == []
    assert before(root="/other") == SPANS
    timings.forget(Path("/other"), FakeTarget(), SETTINGS)
    assert not path.exists()
