"""What the engine has under the planned names, and what this machine noted of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kubetasks import state
from kubetasks.errors import EngineDown, StateUnavailable
from kubetasks.images.content import LABEL
from kubetasks.images.digest import Recipe, own_platform
from kubetasks.images.engine import View, base_names, inspect, view
from kubetasks.images.ledger import NAME, Ledger
from kubetasks.images.plan import Image
from kubetasks.tools.docker import Inspected
from tests.recording import RecordingRunner

SOURCE = b"FROM python:3\nCOPY --from=nginx@sha256:1 /x /y\n"
API = Image("api", "kubetasks/shop-api", "t1", Recipe(Path(), Path("Dockerfile"), SOURCE))
MINE = Inspected("sha256:mine", labels={LABEL: "shop-api:t1"}, platform=own_platform())


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def test_names_are_compared_as_docker_writes_them() -> None:
    rows = [{"Id": "1", "RepoTags": ["python:3", "a/b:latest"]}, {"Id": "2", "RepoTags": ["ghcr.io/me/x:1"]}]
    printed = "".join(json.dumps(row) + "\n" for row in rows)
    runner = RecordingRunner({("docker", "image"): (1, printed, "No such image")})
    asked = ["docker.io/library/python:3", "a/b", "ghcr.io/me/x:1", "gone:1"]
    assert {name: image.id for name, image in inspect([*asked, "a/b"], runner).items()} == {
        "docker.io/library/python:3": "1", "a/b": "1", "ghcr.io/me/x:1": "2",
    }  # fmt: skip
    assert runner.argvs == [["docker", "image", "inspect", "--format", "{{json .}}", *asked]]
    assert inspect([], runner) == {}


def test_an_engine_that_is_down(ledger: Ledger) -> None:
    runner = RecordingRunner({("docker", "image"): (1, "", "Cannot connect to the Docker daemon at tcp://x. Is it?")})
    with pytest.raises(EngineDown, match="the container engine does not answer"):
        view([API], ledger, runner)


def test_one_call_for_images_and_bases(ledger: Ledger) -> None:
    """A base that is named by its digest cannot change."""
    runner = RecordingRunner({("docker", "image"): (1, "", "No such image")})
    view([API, replace(API, name="t1-ab")], ledger, runner, {"DOCKER_HOST": "x"})
    assert runner.argvs[0][5:] == ["kubetasks/shop-api:t1", "python:3", "kubetasks/shop-api:t1-ab"]
    assert runner.calls[0].env == {"DOCKER_HOST": "x"}
    assert base_names(API) == ["python:3"]


@pytest.mark.parametrize(
    ("found", "good"),
    [
        (MINE, True),
        (None, False),
        (replace(MINE, labels={}), False),
        (replace(MINE, labels={LABEL: "shop-api:t2"}), False),
        (replace(MINE, labels={LABEL: "shop-web:t1"}), False),
        (replace(MINE, platform="linux/s390x"), False),
        (replace(MINE, platform=f"{own_platform()}/v8"), True),
    ],
)
def test_an_image_counts_when_it_was_made_for_this_source(ledger: Ledger, found: Inspected | None, good: bool) -> None:
    held = {API.reference: found} if found else {}
    assert (View(ledger, held).of(API) is not None) is good


def test_an_image_counts_when_it_is_one_that_was_built(ledger: Ledger) -> None:
    """A container that was committed under the same name has the same label."""
    there = View(ledger, {API.reference: MINE})
    ledger.note(API.built_as, "config:sha256:other", {})
    assert there.of(API) is None
    ledger.note(API.built_as, "config:sha256:mine", {})
    assert there.of(API) == MINE


def test_the_name_in_use_goes_first(ledger: Ledger) -> None:
    renamed = replace(API, name="t1-ab")
    other = replace(MINE, id="sha256:other")
    there = View(ledger, {API.reference: MINE, renamed.reference: other})
    assert there.of(renamed) == other
    assert there.of(renamed, renamed.built_as) == MINE


def test_a_base_that_moved(ledger: Ledger) -> None:
    base = Inspected("sha256:base1")
    there = View(ledger, {API.reference: MINE, "python:3": base})
    assert there.moved(API) == [], "of an image that was built elsewhere nothing is known"
    ledger.note(API.built_as, "config:sha256:mine", there.bases(API))
    assert there.moved(API) == []
    assert View(ledger, {API.reference: MINE, "python:3": replace(base, id="sha256:base2")}).moved(API) == ["python:3"]
    assert View(ledger, {API.reference: MINE}).moved(API) == [], "the engine may have removed it"
    assert View(ledger, {"python:3": replace(base, id="sha256:base2")}).moved(API) == []


def test_the_ledger_keeps_the_newest(ledger: Ledger) -> None:
    for number in range(9):
        ledger.note("a:1", f"config:{number}", {"base": str(number)})
    ledger.note("a:1", "config:5", {})
    assert list(ledger.built("a:1")) == [f"config:{number}" for number in (3, 4, 6, 7, 8, 5)]
    for number in range(310):
        ledger.note(f"b:{number}", "config:1", {})
    assert ledger.built("a:1") == {}
    assert ledger.built("b:309") == {"config:1": {}}


def test_all_checkouts_share_one_ledger(ledger: Ledger, tmp_path: Path) -> None:
    ledger.note("a:1", "config:1", {})
    assert Ledger(tmp_path / "other").built("a:1") == {"config:1": {}}
    assert Ledger(tmp_path, "minikube").built("a:1") == {}


def test_pending(ledger: Ledger) -> None:
    ledger.note("a:1", "config:1", {}, pending=True)
    ledger.note("b:1", "config:1", {}, pending=True)
    assert ledger.pending("a:1")
    ledger.settle(name for name in ("a:1", "c:1"))
    assert not ledger.pending("a:1")
    assert ledger.pending("b:1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"built": []}', '{"built": {"a:1": 3}, "pending": 4}'])
def test_a_damaged_ledger_is_as_good_as_none(ledger: Ledger, text: str) -> None:
    state.home().mkdir(parents=True)
    (state.home() / NAME).write_text(text)
    assert (ledger.built("a:1"), ledger.pending("a:1")) == ({}, False)
    ledger.note("a:1", "config:1", {})
    assert ledger.built("a:1") == {"config:1": {}}


def test_without_a_folder_nothing_is_noted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise StateUnavailable("no home")

    monkeypatch.setattr("kubetasks.state.home", home)
    ledger.note("a:1", "config:1", {}, pending=True)
    assert (ledger.built("a:1"), ledger.pending("a:1")) == ({}, False)
