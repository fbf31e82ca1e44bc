"""The tasks at work on a cluster in memory: what they print, what they change, how they end."""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.context import Context

from kubetasks import survey
from kubetasks.deployers import history
from kubetasks.errors import EngineDown
from kubetasks.objects import PART_OF, SECRET_DIGEST
from kubetasks.targets.cluster import Listed
from kubetasks.targets.nodes import Nodes
from kubetasks.tasks import chart, cluster, deploy, image, look, manifest, secret
from tests.memory_store import NAMESPACE
from tests.recording import Answer
from tests.samples import CANARY, deployment, settings, statefulset
from tests.unit.tasks.conftest import Inv
from tests.world import BAD, World


def revisions(world: World) -> list[history.Revision]:
    return history.revisions(world.store.get(["ConfigMap"]))


def test_deploy(world: World, inv: Inv) -> None:
    done = inv(deploy.deploy)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("✓ target: kind: the current context kind-test is a kind cluster")
    assert lines[-1].startswith("Deployed todo in ")
    assert revisions(world)[0].verified
    again = inv(deploy.deploy)
    assert again.out.splitlines()[1].startswith("- deploy: nothing changed since revision 1")
    assert again.out.splitlines()[-1].startswith("Nothing to do for todo in ")


def test_deploy_with_json_is_one_document(world: World, inv: Inv) -> None:
    document = json.loads(inv(deploy.deploy, json=True).out)
    assert document == {
        "target": "kind",
        "namespace": "todo",
        "revision": 1,
        "changed": True,
        "verified": True,
        "images": dict(world.survey().release.images),
    }
    assert json.loads(inv(deploy.deploy, json=True).out) == {**document, "changed": False}


def test_deploy_without_verify(world: World, inv: Inv) -> None:
    assert json.loads(inv(deploy.deploy, verify=False, json=True).out)["verified"] is False
    assert "verify" not in " ".join(world.store.log)


@pytest.mark.parametrize("same", [True, False])
def test_deploy_forced_replaces_pods_whose_content_changed(world: World, inv: Inv, same: bool) -> None:
    world.same_content = same
    inv(deploy.deploy)
    pods = world.store.uids("Pod")
    world.store.log.clear()
    assert json.loads(inv(deploy.deploy, force=True, json=True).out)["revision"] == 2
    assert "build backend frontend anew" in world.store.log
    assert (world.store.uids("Pod") == pods) is same
    assert json.loads(inv(deploy.deploy, json=True).out)["changed"] is False


@pytest.mark.parametrize("dry", [True, False])
def test_a_plan_is_shown_and_nothing_is_done(world: World, inv: Inv, dry: bool) -> None:
    done = inv(deploy.deploy, dry_run=True) if dry else inv(deploy.plan)
    assert done.code == 0
    header, *rows = done.out.splitlines()
    assert header.split() == ["STEP", "ACTION", "WHAT"]
    assert [row.split()[:2] for row in rows[:3]] == [["target", "run"], ["build", "run"], ["load", "run"]]
    assert world.store.objects == {}
    assert world.target.present == {}


def test_a_plan_with_json(world: World, inv: Inv) -> None:
    steps = json.loads(inv(deploy.plan, json=True).out)
    assert steps[1] == {"step": "build", "action": "run", "what": "backend, frontend"}


def test_a_deploy_that_fails(world: World, inv: Inv) -> None:
    world.store.refuse["Deployment/backend"] = "no"
    done = inv(deploy.deploy)
    assert done.code == 51
    assert done.err == "error: the cluster refused an object: no\n"
    assert "✗ apply" in done.out


def test_a_deploy_that_cannot_be_proven(world: World, inv: Inv) -> None:
    world.report = BAD
    done = inv(deploy.deploy)
    assert done.code == 60
    assert done.err.startswith("error: 2 of 3 checks failed: contract/GET /health: answered 500 -- ")


def test_no_task_prints_a_secret(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    jwt = base64.b64decode(world.secret()["data"]["JWT_SECRET"]).decode()
    world.store.lines = dict.fromkeys(world.store.named("Pod"), f"with {CANARY} and {jwt}")
    calls: list[tuple[Any, dict[str, Any]]] = [
        (deploy.deploy, {"force": True}),
        (deploy.plan, {"json": True}),
        (deploy.diff, {}),
        (look.status, {"json": True}),
        (look.logs, {}),
        (look.verify, {"json": True}),
        (secret.check, {"json": True}),
        (secret.apply, {}),
        (manifest.render, {}),
        (manifest.validate, {}),
    ]
    for task, given in calls:
        done = inv(task, **given)
        assert done.code == 0
        for value in (CANARY, jwt):
            assert value not in done.out + done.err, task.name
            assert base64.b64encode(value.encode()).decode() not in done.out + done.err, task.name


def test_diff(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    assert inv(deploy.diff).out == "no difference\n"
    assert inv(deploy.diff, exit_code=True).code == 0
    world.edit("frontend/main.py")
    done = inv(deploy.diff, exit_code=True)
    assert done.code == 1
    assert "+++ deploy Deployment/frontend" in done.out
    assert inv(deploy.diff).code == 0


def test_rollback(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    assert inv(deploy.rollback).code == 54
    world.edit("backend/main.py")
    inv(deploy.deploy)
    done = inv(deploy.rollback)
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("Rolled back todo in ")
    assert revisions(world)[-1].note == "rollback to 1"
    assert inv(deploy.rollback, to=2).code == 0
    assert revisions(world)[-1].note == "rollback to 2"


def test_destroy(world: World, inv: Inv) -> None:
    inv(deploy.deploy)
    assert inv(deploy.destroy).code == 0
    assert world.store.objects == {}
    assert inv(deploy.destroy).code == 0


def test_verify(world: World, inv: Inv, tmp_path: Path) -> None:
    inv(deploy.deploy)
    done = inv(look.verify, junit=str(tmp_path / "junit.xml"))
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["LAYER", "CHECK", "RESULT", "EVIDENCE"]
    assert done.out.splitlines()[-1].startswith("Verified todo on kind in ")
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text()
    world.report = BAD
    done = inv(look.verify, json=True, junit=str(tmp_path / "junit.xml"))
    assert done.code == 60
    document = json.loads(done.out)
    assert (document["ok"], document["counts"]["fail"]) == (False, 2)
    assert 'failures="2"' in (tmp_path / "junit.xml").read_text()


def test_verify_needs_no_deploy_from_here(world: World, inv: Inv) -> None:
    """Neither an env file nor a record of ours: only what is live."""
    inv(deploy.deploy)
    (world.root / ".env").unlink()
    for name in [each for each in world.store.objects if "revision" in each]:
        del world.store.objects[name]
    world.store.log.clear()
    assert inv(look.verify).code == 0
    assert world.store.changes == []


def test_a_junit_report_that_cannot_be_written(world: World, inv: Inv) -> None:
    for path, why in (
        ("/no/such/folder/junit.xml", "there is no folder /no/such/folder"),
        ("/", "it cannot be written"),
    ):
        done = inv(look.verify, junit=path)
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith(f"error: --junit {path}: {why} -- ")
    assert world.store.log == []


def test_status(world: World, inv: Inv) -> None:
    done = inv(look.status)
    assert done.out.splitlines() == [
        "kind: the current context kind-test is a kind cluster",
        "nothing is deployed in todo; inv deploy deploys it",
    ]
    inv(deploy.deploy)
    done = inv(look.status)
    assert done.out.splitlines()[1].split() == ["STATE", "WORKLOAD", "READY", "RESTARTS", "AGE", "IMAGE", "PROBLEM"]
    assert done.out.splitlines()[2].split()[:4] == ["ok", "Deployment/backend", "1/1", "ready"]
    assert "revision 1 deployed with manifests at " in done.out
    assert done.out.rstrip().endswith(", verified")
    document = json.loads(inv(look.status, json=True).out)
    assert (document["target"], document["namespace"], document["revision"]["number"]) == ("kind", "todo", 1)


def test_logs(world: World, inv: Inv) -> None:
    assert inv(look.logs).out == "no pod runs; inv status says why, inv deploy starts them\n"
    done = inv(look.logs, service="bakend")
    assert (done.code, done.err) == (3, "error: --service bakend: unknown value -- choose one of backend, frontend\n")
    inv(deploy.deploy)
    pods = world.store.named("Pod")
    world.store.lines = {pod: f"line of {pod}" for pod in pods}
    assert sorted(inv(look.logs).out.splitlines()) == sorted(f"{pod}: line of {pod}" for pod in pods)
    [backend] = [pod for pod in pods if pod.startswith("backend")]
    assert inv(look.logs, service="backend").out == f"{backend}: line of {backend}\n"
    assert inv(look.logs, service="backend", follow=True).out == f"[pod/{backend}] line of {backend}\n"


def test_open_on_the_local_target_just_prints(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    world.target.cluster = None
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert inv(look.open_, service="frontend").out == "http://127.0.0.1:80\n"
    assert inv(look.open_, service="frontend:8080", browser=True).out == "http://127.0.0.1:8080\n"
    assert opened == ["http://127.0.0.1:8080"]


@pytest.mark.parametrize("service", ["", "frontend:http", ":80"])
def test_open_without_a_service(world: World, inv: Inv, service: str) -> None:
    done = inv(look.open_, service=service)
    assert done.code == 3
    assert done.err.startswith(f"error: {f'--service {service}'.strip()}: nothing is deployed in todo -- inv deploy")


def test_open_opens_the_entry_of_what_is_deployed(world: World, inv: Inv) -> None:
    world.target.cluster = None
    inv(deploy.deploy)
    assert inv(look.open_, service="frontend").out == "http://127.0.0.1:8000\n"
    for wanted, why in (("", "several Services could be the entry"), ("Ingress/x", "nothing deployed is Ingress/x")):
        done = inv(look.open_, service=wanted)
        assert done.code == 3
        assert why in done.err
        assert done.err.endswith("give NAME or NAME:PORT, of backend, frontend\n")
    del world.store.objects["Service/backend"]
    assert inv(look.open_).out == "http://127.0.0.1:8000\n"


def test_doctor_prints_the_schema(world: World, inv: Inv) -> None:
    assert json.loads(inv(look.doctor, schema=True).out)["title"] == "kubetasks settings"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(world: World, inv: Inv, shell: str) -> None:
    done = inv(look.completion, shell=shell)
    assert done.code == 0
    assert "inv" in done.out


def test_secret_apply_check_and_rotate(world: World, inv: Inv) -> None:
    rows = {row["name"]: row for row in json.loads(inv(secret.check, json=True).out)}
    assert (rows["API_KEY"]["state"], rows["API_KEY"]["from"]) == ("ok", ".env")
    assert rows["JWT_SECRET"]["from"] == "generated by the next deploy"
    assert inv(secret.apply).out.startswith("✓ secrets: todo-secrets written; inv deploy rolls the pods")
    assert world.store.named("Namespace") == ["todo"]
    assert inv(secret.apply).out.startswith("- secrets: unchanged")
    before = world.secret()["data"]
    inv(deploy.deploy)
    assert world.secret()["data"] == before
    backend = world.store.objects["Deployment/backend"]["spec"]["template"]["metadata"]["annotations"][SECRET_DIGEST]
    assert inv(secret.rotate, "JWT_SECRET").out.startswith("✓ rotate: JWT_SECRET has a new value")
    after = world.secret()["data"]
    assert {key for key in before if before[key] != after[key]} == {"JWT_SECRET"}
    inv(deploy.deploy)
    mark = world.store.objects["Deployment/backend"]["spec"]["template"]["metadata"]["annotations"][SECRET_DIGEST]
    assert mark != backend
    assert inv(secret.rotate, "API_KEY").code == 3


def test_a_secret_goes_into_a_namespace_that_is_there_already(world: World, inv: Inv) -> None:
    world.store.put(NAMESPACE)
    assert inv(secret.apply).code == 0
    assert "labels" not in world.store.objects["Namespace/todo"]["metadata"]


def test_a_rendered_secret_shows_keys_with_digests(world: World, inv: Inv) -> None:
    meta = {"name": "own", "namespace": "todo", "labels": {PART_OF: "todo"}}
    own = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"OWN": "hunter2-of-ones-own"}}
    world.renderer.extra.append(own)
    out = inv(manifest.render).out
    assert "OWN: hmac-sha256:" in out
    assert "hunter2" not in out


def test_manifest_render_validate_and_apply(world: World, inv: Inv) -> None:
    world.store.put(NAMESPACE)
    rendered = list(yaml.safe_load_all(inv(manifest.render).out))
    assert [item["kind"] for item in rendered] == ["ConfigMap", "Service", "Service", "Deployment", "Deployment", "Job"]
    assert inv(manifest.validate).out == "✓ 6 objects accepted by the API server\n"
    assert world.store.named("Deployment") == []
    world.store.put(deployment("old"))
    assert inv(manifest.apply).out.startswith("✓ apply: 6 objects")
    assert sorted(world.store.named("Deployment")) == ["backend", "frontend"]
    world.store.refuse["Deployment/backend"] = "field is immutable"
    assert inv(manifest.validate).code == 51


def test_images(world: World, inv: Inv) -> None:
    references = world.survey().release.images
    rows = json.loads(inv(image.list_, json=True).out)
    assert rows[0] == {"service": "backend", "image": references["backend"], "built": "no", "on_target": "no"}
    assert inv(image.build, service="backend").out.startswith(f"✓ build: {references['backend']}")
    assert inv(image.build, service="backend").out.startswith("- build: all there")
    assert inv(image.build, service="backend", force=True).out.startswith("✓ build")
    rows = json.loads(inv(image.list_, json=True).out)
    assert [(row["built"], row["on_target"]) for row in rows] == [("yes", "no"), ("no", "no")]
    inv(image.build)
    assert inv(image.load).out.startswith("✓ load: ")
    assert inv(image.load).out.startswith("- load: the target already has all of them")
    rows = json.loads(inv(image.list_, json=True).out)
    assert [(row["built"], row["on_target"]) for row in rows] == [("yes", "yes"), ("yes", "yes")]
    done = inv(image.build, service="bakend")
    assert (done.code, done.err) == (3, "error: --service bakend: unknown value -- choose one of backend, frontend\n")


def test_pruning_keeps_what_runs(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def prune(images: Any, chosen: Any, runner: Any, env: Any, *, in_use: Any) -> list[str]:
        asked.update(images=images, env=env, in_use=set(in_use))
        return ["kubetasks/todo-backend:old"]

    monkeypatch.setattr("kubetasks.images.prune.prune", prune)
    inv(deploy.deploy)
    used = set(world.survey().release.images.values())
    world.edit("backend/main.py")
    assert inv(image.prune).out.startswith("✓ prune: 1 removed")
    assert asked["in_use"] == used
    # Every revision that a rollback can go back to keeps its images.
    for text in ("2", "3"):
        world.edit("backend/main.py", text)
        inv(deploy.deploy)
        used |= set(world.survey().release.images.values())
    assert len(used) == 4
    assert inv(image.prune).out.startswith("✓ prune: 1 removed")
    assert asked["in_use"] == used
    assert asked["env"] == {"DOCKER_HOST": "unix:///some.sock"}


def test_pruning_leaves_the_nodes_alone_where_other_namespaces_cannot_be_asked(
    world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(Nodes):
        def spare(self, repositories: Any, keep: Any) -> dict[str, list[str]]:
            kept.append(set(keep))
            return {}

    kept: list[set[str]] = []
    monkeypatch.setattr("kubetasks.images.prune.prune", lambda *_, **__: [])
    monkeypatch.setattr("kubetasks.images.prune.built", lambda *_, **__: [])
    world.target.nodes_with_images = Watched(world.runner, ())
    inv(deploy.deploy)
    inv(image.prune)
    assert kept == [set(world.survey().release.images.values())]
    monkeypatch.setattr(world.target, "get_everywhere", lambda *_, **__: None)
    assert "the nodes keep their images" in inv(image.prune).out
    assert len(kept) == 1


def test_the_local_target_has_no_images(world: World, inv: Inv) -> None:
    world.target.cluster = None
    assert "needs no images" in inv(image.build).out
    assert "has no images" in inv(image.prune).out
    assert json.loads(inv(image.list_, json=True).out)[0]["built"] == "not needed"


def test_a_shell_in_a_minikube_engine_is_noticed(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MINIKUBE_ACTIVE_DOCKERD": "dev", "DOCKER_HOST": "tcp://192.168.49.2:2376"}.items():
        monkeypatch.setenv(name, value)
    note = "DOCKER_HOST is from `minikube docker-env` of profile dev and is not used"
    assert inv(look.status).out.count(note) == 1
    assert note in inv(look.status, json=True).err
    # A shell evaluates what cluster.env prints.
    assert note in inv(cluster.env).err
    assert inv(cluster.env).out.startswith("export DOCKER_HOST=unix:///some.sock\n#")
    monkeypatch.setattr(type(world.target), "build_env", lambda target: {})
    assert inv(cluster.env).out.splitlines()[:-2] == [
        "unset DOCKER_CERT_PATH",
        "unset DOCKER_HOST",
        "unset DOCKER_TLS_VERIFY",
        "unset MINIKUBE_ACTIVE_DOCKERD",
    ]


def test_what_is_built_where_the_node_is_needs_no_loading(world: World, inv: Inv) -> None:
    assert "load: nothing to load: 2 in the engine that the node uses" in inv(deploy.deploy).out


def test_the_time_counts_from_the_start_of_the_task(inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    look = survey.look

    def slowly(*args: Any, **named: Any) -> Any:
        time.sleep(0.3)
        return look(*args, **named)

    monkeypatch.setattr(survey, "look", slowly)
    seconds = re.search(r"Deployed todo in ([0-9.]+) seconds", inv(deploy.deploy).out)
    assert seconds is not None
    assert float(seconds[1]) >= 0.3


def test_an_engine_that_docker_host_names_is_named(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://build.example:2375")

    def down(*args: object, **named: object) -> None:
        raise EngineDown("the container engine does not answer", why="Cannot connect to tcp://build.example:2375")

    monkeypatch.setattr(type(world.target), "preflight", down)
    assert "DOCKER_HOST names it: start that engine, or unset DOCKER_HOST" in inv(image.build).err
    monkeypatch.delenv("DOCKER_HOST")
    assert "DOCKER_HOST" not in inv(image.build).err


def test_cluster_env(world: World, inv: Inv) -> None:
    assert inv(cluster.env).out.splitlines() == [
        "export DOCKER_HOST=unix:///some.sock",
        "# images are built by the fake",
        "# kubectl --context kind-test --namespace todo …",
    ]


@pytest.mark.parametrize("task", [cluster.up, cluster.down])
@pytest.mark.parametrize("target", ["", "local", "context", "auto"])
def test_only_clusters_of_known_kinds_are_made_and_deleted(world: World, inv: Inv, task: Any, target: str) -> None:
    done = inv(task, target=target)
    assert done.code == 3
    assert done.err == (
        f"error: --target {target or '(none)'}: which kind of cluster? -- choose one of kind, minikube\n"
    )


def test_cluster_list(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    def listing(chosen: object, runner: object) -> list[Listed]:
        return [Listed("kind", "kubetasks", "Running", "kind-kubetasks", ours=True)]

    monkeypatch.setattr("kubetasks.targets.cluster.listing", listing)
    assert [line.split() for line in inv(cluster.list_).out.splitlines()] == [
        ["TARGET", "NAME", "STATE", "CONTEXT"],
        ["kind", "kubetasks", "*", "Running", "kind-kubetasks"],
    ]
    assert json.loads(inv(cluster.list_, json=True).out) == [
        {"target": "kind", "name": "kubetasks", "state": "Running", "context": "kind-kubetasks", "ours": True}
    ]


HELM = ["helm", "--kube-context", "kind-test", "--namespace", "todo"]


def test_chart_upgrade_rollback_and_test(world: World, inv: Inv) -> None:
    world.store.put(NAMESPACE)
    number = 0

    def helm(call: Any) -> str:
        nonlocal number
        number += 1
        labels = {"owner": "helm", "name": "todo", "version": str(number), "status": "deployed"}
        world.store.put(
            {"kind": "Secret", "metadata": {"name": f"sh.helm.release.v1.todo.v{number}", "labels": labels}}
        )
        return "done"

    objects = yaml.safe_dump_all(world.renderer.render(world.survey().release))
    world.runner.answers = {
        ("helm", "version"): "v3.17.3",
        ("helm", "--namespace", "todo", "template"): objects,
        (*HELM, "upgrade"): helm,
        (*HELM, "rollback"): helm,
        (*HELM, "test"): (1, "", "Error: 1 error occurred:\n\t* job todo-test failed"),
    }
    assert inv(chart.rollback).code == 54
    assert inv(chart.upgrade).out.startswith("✓ upgrade: Helm's revision 1")
    inv(chart.upgrade)
    assert inv(chart.rollback).out.startswith("✓ rollback: Helm's revision 3")
    assert world.runner.argvs[-1] == [*HELM, "rollback", "todo", "1", "--history-max", "5"]
    assert inv(chart.rollback, to=2).code == 0
    done = inv(chart.test)
    assert done.code == 60
    assert "todo-test failed" in done.err
    for call in world.runner.calls:
        assert CANARY not in " ".join(call.argv)


def test_chart_lint(world: World, inv: Inv) -> None:
    lint = ["helm", "lint", f"{world.root}/chart", "--strict"]
    world.runner.answers = {("helm", "lint"): "1 chart(s) linted, 0 chart(s) failed"}
    assert inv(chart.lint).out == "✓ the chart has no errors and no warnings\n"
    assert world.runner.argvs == [lint]
    text = "==> Linting chart\n[ERROR] templates/: parse error at (todo/templates/x.yaml:3)\n[WARNING] Chart.yaml: icon"
    world.runner.answers = {("helm", "lint"): (1, text, "Error: 1 chart(s) linted, 1 chart(s) failed")}
    done = inv(chart.lint)
    assert done.code == 50
    first, second = done.err.splitlines()
    assert first == "error: the chart has errors: [ERROR] templates/: parse error at (todo/templates/x.yaml:3)"
    assert second.strip() == "[WARNING] Chart.yaml: icon"


def test_helm_needs_a_cluster(world: World, inv: Inv) -> None:
    world.target.cluster = None
    for task in (chart.upgrade, chart.rollback, chart.test):
        done = inv(task)
        assert (done.code, done.err) == (
            3,
            "error: --target local: Helm needs a cluster -- inv cluster.up --target kind\n",
        )


PASSWORD = "DB_PASSWORD"


@pytest.fixture
def remembered(world: World, inv: Inv, context: Context) -> World:
    """A deployed database whose volume remembers a generated password."""
    document = yaml.safe_load((world.root / "invoke.yaml").read_text())
    document["kubetasks"]["secrets"][PASSWORD] = {"kind": "generated", "rotate": False}
    context.config.kubetasks.secrets[PASSWORD] = document["kubetasks"]["secrets"][PASSWORD]
    world.settings = settings(secrets=document["kubetasks"]["secrets"])
    database = statefulset()
    reference = {"secretKeyRef": {"name": "todo-secrets", "key": PASSWORD}}
    database["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "PGPASS", "valueFrom": reference}]
    database["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}}]
    world.renderer.extra = [database]
    assert inv(deploy.deploy).code == 0
    world.store.put({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-postgres-0"}})
    return world


LOSSES: dict[str, Any] = {
    "the Secret": lambda world: world.store.objects.pop("Secret/todo-secrets"),
    "the key": lambda world: world.store.objects["Secret/todo-secrets"]["data"].pop(PASSWORD),
    "the value": lambda world: world.store.objects["Secret/todo-secrets"]["data"].update({PASSWORD: ""}),
}
TRIED: dict[str, tuple[Any, tuple[str, ...], dict[str, Any]]] = {
    "deploy": (deploy.deploy, (), {}),
    "deploy --force": (deploy.deploy, (), {"force": True}),
    "plan": (deploy.plan, (), {}),
    "secret.apply": (secret.apply, (), {}),
    "secret.rotate": (secret.rotate, ("JWT_SECRET",), {}),
}


@pytest.mark.parametrize("gone", LOSSES)
@pytest.mark.parametrize("tried", TRIED)
def test_a_generated_secret_is_not_made_anew_while_its_volume_is_there(
    remembered: World, inv: Inv, gone: str, tried: str
) -> None:
    LOSSES[gone](remembered)
    remembered.store.log.clear()
    task, words, flags = TRIED[tried]
    done = inv(task, *words, **flags)
    if (gone, tried) == ("the Secret", "secret.rotate"):
        assert (done.code, remembered.store.changes) == (3, [])
        assert "there is no Secret todo-secrets -- create it: inv secret.apply" in done.err
        return
    assert done.code == 43, done.out + done.err
    assert done.err.startswith("error: DB_PASSWORD is missing, but PersistentVolumeClaim/data-postgres-0, ")
    assert "exec statefulset/postgres -- printenv PGPASS" in done.err
    assert remembered.store.changes == []
    assert not [line for line in remembered.store.log if line.startswith(("build", "deliver"))]


@pytest.mark.parametrize("gone", LOSSES)
def test_with_its_value_given_or_its_volume_deleted_it_goes_on(
    remembered: World, inv: Inv, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    LOSSES[gone](remembered)
    monkeypatch.setenv(PASSWORD, "the-old-password")
    assert inv(deploy.deploy).code == 0
    assert base64.b64decode(remembered.secret()["data"][PASSWORD]) == b"the-old-password"
    monkeypatch.delenv(PASSWORD)
    LOSSES[gone](remembered)
    del remembered.store.objects["PersistentVolumeClaim/data-postgres-0"]
    assert inv(deploy.deploy).code == 0
    assert remembered.secret()["data"][PASSWORD]


def test_what_only_looks_is_not_refused(remembered: World, inv: Inv) -> None:
    LOSSES["the Secret"](remembered)
    for task in (look.status, look.logs, secret.check, manifest.render):
        assert inv(task).code == 0
    assert inv(deploy.destroy).code == 0


def test_a_given_value_that_is_not_used_is_told(remembered: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "another-password")
    told = "the value given for DB_PASSWORD is not used: its setting has rotate: false"
    assert f"· {told}" in inv(deploy.deploy).out.splitlines()
    done = inv(deploy.deploy, json=True)
    assert f"note: {told}" in done.err.splitlines()
    json.loads(done.out)


def test_a_weak_secret_is_told_and_breaks_nothing(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("true", "todo", "8000", "null", "{", '"', "short", "Deployment", "app"):
        monkeypatch.setenv("API_KEY", value)
        done = inv(deploy.deploy, json=True, force=True)
        assert done.code == 0
        document = json.loads(done.out)
        assert (document["namespace"], document["changed"]) == ("todo", True)
        assert "note: API_KEY cannot be hidden everywhere: " in done.err
        for task in (deploy.plan, look.status, look.verify, secret.check, image.list_):
            assert json.loads(inv(task, json=True).out)
        rendered = list(yaml.safe_load_all(inv(manifest.render).out))
        assert {item["metadata"]["namespace"] for item in rendered} == {"todo"}
        assert "Deployment" in {item["kind"] for item in rendered}


def test_a_minikube_that_this_machine_cannot_hold_is_refused(world: World, inv: Inv, context: Context) -> None:
    context.config.kubetasks.minikube.cpus = 4096
    state = '{"Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'
    answers: dict[tuple[str, ...], Answer] = {
        ("minikube", "-p", "minikube", "status"): (85, "no such profile"),
        ("minikube", "-p", "minikube", "update-context"): "",
    }
    world.runner.answers.update(answers)
    done = inv(cluster.up, target="minikube")
    assert done.code == 2
    assert "error: setting `kubetasks.minikube.cpus`: 4096 are requested, and this machine has " in done.err
    assert not [argv for argv in world.runner.argvs if "start" in argv]
    # One that exists is used as it is.
    world.runner.answers["minikube", "-p", "minikube", "status"] = state
    assert "the kubeconfig has no context minikube" in inv(cluster.up, target="minikube").err
