"""What a deploy would change, as a person reads it."""

from pathlib import Path

import pytest

from kubetasks.deployers.diff import differences
from tests.memory_store import NAMESPACE
from tests.samples import CANARY, deployment
from tests.world import World, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def diff(world: World) -> list[str]:
    survey = world.survey()
    objects = world.deployer.render(survey.release)
    before = dict(world.store.objects)
    lines = differences(world.target.store, world.settings, survey, objects)
    assert world.store.objects == before
    return lines


def test_nothing_would_change(world: World) -> None:
    world.deploy()
    assert diff(world) == []


def test_everything_would_be_made_where_nothing_is(world: World) -> None:
    lines = diff(world)
    assert "+++ deploy Deployment/backend" in lines
    assert "+kind: Deployment" in lines
    assert not any(line.startswith("-") and not line.startswith("---") for line in lines)
    assert lines[-1].startswith("Secret/todo-secrets: API_KEY, JWT_SECRET, ")
    assert lines[-1].endswith(" would change")


def test_a_changed_image_is_one_line_out_and_one_in(world: World) -> None:
    world.deploy()
    old = world.survey().release.images["frontend"]
    world.edit("frontend/main.py")
    new = world.survey().release.images["frontend"]
    changed = [line for line in diff(world) if line[0] in "+-" and line[:3] not in {"+++", "---"}]
    assert changed == [f"-      - image: {old}", f"+      - image: {new}"]


def test_what_somebody_edited_would_be_put_back(world: World) -> None:
    world.deploy()
    world.store.edit("Deployment/backend", replicas=5)
    lines = diff(world)
    assert lines[:2] == ["--- live Deployment/backend", "+++ deploy Deployment/backend"]
    assert "-  replicas: 5" in lines
    assert "+  replicas: 1" in lines


def test_what_is_no_longer_rendered_would_go(world: World) -> None:
    world.deploy()
    world.store.put(deployment("old"))
    lines = diff(world)
    assert lines[0] == "--- live Deployment/old"
    assert "-kind: Deployment" in lines
    assert not any(line.startswith("+") and not line.startswith("+++") for line in lines)


def test_who_manages_it_is_no_difference(world: World) -> None:
    world.deploy()
    for item in world.store.objects.values():
        meta = item["metadata"]
        if item["kind"] in {"Deployment", "Service"}:
            meta["labels"] |= {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "todo-0.1.0"}
            meta["annotations"] = {"meta.helm.sh/release-name": "todo", **meta.get("annotations", {})}
    assert diff(world) == []


def test_a_secret_is_named_by_its_keys_alone(world: World) -> None:
    world.deploy()
    world.given["API_KEY"] = f"{CANARY}-2"
    lines = diff(world)
    assert lines[-1] == "Secret/todo-secrets: API_KEY would change"
    assert CANARY not in "\n".join(lines)
    assert not any("Secret" in line for line in lines[:-1] if "todo-secrets" in line)


def test_records_of_deploys_are_no_part_of_it(world: World) -> None:
    world.deploy()
    assert not any("revision" in line for line in diff(world))


def test_in_a_namespace_that_is_there_and_empty(world: World) -> None:
    world.store.put(NAMESPACE)
    assert "+++ deploy Deployment/backend" in diff(world)
