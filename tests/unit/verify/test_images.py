"""Running image = built image."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers.history import Revision
from kubetasks.deployers.record import to_objects
from kubetasks.errors import EngineDown
from kubetasks.images.content import Content
from kubetasks.images.ledger import Ledger
from kubetasks.objects import Objects
from kubetasks.settings import load
from kubetasks.verify.context import Context, Scene
from kubetasks.verify.doors import Doors
from kubetasks.verify.images import Built, Verdict, check_images, seen, verdict
from kubetasks.verify.results import Layer
from tests.unit.verify.fakes import FakeStore, FakeTarget, deployment

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")
SETTINGS = load({"project": "notes", "services": {"web": {}}}, environ={})


def built(*identities: str, held: str = "") -> Built:
    return Built(frozenset(identities), "", frozenset(held.split()))


@pytest.mark.parametrize(
    ("number", "known", "found"),
    [
        # containerd and CRI-O: the configuration, or the name with the manifest that it was pulled by
        (A, built(f"config:{A}"), "same"),
        (A, built(f"config:{B}"), "other"),
        (A, built(f"manifest:{B}"), "unknown"),
        (A, built(f"manifest:{B}", f"config:{A}"), "same"),
        (f"docker.io/test/web@{A}", built(f"manifest:{A}"), "same"),
        (f"docker.io/test/web@{A}", built(f"manifest:{B}"), "other"),
        (f"docker.io/test/web@{A}", built(f"config:{B}"), "unknown"),
        # cri-dockerd: what the engine uses, or after docker-pullable:// the manifest
        (f"docker://{A}", built(f"config:{A}"), "same"),
        (f"docker://{A}", built(f"config:{B}"), "other"),
        (f"docker://{A}", built(f"manifest:{B}"), "unknown"),
        (f"docker://{A}", built(f"manifest:{B}", held="manifest"), "other"),
        (f"docker-pullable://test/web@{A}", built(f"manifest:{B}"), "other"),
    ],
)
def test_an_image_id_is_compared_with_digests_of_its_own_kind(number: str, known: Built, found: Verdict) -> None:
    assert verdict(number, known) == found


def pod(name: str = "web-1", number: str = A, image: str = "test/web:1", **meta: Any) -> dict[str, Any]:
    status = [{"name": "web", "image": "renamed", "imageID": number}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "uid": name, **meta},
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {"containerStatuses": status},
    }


def ended_pod() -> dict[str, Any]:
    made = pod(image="test/web:old")
    made["status"]["phase"] = "Failed"
    return made


def test_pods_of_jobs_and_those_that_are_being_deleted_do_not_count() -> None:
    pods = [
        pod(),
        pod("web-2", B),
        pod("job", C, labels={"job-name": "x"}),
        pod("old", C, deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("starting", ""),
    ]
    assert seen(pods) == {"test/web:1": {A: ["web-1"], B: ["web-2"]}}


def record(*identities: str) -> Objects:
    made = Revision(1, "deployed", "manifests", "", images={"test/web:1": list(identities)})
    return to_objects(made, "notes", "notes")


class Holding(FakeTarget):
    """A target that tells what it has."""

    held: Mapping[str, Content] | EngineDown | None = None

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        if isinstance(self.held, EngineDown):
            raise self.held
        return {name: content for name, content in (self.held or {}).items() if name in references}


def told(
    pods: Objects | None,
    records: Objects = (),  # type: ignore[assignment]
    held: Mapping[str, Content] | EngineDown | None = None,
    root: Path = Path("/nowhere"),
    rendered: Objects | None = None,
) -> list[tuple[str, str, str]]:
    target = Holding({}, FakeStore(list(records)))
    target.held = held
    objects = [deployment()] if rendered is None else rendered
    scene = Scene(SETTINGS, root, target, objects, objects, {}, set(), set(), pods, Doors(target))
    results = Layer("images")
    check_images(Context(scene, results, threading.Event()))
    return [(each.name, each.status, each.evidence) for each in results.checks]


def test_pods_that_run_what_was_deployed() -> None:
    assert told([pod(), pod("web-2")], record(f"config:{A}")) == [
        ("web", "pass", "2 pods run sha256:aaaaaaaaaaaa, as it was deployed")
    ]


def test_pods_that_run_something_else() -> None:
    [(name, status, evidence)] = told([pod(), pod("web-2", B)], record(f"config:{A}"))
    assert (name, status) == ("web", "fail")
    assert evidence == (
        "Pod/web-2 runs sha256:bbbbbbbbbbbb, and test/web:1 is config:sha256:aaaaaaaaaaaa (as it was deployed)"
    )


def test_digests_that_cannot_be_compared_are_unknown_and_not_a_pass() -> None:
    [(name, status, evidence)] = told([pod(number=f"test/web@{B}")], record(f"config:{A}"))
    assert (name, status) == ("web", "skip")
    assert evidence == (
        "unknown: the runtime reports web@sha256:bbbbbbbbbbbb, and only config:sha256:aaaaaaaaaaaa is known "
        "(as it was deployed)"
    )


def test_the_target_knows_the_other_kind_of_digest_of_the_same_content() -> None:
    there = {"test/web:1": Content(frozenset({f"config:{A}", f"manifest:{B}"}))}
    assert told([pod(number=f"test/web@{B}")], record(f"config:{A}"), there)[0][1] == "pass"
    # Another content under the name says nothing about the one that was deployed.
    there = {"test/web:1": Content(frozenset({f"config:{C}", f"manifest:{B}"}))}
    assert told([pod(number=f"test/web@{B}")], record(f"config:{A}"), there)[0][1] == "skip"


def test_without_a_record_what_this_machine_built_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Ledger(tmp_path, "kind").note("test/web:1", f"config:{A}", {})
    assert told([pod()], root=tmp_path) == [("web", "pass", "1 pod runs sha256:aaaaaaaaaaaa, as it was built here")]
    assert told([pod(number=B)], root=tmp_path)[0][1] == "fail"


def test_without_any_record_what_the_target_has_counts_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    there = {"test/web:1": Content(frozenset({f"config:{A}"}))}
    assert told([pod()], held=there) == [
        ("web", "pass", "1 pod runs sha256:aaaaaaaaaaaa, as the target has it; there is no record of its build")
    ]
    assert told([pod()]) == [("web", "skip", "unknown: nothing says what was built as test/web:1")]


def test_an_engine_that_does_not_answer_is_no_failure() -> None:
    assert told([pod()], record(f"config:{A}"), EngineDown("no engine"))[0][1] == "pass"


@pytest.mark.parametrize(
    ("pods", "rendered", "line"),
    [
        (None, None, ("running images", "skip", "unknown: you are not allowed to list pods")),
        ([], None, ("web", "skip", "no pod reports what it runs as test/web:1")),
        ([ended_pod()], None, ("web", "skip", "no pod reports what it runs as test/web:1")),
        ([pod(image="test/web:old")], None, ("web", "fail", "Pod/web-1 runs test/web:old, not test/web:1")),
        (
            [pod(image="docker.io/test/web:2")],
            None,
            ("web", "fail", "Pod/web-1 runs docker.io/test/web:2, not test/web:1"),
        ),
        ([pod()], [], ("web", "fail", "no rendered object uses test/web")),
    ],
)
def test_what_cannot_be_known(pods: Objects | None, rendered: Objects | None, line: tuple[str, str, str]) -> None:
    assert told(pods, record(f"config:{A}"), rendered=rendered) == [line]
