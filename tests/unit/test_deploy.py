"""The steps behind ``inv deploy``: what is planned, in which order it is done, and what a failure leaves."""

import base64
import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deploy import Deploy, failure
from kubetasks.deployers import history, holder, lease
from kubetasks.deployers.history import FAILED
from kubetasks.errors import (
    ApplyFailed,
    BuildFailed,
    ClusterUnreachable,
    DeployLocked,
    Interrupted,
    LockLost,
    LockUnusable,
    RecordFailed,
    RenderFailed,
    RolloutFailed,
    ToolFailed,
    VerifyFailed,
)
from kubetasks.images.content import of_engine
from kubetasks.objects import MANAGED_BY, PART_OF, Object
from kubetasks.redact import Sensitive
from tests.memory_store import NAMESPACE, MemoryStore
from tests.samples import CANARY, PROJECT
from tests.world import BAD, GOOD, NOTHING, World, make


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def rows(work: Deploy) -> list[list[str]]:
    return [step.row() for step in work.plan()]


def actions(work: Deploy) -> dict[str, str]:
    return {title: action for title, action, _ in rows(work)}


def last(world: World) -> history.Revision:
    return history.revisions(world.store.get(["ConfigMap"]))[-1]


def recorded(world: World, number: int) -> list[Object]:
    return history.objects_of(world.store, world.store.get(["ConfigMap"]), number, PROJECT)


UNHEALTHY: Object = {"ready": False, "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "not present"}}}


def test_the_plan_of_a_first_deploy(world: World) -> None:
    work = world.prepare()
    images = [image.reference for image in work.survey.images.values()]
    assert rows(work) == [
        ["target", "run", "kind: the current context kind-test is a kind cluster"],
        ["build", "run", "backend, frontend"],
        ["load", "run", ", ".join(images)],
        ["namespace", "run", "todo"],
        ["lock", "run", "one deploy at a time"],
        ["secrets", "run", "2 keys in todo-secrets"],
        ["apply", "run", "revision 1 with manifests"],
        ["rollout", "run", "wait up to 120 s"],
        ["verify", "run", "prove that it works"],
        ["record", "run", "revision 1"],
    ]
    assert world.store.changes == []
    assert world.store.objects == {}


def test_the_plan_when_nothing_changed(world: World) -> None:
    world.deploy()
    assert rows(world.prepare()) == [
        ["target", "run", "kind: the current context kind-test is a kind cluster"],
        ["deploy", "skip", "nothing changed since revision 1"],
    ]


def test_the_plan_when_nothing_changed_but_nothing_was_proven(world: World) -> None:
    world.deploy(check=False)
    assert actions(world.prepare()) == {"target": "run", "deploy": "skip", "verify": "run"}
    assert actions(world.prepare(check=False)) == {"target": "run", "deploy": "skip"}


def test_the_plan_when_one_image_changed(world: World) -> None:
    world.deploy()
    world.edit("frontend/main.py")
    work = world.prepare()
    planned = {title: (action, what) for title, action, what in rows(work)}
    assert planned["build"] == ("run", "frontend")
    assert planned["load"] == ("run", work.survey.images["frontend"].reference)
    assert planned["namespace"] == ("skip", "todo")
    assert planned["secrets"] == ("skip", "unchanged")
    assert planned["apply"] == ("run", "revision 2 with manifests")


def test_the_plan_for_the_local_target(world: World) -> None:
    world.target.cluster = None
    world.given["DATABASE_URL"] = "sqlite:///app.db"
    planned = {title: (action, what) for title, action, what in rows(world.prepare())}
    assert planned["images"] == ("skip", "none needed: the local target runs the source")
    assert "build" not in planned
    assert "load" not in planned
    assert "preflight" not in world.store.log
    assert planned["apply"][0] == "run"


def test_the_plan_with_images_that_are_built_and_not_loaded(world: World) -> None:
    world.target.engine = {image.built_as: world.made(image) for image in world.survey().images.values()}
    planned = {title: (action, what) for title, action, what in rows(world.prepare())}
    assert planned["build"] == ("skip", "already built")
    assert planned["load"][0] == "run"


def test_the_plan_with_images_that_are_loaded_asks_no_engine(world: World) -> None:
    images = world.survey().images.values()
    world.target.present = {image.reference: of_engine(world.made(image)) for image in images}
    planned = {title: (action, what) for title, action, what in rows(world.prepare())}
    assert planned["images"] == ("skip", "the target already has all of them")
    assert "preflight" not in world.store.log


def test_the_plan_without_verify(world: World) -> None:
    planned = {title: (action, what) for title, action, what in rows(world.prepare(check=False))}
    assert planned["verify"] == ("skip", "not asked for")


@pytest.mark.parametrize(
    "path", ["backend/main.py", "Dockerfile", "manifests/base/backend.yaml", "manifests/overlays/bundled/new.yaml"]
)
def test_a_changed_source_is_deployed(world: World, path: str) -> None:
    world.deploy()
    world.edit(path)
    assert not world.survey().unchanged


@pytest.mark.parametrize(
    "path", ["README.md", "chart/Chart.yaml", "manifests/overlays/sqlite/new.yaml", "manifests/notes.txt"]
)
def test_what_no_deploy_reads_deploys_nothing(world: World, path: str) -> None:
    world.deploy()
    world.edit(path)
    assert world.survey().unchanged


def test_a_live_object_that_somebody_edited_is_deployed_again(world: World) -> None:
    world.deploy()
    world.store.edit("Deployment/backend", replicas=5)
    assert not world.survey().unchanged
    world.deploy()
    assert world.store.objects["Deployment/backend"]["spec"]["replicas"] == 1


def test_a_workload_that_is_not_ready_any_more_is_deployed_again(world: World) -> None:
    world.deploy()
    world.store.objects["Deployment/backend"]["status"]["availableReplicas"] = 0
    assert not world.survey().unchanged


def test_force_goes_through_every_step_once(world: World) -> None:
    world.deploy()
    forced = world.prepare(survey=replace(world.survey(), forced=True))
    assert actions(forced)["apply"] == "run"
    forced.run()
    assert world.survey().unchanged


def test_force_takes_the_lock_before_it_builds(world: World) -> None:
    """Building everything anew takes long: another deploy that is under way is told of first."""
    forced = world.prepare(survey=replace(world.survey(), forced=True))
    assert [step.title for step in forced.plan()][1:4] == ["build", "load", "namespace"], "nothing is deployed yet"
    world.deploy()
    forced = world.prepare(survey=replace(world.survey(), forced=True))
    assert [step.title for step in forced.plan()][1:5] == ["namespace", "lock", "build", "load"]


def test_the_order_of_a_first_deploy(world: World) -> None:
    work = world.deploy()
    job = next(name for name in world.store.named("Job"))
    references = " ".join(image.reference for image in work.survey.images.values())
    changes = [line for line in world.store.log if not line.startswith("get ")]
    assert changes == [
        "preflight",
        "build backend frontend",
        f"deliver {references}",
        "apply Namespace/todo",
        "create Lease/todo-deploy",
        "create ConfigMap/todo-revision-1",
        "apply Secret/todo-secrets",
        "apply ConfigMap/todo-config",
        "apply Service/backend",
        "apply Service/frontend",
        "apply Deployment/backend",
        "apply Deployment/frontend",
        f"apply Job/{job}",
        "verify 6 objects",
        "apply ConfigMap/todo-revision-1",
        "delete Lease/todo-deploy",
    ]
    revision = last(world)
    assert (revision.number, revision.status, revision.verified, revision.deployer) == (
        1,
        "deployed",
        True,
        "manifests",
    )
    assert revision.inputs == work.survey.inputs
    assert work.report is not None
    assert work.report.checks == GOOD.checks
    assert [span.name for span in work.report.timeline] == [
        "build", "delivery", "namespace", "secrets", "apply", "rollout",
    ]  # fmt: skip


def test_what_a_person_sees_of_a_first_deploy(world: World) -> None:
    world.deploy()
    lines = [line.split(" (")[0] for line in world.shown.splitlines()]
    assert [line.split(":")[0] for line in lines] == [
        "✓ target", "✓ build", "✓ load", "✓ namespace", "✓ secrets", "✓ apply", "✓ rollout", "✓ verify", "✓ record",
    ]  # fmt: skip
    assert lines[4] == "✓ secrets: todo-secrets has API_KEY, JWT_SECRET"
    assert lines[5] == "✓ apply: revision 1 with manifests, 6 objects"
    assert lines[7] == "✓ verify: 1 checks passed"


def test_deploying_again_changes_and_restarts_nothing(world: World) -> None:
    world.deploy()
    pods, objects = world.store.uids("Pod"), json.dumps(world.store.objects, sort_keys=True)
    world.deploy()
    assert world.store.uids("Pod") == pods
    assert json.dumps(world.store.objects, sort_keys=True) == objects
    assert not world.store.changes
    assert not any("Lease" in line or line.startswith(("build", "verify")) for line in world.store.log)


def test_one_changed_line_rolls_that_workload_alone(world: World) -> None:
    world.deploy()
    before = world.store.uids("Pod")
    world.edit("frontend/main.py")
    world.deploy()
    after = world.store.uids("Pod")
    kept = {name for name in before if after.get(name) == before[name]}
    assert {name.rsplit("-", 1)[0] for name in kept} >= {"backend"}
    assert not any(name.startswith("frontend") for name in kept)
    assert any(line == "build frontend" for line in world.store.log)


def test_changing_a_secret_rolls_the_pods_and_keeps_what_was_generated(world: World) -> None:
    world.deploy()
    generated = world.secret()["data"]["JWT_SECRET"]
    before = world.store.uids("Pod")
    world.given["API_KEY"] = "another-value"
    work = world.prepare()
    assert actions(work)["secrets"] == "run"
    work.run()
    after = world.store.uids("Pod")
    rolled = {name.rsplit("-", 1)[0] for name in before if name not in after}
    assert rolled == {"backend", "frontend"}
    assert world.secret()["data"]["JWT_SECRET"] == generated
    assert base64.b64decode(world.secret()["data"]["API_KEY"]).decode() == "another-value"


def test_a_value_that_is_not_given_again_stays(world: World) -> None:
    world.deploy()
    world.given.clear()
    assert world.survey().unchanged


def test_nothing_is_deployed_after_a_failed_build(world: World) -> None:
    world.build_error = BuildFailed("backend did not build", detail="the last lines")
    with pytest.raises(BuildFailed):
        world.deploy()
    assert world.store.objects == {}
    assert world.store.log[-1] == "build backend frontend"
    assert world.target.present == {}
    assert "✗ build" in world.shown


def test_an_object_that_is_refused_is_noted_as_a_failed_revision(world: World) -> None:
    world.store.refuse["Deployment/frontend"] = "field is immutable"
    with pytest.raises(ApplyFailed):
        world.deploy()
    revision = last(world)
    assert (revision.number, revision.status, revision.note) == (1, FAILED, "the cluster refused an object")
    assert revision.fingerprint == {}
    assert world.store.named("Lease") == []
    world.store.refuse.clear()
    work = world.deploy()
    assert work.revision is not None
    assert (work.revision.number, work.revision.good) == (2, True)


def test_what_does_not_render_is_refused_before_anything_is_built_or_changed(world: World) -> None:
    world.renderer.error = RenderFailed("the chart does not render")
    with pytest.raises(RenderFailed):
        world.deploy()
    assert world.store.changes == []
    assert not [line for line in world.store.log if line.startswith(("build", "deliver"))]
    with pytest.raises(RenderFailed):
        world.prepare().plan()


def test_a_failed_rollout_is_saved_and_the_old_pods_serve_on(world: World) -> None:
    world.deploy()
    old = world.store.uids("Pod")
    world.edit("backend/main.py", "broken")
    world.store.broken["Deployment/backend"] = UNHEALTHY
    with pytest.raises(RolloutFailed, match="IMAGE_NOT_ON_NODE"):
        world.deploy()
    revision = last(world)
    assert (revision.number, revision.status, revision.verified) == (2, FAILED, False)
    assert revision.note == "Deployment/backend cannot become ready [IMAGE_NOT_ON_NODE]"
    assert recorded(world, 2) != []
    assert {name for name in old if name.startswith("backend")} <= set(world.store.uids("Pod"))
    assert "verify" not in " ".join(world.store.log)
    assert world.store.named("Lease") == []
    assert not world.survey().unchanged


def test_a_mended_deploy_after_a_failed_one(world: World) -> None:
    world.store.broken["Deployment/backend"] = UNHEALTHY
    with pytest.raises(RolloutFailed):
        world.deploy()
    world.store.broken.clear()
    world.edit("backend/main.py", "mended")
    work = world.deploy()
    assert work.revision is not None
    assert (work.revision.number, work.revision.verified) == (2, True)


def test_the_note_of_a_failure_holds_no_secret_and_hides_no_failure(world: World) -> None:
    world.runner.redactor.add([Sensitive(CANARY)])
    real = world.store.apply
    reachable = True

    def refusing(objects: list[Object], *, dry_run: bool = False) -> list[Object]:
        if objects[0]["metadata"]["name"].startswith("todo-revision") and not reachable:
            raise ClusterUnreachable("no answer")
        if objects[0]["metadata"]["name"] == "todo-config" and not dry_run:
            raise ApplyFailed(f"{CANARY} is no number")
        return list(real(objects, dry_run=dry_run))

    world.store.apply = refusing
    with pytest.raises(ApplyFailed):
        world.deploy()
    assert last(world).note == "*** is no number"
    world.store.objects.clear()
    reachable = False
    with pytest.raises(ApplyFailed):
        world.deploy()


def test_a_job_that_failed_is_made_anew(world: World) -> None:
    world.store.conditions = {}
    world.deploy()
    [name] = world.store.named("Job")
    before = world.store.uids("Job")
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    world.store.objects[f"Job/{name}"]["status"] = {"conditions": [failed]}
    work = world.deploy()
    assert f"delete Job/{name}" in world.store.log
    assert world.store.uids("Job") != before
    assert work.revision is not None
    assert work.revision.good


def test_a_job_whose_template_is_another_is_made_anew(world: World) -> None:
    world.deploy()
    [name] = world.store.named("Job")
    job = world.store.objects[f"Job/{name}"]
    job["spec"]["template"]["spec"]["containers"][0]["name"] = "of-another-chart"
    work = world.deploy()
    assert f"delete Job/{name}" in world.store.log
    assert work.revision is not None
    assert work.revision.good


def test_a_job_that_ran_is_left_as_it_is(world: World) -> None:
    world.deploy()
    before = world.store.uids("Job")
    world.edit("backend/main.py")
    world.deploy()
    assert world.store.uids("Job") == before


@pytest.mark.parametrize("at", ["build", "deliver", "Namespace", "Secret", "Deployment", "verify", "todo-revision-1"])
def test_an_interrupted_deploy_goes_on(world: World, at: str) -> None:
    class Stopping(list[str]):
        armed = True

        def append(self, line: str) -> None:
            super().append(line)
            if self.armed and at in line and not line.startswith("get"):
                self.armed = False
                raise Interrupted("interrupted")

    world.store.log = Stopping()
    with pytest.raises(Interrupted):
        world.deploy()
    assert world.store.named("Lease") == []
    assert not any(revision.status == FAILED for revision in history.revisions(world.store.get(["ConfigMap"])))
    generated = world.store.objects.get("Secret/todo-secrets")
    work = world.deploy()
    assert work.revision is not None
    assert (work.revision.number, work.revision.verified) == (1, True)
    if generated is not None:
        assert world.secret()["data"] == generated["data"]
    assert world.survey().unchanged


def test_a_killed_deploy_goes_on(world: World) -> None:
    """Its lease and the record that it opened stay, and its process is gone."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = f"{holder.machine()}/{child.pid}/{holder.began(child.pid)}"
    child.communicate(b"\n")
    world.store.put(NAMESPACE, held_by(mark))
    history.open_record(world.store, history.Revision(1, FAILED, "manifests", ""), world.settings, [])
    work = world.deploy()
    assert work.revision is not None
    assert (work.revision.number, work.revision.good) == (1, True)
    assert world.store.named("Lease") == []


def held_by(mark: str) -> Object:
    now = dt.datetime.now(dt.UTC)
    item = lease.made(PROJECT, PROJECT, identity="somewhere:1:aa", command="deploy", since=now, at=now)
    item["metadata"]["annotations"] = {holder.PROCESS: mark}
    return item


def living() -> str:
    return f"{holder.machine()}/{os.getppid()}/{holder.began(os.getppid())}"


def test_of_two_deploys_at_once_the_second_is_refused_before_it_changes_anything(world: World) -> None:
    world.store.put(NAMESPACE, held_by(living()))
    with pytest.raises(DeployLocked):
        world.deploy()
    assert world.store.changes == []
    assert world.store.named("Deployment") == []
    assert world.store.named("Lease") == ["todo-deploy"]
    assert world.store.named("ConfigMap") == []


def test_a_deploy_that_was_overtaken_since_its_survey_is_refused(world: World) -> None:
    """Both looked before either wrote: the second would replace the first one's generated keys and its record."""
    second = world.prepare()
    first = world.deploy()
    generated = world.secret()["data"]["JWT_SECRET"]
    with pytest.raises(DeployLocked) as caught:
        second.run()
    assert caught.value.line == (
        "another deploy finished while this one was being prepared"
        " -- run the same command again; finished builds are kept"
    )
    assert world.secret()["data"]["JWT_SECRET"] == generated
    assert first.revision is not None
    assert last(world) == replace(first.revision, objects=[])
    assert world.store.named("Lease") == []
    world.deploy()


def test_a_namespace_of_somebody_elses_gets_none_of_our_labels(world: World) -> None:
    world.store.put(NAMESPACE)
    world.deploy()
    assert "labels" not in world.store.objects["Namespace/todo"]["metadata"]
    assert "todo exists and is not ours" in world.shown


def test_a_namespace_of_our_own_is_labelled_and_has_no_policy_unless_one_is_set(world: World) -> None:
    world.deploy()
    labels = world.store.objects["Namespace/todo"]["metadata"]["labels"]
    assert labels[MANAGED_BY] == "kubetasks"
    assert labels[PART_OF] == PROJECT
    assert "pod-security.kubernetes.io/enforce" not in labels


def test_a_failed_verify_leaves_a_revision_that_is_not_verified(world: World) -> None:
    world.report = BAD
    with pytest.raises(VerifyFailed) as caught:
        world.deploy()
    assert caught.value.line == (
        "2 of 3 checks failed: contract/GET /health: answered 500 -- "
        "see inv status and inv logs, or roll back: inv rollback"
    )
    assert caught.value.detail == "journeys/chat: answered nothing"
    assert caught.value.exit_code == 60
    revision = last(world)
    assert (revision.number, revision.status, revision.verified) == (1, "deployed", False)
    assert world.store.named("Lease") == []


def test_after_a_failed_verify_the_next_deploy_proves_it_again_and_no_more(world: World) -> None:
    world.report = BAD
    with pytest.raises(VerifyFailed):
        world.deploy()
    world.report = GOOD
    pods = world.store.uids("Pod")
    work = world.deploy()
    assert world.store.uids("Pod") == pods
    assert world.store.changes == ["apply ConfigMap/todo-revision-1"]
    assert work.revision is not None
    assert (work.revision.number, work.revision.verified) == (1, True)
    assert recorded(world, 1) == world.deployer.render(work.survey.release)
    world.deploy()
    assert world.store.changes == []


def test_a_report_in_which_nothing_was_tried_is_a_failure(world: World) -> None:
    world.report = NOTHING
    with pytest.raises(VerifyFailed, match="none could run"):
        world.deploy()


def test_a_deploy_without_verify_is_recorded_as_unproven(world: World) -> None:
    world.deploy(check=False)
    assert last(world).verified is False
    assert "verify" not in " ".join(world.store.log)


def test_a_cluster_that_goes_away_in_the_middle(world: World) -> None:
    class Going(MemoryStore):
        def create(self, item: Object) -> bool:
            done = super().create(item)
            self.fail = {name: ClusterUnreachable("the cluster does not answer") for name in ("get", "apply", "delete")}
            return done

    world.target.store = Going()
    with pytest.raises(ClusterUnreachable):
        world.deploy()
    world.store.fail = {}
    assert holder.of_lease(world.store.objects["Lease/todo-deploy"]) is not None


def test_no_secret_is_shown_or_recorded(world: World) -> None:
    world.runner.redactor.add([Sensitive(CANARY)])
    world.deploy()
    world.given["API_KEY"] = f"{CANARY}-2"
    world.runner.redactor.add([Sensitive(f"{CANARY}-2")])
    world.deploy()
    jwt = base64.b64decode(world.secret()["data"]["JWT_SECRET"]).decode()
    everything = [item for name, item in world.store.objects.items() if not name.startswith("Secret/")]
    unpacked = [recorded(world, number) for number in (1, 2)]
    for value in (CANARY, jwt):
        for form in (value, base64.b64encode(value.encode()).decode()):
            assert form not in world.shown
            assert form not in json.dumps([everything, unpacked])
            assert form not in "\n".join(world.store.log)
    assert not any(CANARY in str(call) for call in world.runner.calls)


def test_the_error_of_a_report_counts_what_failed() -> None:
    assert failure(BAD).what == "2 of 3 checks failed"


def test_a_step_shows_its_progress(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("kubetasks.console.Step.update", lambda step, text: told.append((step.title, text)))
    world.deploy()
    assert ("build", "backend: #1 DONE") in told
    assert ("load", "loading 2") in told
    assert any(title == "rollout" and "backend: 1/1 ready" in text for title, text in told)


@pytest.mark.parametrize("at", ["Secret", "Deployment", "Job"])
def test_a_deploy_that_loses_its_lock_stops_before_its_next_change(
    world: World, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was suspended, say, and another process took the lock over and deployed meanwhile."""
    monkeypatch.setattr("kubetasks.deployers.lock.CONFIRM", 0.0)

    class Stolen(list[str]):
        done = False

        def append(self, line: str) -> None:
            super().append(line)
            if not self.done and line.startswith(f"apply {at}"):
                self.done = True
                world.store.put(held_by("another-machine/1/2/3"))

    world.store.log = Stolen()
    with pytest.raises(LockLost) as caught:
        world.deploy()
    assert caught.value.exit_code == 58
    assert world.store.objects["Lease/todo-deploy"]["spec"]["holderIdentity"] == "somewhere:1:aa"
    written = [line for line in world.store.log if line.split()[0] in {"apply", "create", "delete"}]
    last_of_it = next(index for index, line in enumerate(written) if line.startswith(f"apply {at}"))
    # Objects of one call may follow; no other call does.
    assert all(line.startswith("apply ") and "revision" not in line for line in written[last_of_it + 1 :])


def test_the_record_is_opened_before_anything_is_changed(world: World) -> None:
    world.deploy()
    world.edit("backend/main.py")
    world.store.fail["create"] = ToolFailed("kubectl could not create", why='"x" is forbidden: exceeded quota: few')
    before = json.dumps(world.store.objects, sort_keys=True)
    with pytest.raises(LockUnusable):
        world.deploy()
    assert json.dumps(world.store.objects, sort_keys=True) == before


def test_a_record_that_cannot_be_opened_stops_the_deploy(world: World) -> None:
    class Full(MemoryStore):
        def create(self, item: Object) -> bool:
            if item["kind"] == "ConfigMap":
                raise ToolFailed("kubectl could not create", why='"x" is forbidden: exceeded quota: few')
            return super().create(item)

    world.target.store = Full()
    with pytest.raises(RecordFailed, match="exceeded quota"):
        world.deploy()
    assert world.store.named("Deployment") == []
    assert world.store.named("Secret") == []
    assert world.store.named("Lease") == []


def test_a_deploy_beside_a_record_of_a_later_version(world: World) -> None:
    world.deploy()
    world.store.objects["ConfigMap/todo-revision-1"]["data"]["format"] = "9"
    before = dict(world.store.objects["ConfigMap/todo-revision-1"]["data"])
    assert not world.survey().unchanged
    work = world.deploy()
    assert work.revision is not None
    assert work.revision.number == 2
    assert world.store.objects["ConfigMap/todo-revision-1"]["data"] == before


def test_noting_a_verification_needs_the_lock_and_is_left_where_another_has_it(world: World) -> None:
    world.deploy(check=False)
    world.store.put(held_by("another-machine/1/2/3"))
    world.deploy()
    assert last(world).verified is False
    assert "not recorded: another deploy is under way" in world.shown
