"""Which content a name stands for."""

import pytest

from kubetasks.images.content import LABEL, Content, agree, common, identity, of_engine, running
from kubetasks.objects import Object
from kubetasks.tools.docker import Inspected
from tests.samples import template

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"config:1"}, {"config:1"}, True),
        ({"config:1"}, {"config:2"}, False),
        ({"config:1", "manifest:3"}, {"config:1", "manifest:4"}, True),
        ({"config:1", "manifest:3"}, {"manifest:4"}, False),
        ({"config:1"}, {"manifest:1"}, True),
        (set(), {"config:1"}, True),
        ({"config:1", "config:2"}, {"config:2"}, True),
    ],
)
def test_agree(one: set[str], other: set[str], same: bool) -> None:
    """Two imports of one image may have manifests of their own; what has no kind in common says nothing."""
    assert agree(one, other) is agree(other, one) is same


def test_identities() -> None:
    assert identity(Inspected("sha256:1")) == "config:sha256:1"
    assert identity(Inspected("sha256:1", is_manifest=True)) == "manifest:sha256:1"
    assert of_engine(Inspected("sha256:1", labels={LABEL: "x"})) == Content(frozenset({"config:sha256:1"}), "x")
    assert of_engine(Inspected("sha256:1")).made_for == ""


def test_common() -> None:
    one, other = Content(frozenset({"config:1", "manifest:2"})), Content(frozenset({"config:1", "manifest:3"}))
    assert common([one, other]) == Content(frozenset({"config:1"}))
    assert common([one, None]) is common([one, Content(frozenset({"config:9"}))]) is common([]) is None


def pod(name: str, image_id: str, *, deleting: bool = False, job: bool = False) -> Object:
    meta = {"name": name, "labels": {"job-name": "x"} if job else {}}
    if deleting:
        meta["deletionTimestamp"] = "now"
    status = {"containerStatuses": [{"name": "web", "imageID": image_id, "image": "another word for it"}]}
    return {"kind": "Pod", "metadata": meta, "spec": template("web", "web:1")["spec"], "status": status}


@pytest.mark.parametrize(
    ("image_id", "digests"),
    [
        (A, {A}),
        (f"docker.io/library/import-2026@{A}", {A}),
        (f"docker-pullable://ghcr.io/me/web@{A}", {A}),
        (f"docker://{A}", {A}),
        ("", None),
    ],
)
def test_what_pods_run(image_id: str, digests: set[str] | None) -> None:
    assert running([pod("a", image_id)]) == ({"web:1": digests} if digests else {})


def test_what_pods_run_together() -> None:
    live = [pod("a", A), pod("b", B), pod("c", "sha256:c", deleting=True), pod("d", f"sha256:{'d' * 64}", job=True)]
    assert running(live) == {"web:1": {A, B}}
    assert running([{"kind": "Pod", "metadata": {"name": "a"}, "spec": {}, "status": {}}]) == {}
