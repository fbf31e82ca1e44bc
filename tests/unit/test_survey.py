"""What is there and what is wanted: database, migration, sources, and whether anything changed."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deployers.back import Rollback
from kubetasks.deployers.diff import differences
from kubetasks.deployers.scaling import adopted
from kubetasks.errors import DeletionHeld, DeployLocked, DockerfileMissing, SecretMissing
from kubetasks.objects import identity
from kubetasks.redact import Sensitive
from kubetasks.release import database_mode
from kubetasks.sources import files_digest, kustomizations
from kubetasks.survey import OPTIONAL, SURVEYED
from tests.memory_store import LEAVING_AT, FakeTarget
from tests.samples import settings
from tests.world import World, make

URL = {"DATABASE_URL": Sensitive("postgresql://db.example.org/todo")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(
        tmp_path, monkeypatch, secrets={"DATABASE_URL": {"kind": "optional"}, "JWT_SECRET": {"kind": "generated"}}
    )


@pytest.mark.parametrize(
    ("mode", "bundled", "values", "expected"),
    [
        ("auto", True, {}, "bundled"),
        ("auto", True, URL, "external"),
        ("auto", False, URL, "external"),
        ("external", True, URL, "external"),
        ("bundled", True, URL, "bundled"),
        ("bundled", False, {}, "bundled"),
    ],
)
def test_the_database(mode: str, bundled: bool, values: dict[str, Sensitive], expected: str) -> None:
    target = FakeTarget(bundled_database=bundled)
    assert database_mode(settings(database={"mode": mode}), target, values) == expected


@pytest.mark.parametrize(("mode", "bundled"), [("external", True), ("external", False), ("auto", False)])
def test_a_database_without_its_url(mode: str, bundled: bool) -> None:
    target = FakeTarget(bundled_database=bundled)
    for values in ({}, {"DATABASE_URL": Sensitive("")}):
        with pytest.raises(SecretMissing, match="DATABASE_URL has no value") as caught:
            database_mode(
                settings(database={"mode": mode}, secrets={"DATABASE_URL": {"kind": "optional"}}), target, values
            )
        assert ".env" in caught.value.fix


def test_the_local_target_has_sqlite_whatever_is_set() -> None:
    target = FakeTarget(cluster=None)
    assert database_mode(settings(database={"mode": "external"}), target, URL) == "sqlite"


def test_a_survey_is_one_look(world: World) -> None:
    """The objects and, at the same time, the namespace that they are in."""
    world.survey()
    assert sorted(world.store.log) == [f"get {','.join([*sorted(SURVEYED), *OPTIONAL])}", "get Namespace"]


def test_the_release(world: World) -> None:
    world.target.pull_policy = "IfNotPresent"
    found = world.survey()
    release = found.release
    assert (release.project, release.namespace, release.secret_name) == ("todo", "todo", "todo-secrets")
    assert release.images == {name: image.reference for name, image in found.images.items()}
    assert set(release.images) == {"backend", "frontend"}
    assert release.pull_policy == "IfNotPresent"
    assert (release.database, release.postgres_image) == ("bundled", "postgres:17")
    assert release.migration_job == "migrate"
    assert release.migration_image == release.images["backend"]
    assert len(release.migration_id) == 12
    assert release.secret_digest


def test_a_project_without_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch, migrations={})
    release = world.survey().release
    assert (release.migration_job, release.migration_id, release.migration_image) == ("", "", "")


def test_a_migration_job_of_no_service_keeps_its_own_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch, migrations={"job": "migrate"})
    release = world.survey().release
    assert release.migration_id
    assert release.migration_image == ""


def test_the_migration_keeps_its_name_and_image_as_long_as_nothing_is_to_be_migrated(world: World) -> None:
    first = world.deploy().survey.release
    world.edit("backend/main.py")
    second = world.survey().release
    assert second.images["backend"] != first.images["backend"]
    assert (second.migration_id, second.migration_image) == (first.migration_id, first.images["backend"])


@pytest.mark.parametrize("before", ["localhost:5001/kubetasks", "localhost/kubetasks", "ghcr.io/me"])
def test_a_migration_runs_again_where_images_come_from_another_place(world: World, before: str) -> None:
    target = world.target
    now = target.repository
    target.repository = lambda service: f"{before}/todo-{service}"  # type: ignore[method-assign]
    first = world.deploy().survey.release
    assert first.migration_image.startswith(f"{before}/")
    assert world.survey().release.migration_image == first.migration_image
    target.repository = now  # type: ignore[method-assign]
    second = world.survey().release
    assert (second.migration_id, second.migration_image) == (first.migration_id, second.images["backend"])
    world.deploy()
    assert (
        world.store.objects[f"Job/migrate-{first.migration_id}"]["spec"]["template"]["spec"]["containers"][0]["image"]
        == second.images["backend"]
    )


def test_a_migration_that_failed_runs_again_with_the_new_image(world: World) -> None:
    first = world.deploy().survey.release
    job = world.store.objects[f"Job/migrate-{first.migration_id}"]
    job["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    world.edit("backend/main.py")
    second = world.survey().release
    assert (second.migration_id, second.migration_image) == (first.migration_id, second.images["backend"])


def test_a_new_migration_and_a_new_database_are_new_jobs(world: World) -> None:
    first = world.deploy().survey.release
    world.edit("backend/migrations/2.sql")
    second = world.survey().release
    assert second.migration_id != first.migration_id
    assert second.migration_image == second.images["backend"]
    world.given = {"DATABASE_URL": "postgresql://one.example.org/todo"}
    third = world.survey().release
    assert third.migration_id not in {first.migration_id, second.migration_id}
    world.given = {"DATABASE_URL": "postgresql://two.example.org/todo"}
    assert world.survey().release.migration_id not in {first.migration_id, third.migration_id}


def test_nothing_is_unchanged_before_the_first_deploy(world: World) -> None:
    found = world.survey()
    assert found.last is None
    assert not found.unchanged
    assert found.secrets_changed


@pytest.mark.parametrize(
    "change", [{"inputs": "other"}, {"stale": {"x": ["y"]}}, {"live": []}, {"forced": True}, {"history": []}]
)
def test_each_thing_alone_is_a_change(world: World, change: dict[str, Any]) -> None:
    world.deploy()
    found = world.survey()
    assert found.unchanged
    assert not replace(found, **change).unchanged


def test_a_revision_that_failed_is_never_unchanged(world: World) -> None:
    world.deploy()
    found = world.survey()
    failed = replace(found.history[-1], status="failed")
    assert not replace(found, history=[failed]).unchanged


def test_another_deployer_is_a_change(world: World) -> None:
    world.deploy()
    world.renderer.name = "helm"
    found = world.survey()
    assert not found.unchanged
    world.deploy()
    world.edit("chart/templates/new.yaml")
    assert not world.survey().unchanged


def test_a_survey_stays_current_until_another_deploy_ends(world: World) -> None:
    before = world.survey()
    before.check_current()
    world.deploy()
    with pytest.raises(DeployLocked):
        before.check_current()
    world.survey().check_current()


def test_a_survey_is_not_current_once_the_secret_was_rotated(world: World) -> None:
    world.deploy()
    before = world.survey()
    world.store.objects["Secret/todo-secrets"]["data"]["JWT_SECRET"] = "bmV3"
    with pytest.raises(DeployLocked):
        before.check_current()


def test_a_missing_dockerfile_is_told_before_anything_is_asked(world: World) -> None:
    (world.root / "Dockerfile").unlink()
    with pytest.raises(DockerfileMissing):
        world.survey()
    assert world.store.log == []


def test_a_required_secret_without_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(tmp_path, monkeypatch)
    world.given.clear()
    with pytest.raises(SecretMissing, match="API_KEY"):
        world.survey()
    assert world.store.changes == []


def test_the_digest_of_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one").write_text("1")
    (tmp_path / "two").write_text("2")
    first = files_digest(tmp_path, ["a", "two", "gone"])
    assert first == files_digest(tmp_path, ["a", "two"])
    (tmp_path / "a/__pycache__").mkdir()
    (tmp_path / "a/__pycache__/one.pyc").write_bytes(b"\0")
    assert files_digest(tmp_path, ["a", "two"]) == first
    (tmp_path / "a/one").rename(tmp_path / "a/uno")
    renamed = files_digest(tmp_path, ["a", "two"])
    assert renamed != first
    (tmp_path / "a/uno").write_text("one")
    assert files_digest(tmp_path, ["a", "two"]) not in {first, renamed}


KUSTOMIZATIONS = {
    "overlays/bundled/kustomization.yaml": "resources: [../../base, https://example.org/x, local.yaml]\n"
    "components: [../../components/db]\n",
    "overlays/bundled/local.yaml": "",
    "overlays/external/kustomization.yml": "bases: [../../base]\n",
    "base/Kustomization": "resources: [../../shared]\n",
    "components/db/kustomization.yaml": "resources:\n",
    "unrelated/kustomization.yaml": "",
}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/kustomization.yaml").write_text("resources: [../project/base]")
    for path, text in KUSTOMIZATIONS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_a_kustomization_leads_to_all_that_it_draws_on(folders: Path) -> None:
    assert kustomizations(folders, "overlays/bundled") == ["../shared", "base", "components/db", "overlays/bundled"]
    assert kustomizations(folders, "overlays/external/") == ["../shared", "base", "overlays/external"]
    assert kustomizations(folders, "overlays/none") == ["overlays/none"]


def test_files_outside_the_root_are_digested_by_their_way_there(folders: Path) -> None:
    first = files_digest(folders, kustomizations(folders, "overlays/bundled"))
    (folders / "unrelated/more.yaml").write_text("")
    assert files_digest(folders, kustomizations(folders, "overlays/bundled")) == first
    (folders.parent / "shared/more.yaml").write_text("")
    assert files_digest(folders, kustomizations(folders, "overlays/bundled")) != first


@pytest.mark.parametrize("text", ["resources: [", "- a list", "", "resources: 3"])
def test_a_damaged_kustomization_is_left_to_kustomize(folders: Path, text: str) -> None:
    (folders / "overlays/bundled/kustomization.yaml").write_text(text)
    assert kustomizations(folders, "overlays/bundled") == ["overlays/bundled"]


def leave(world: World, name: str, *finalizers: str) -> None:
    meta = world.store.objects[name]["metadata"]
    meta.update(deletionTimestamp=LEAVING_AT, finalizers=list(finalizers or ["example.org/held"]))


@pytest.mark.parametrize(
    "name", ["Deployment/backend", "Service/frontend", "ConfigMap/todo-config", "ConfigMap/todo-revision-1", "Job/"]
)
def test_what_is_being_deleted_is_not_there(world: World, name: str) -> None:
    world.deploy()
    found = next(each for each in world.store.objects if each.startswith(name))
    leave(world, found)
    survey = world.survey()
    assert found not in map(identity, survey.live)
    assert found in map(identity, survey.leaving)
    assert not survey.unchanged


def test_a_secret_that_is_being_deleted_is_written_again_with_its_values(world: World) -> None:
    """A generated value that the database keeps in its volume must not be made anew."""
    world.deploy()
    before = world.secret()["data"]["JWT_SECRET"]
    leave(world, "Secret/todo-secrets")
    survey = world.survey()
    assert survey.secrets_changed
    assert not survey.unchanged
    assert base64.b64encode(survey.secrets["JWT_SECRET"].reveal().encode()).decode() == before


def test_a_pod_that_stops_is_no_change(world: World) -> None:
    world.deploy()
    leave(world, f"Pod/{world.store.named('Pod')[0]}")
    assert world.survey().unchanged


def claim(world: World) -> None:
    """A pod with a volume whose claim is being deleted."""
    world.store.put(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "labels": {"app.kubernetes.io/part-of": "todo"}},
        }
    )
    leave(world, "PersistentVolumeClaim/data", "kubernetes.io/pvc-protection")
    pod = world.store.objects[f"Pod/{world.store.named('Pod')[0]}"]
    pod["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]


def test_a_volume_that_goes_once_its_pod_ends_stops_every_deploy(world: World) -> None:
    world.deploy()
    claim(world)
    before = json.dumps(world.store.objects)
    for change in (False, True):
        if change:
            world.edit("backend/main.py")
        with pytest.raises(DeletionHeld, match="PersistentVolumeClaim/data is being deleted, and the data will go too"):
            world.deploy()
    assert json.dumps(world.store.objects) == before


def test_a_volume_that_nothing_uses_may_go(world: World) -> None:
    world.deploy()
    claim(world)
    for name in world.store.named("Pod"):
        world.store.objects[f"Pod/{name}"]["spec"].pop("volumes", None)
    world.deploy()


def autoscaled(world: World, replicas: int) -> None:
    """An autoscaler that somebody made by hand, without labels, and what it has set."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}
    world.store.put(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "backend"},
            "spec": {"scaleTargetRef": target},
        }
    )
    world.store.edit("Deployment/backend", replicas=replicas)
    world.store._control(world.store.objects["Deployment/backend"])
    world.store._applied["Deployment/backend"]["spec"].pop("replicas")  # the field's owner is another one now


def test_what_an_autoscaler_has_set_is_no_change(world: World) -> None:
    world.deploy()
    world.store.log.clear()
    assert world.survey().unchanged
    assert "get HorizontalPodAutoscaler" not in world.store.log, "it is asked for only where replicas differ"
    autoscaled(world, 5)
    assert world.survey().unchanged
    world.deploy()
    assert world.store.changes == []


def test_what_a_person_has_set_is_a_change(world: World) -> None:
    world.deploy()
    world.store.edit("Deployment/backend", replicas=5)
    assert not world.survey().unchanged
    world.deploy()
    assert world.store.objects["Deployment/backend"]["spec"]["replicas"] == 1


def test_an_edit_beside_what_an_autoscaler_has_set_is_a_change(world: World) -> None:
    world.deploy()
    autoscaled(world, 5)
    world.store.objects["Deployment/backend"]["metadata"]["labels"]["team"] = "red"
    assert not world.survey().unchanged


def test_a_deploy_leaves_replicas_to_the_autoscaler_and_the_plan_says_so_once(world: World) -> None:
    world.deploy()
    autoscaled(world, 5)
    world.edit("backend/main.py")
    rows = [step.row() for step in world.prepare().plan()]
    line = "Deployment/backend is left to HorizontalPodAutoscaler/backend"
    assert [row for row in rows if line in row[2]] == [["replicas", "skip", line]]
    world.deploy()
    assert world.store.objects["Deployment/backend"]["spec"]["replicas"] == 5
    assert world.survey().unchanged
    assert world.shown.count(line) == 1


def test_a_rollback_leaves_replicas_to_the_autoscaler(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.deploy()
    autoscaled(world, 5)
    Rollback(world.settings, world.console, world.survey(), world.deployer_named).run()
    assert world.store.objects["Deployment/backend"]["spec"]["replicas"] == 5


def test_a_diff_and_verify_see_no_difference_in_it(world: World) -> None:
    world.deploy()
    autoscaled(world, 5)
    survey = world.survey()
    objects = world.deployer.render(survey.release)
    assert differences(world.store, world.settings, survey, objects) == []
    assert adopted(world.store, "todo", objects, world.store.objects.values())[3]["spec"]["replicas"] == 5
