"""Which tags the engine has, and taking the old ones away."""

import json
from pathlib import Path

import pytest

from kubetasks.errors import EngineDown, ToolFailed
from kubetasks.images.digest import Recipe
from kubetasks.images.plan import Image
from kubetasks.images.prune import built, prune
from kubetasks.settings import load
from tests.recording import RecordingRunner

SETTINGS = load({"images": {"keep": 2}}, environ={})
LS = ("docker", "image", "ls", "--no-trunc", "--format", "{{json .}}")


def image(service: str, tag: str) -> Image:
    recipe = Recipe(Path(), Path("Dockerfile"), b"")
    return Image(service, f"kubetasks/shop-{service}", tag, recipe)


def row(repository: str, tag: str, day: int) -> str:
    return json.dumps(
        {
            "Repository": repository,
            "Tag": tag,
            "ID": "sha256:1",
            "CreatedAt": f"2026-11-{day:02} 10:00:00 +0000 UTC",
            "Size": "9MB",
        }
    )


LISTED = "\n".join(
    [row("kubetasks/shop-api", f"t{day}", day) for day in (1, 2, 3, 4, 5)]
    + [row("kubetasks/shop-web", "w1", 1), row("other/shop-api", "t9", 1), row("kubetasks/shop-api", "<none>", 1)]
)  # fmt: skip


def test_lists_the_newest_first() -> None:
    found = built([image("api", "t5"), image("web", "w1")], RecordingRunner({LS: LISTED}))
    assert [each.reference.rpartition(":")[2] for each in found] == ["t5", "t4", "t3", "t2", "t1", "w1"]
    assert (found[0].service, found[0].size) == ("api", "9MB")


def test_keeps_the_newest_and_what_is_in_use() -> None:
    runner = RecordingRunner({LS: LISTED, ("docker", "rmi"): ""})
    gone = prune(
        [image("api", "t1"), image("web", "w1")],
        SETTINGS,
        runner,
        {"DOCKER_HOST": "x"},
        in_use=["kubetasks/shop-api:t2"],
    )
    assert gone == ["kubetasks/shop-api:t3"]
    assert runner.argvs == [list(LS), ["docker", "rmi", "--no-prune", "kubetasks/shop-api:t3"]]
    assert all(call.env == {"DOCKER_HOST": "x"} for call in runner.calls)


def test_one_that_a_container_holds_does_not_keep_the_others() -> None:
    rmi = ("docker", "rmi", "--no-prune")
    held = (1, "", "conflict: container 1 is using its referenced image")
    runner = RecordingRunner({LS: LISTED, rmi: "", (*rmi, "kubetasks/shop-api:t3"): held})
    assert prune([image("api", "t5")], SETTINGS, runner) == ["kubetasks/shop-api:t2", "kubetasks/shop-api:t1"]


def test_says_why_it_cannot_list() -> None:
    with pytest.raises(EngineDown):
        built(
            [],
            RecordingRunner({LS: (1, "", "Cannot connect to the Docker daemon at x. Is the docker daemon running?")}),
        )
    with pytest.raises(ToolFailed, match="boom"):
        built([], RecordingRunner({LS: (1, "", "boom")}))
