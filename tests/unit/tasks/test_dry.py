"""``--dry`` changes nothing: in every task, however it is asked for, and in a task that forgets about it."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.context import Context

from kubetasks.errors import Forbidden
from kubetasks.objects import Objects
from kubetasks.redact import Redactor, Sensitive
from kubetasks.runner import Result
from kubetasks.tasks import collection, deploy, secret
from kubetasks.tasks._dry import ReadOnlyStore, ReadOnlyTarget, TaskRunner, WouldChange
from kubetasks.tasks._edge import command, edge
from kubetasks.tasks._invoke import Options
from kubetasks.tools import ctr, docker, helm, kind, kubectl, minikube
from kubetasks.tools.reading import reads
from tests.memory_store import LEAVING_AT, FakeTarget, MemoryStore
from tests.samples import configmap, silent
from tests.unit.tasks.conftest import Inv
from tests.unit.tasks.foreign import Here
from tests.world import Passing, World

MANIFESTS = Path(__file__).parents[3] / "manifests" / "aiops"
# What each task says; the others only read, and say what they always say.
SAYS = {
    "lock.release": "would release nothing",
    "deploy": "STEP",
    "rollback": "would roll back to revision 1 of ",
    "destroy": "would delete namespace todo with everything in it",
    "verify": "would try ",
    "secret.apply": "would write API_KEY in todo-secrets",
    "secret.rotate": "would replace JWT_SECRET in todo-secrets with a new value",
    "manifest.apply": "would apply ConfigMap/todo-config",
    "chart.upgrade": "would upgrade or install release todo",
    "chart.rollback": "would roll release todo back to Helm's revision 1",
    "chart.test": "would run the tests of release todo",
    "cluster.up": "would create kind cluster kubetasks",
    "cluster.tunnel": "would run minikube tunnel",
    "cluster.down": "would delete nothing: there is no kind cluster kubetasks",
    "image.build": "would build kubetasks/todo-backend:",
    "image.load": "would load kubetasks/todo-backend:",
    "image.prune": "would remove kubetasks/todo-backend:old",
    "diagnose": "would write the snapshot to state.json",
    "image.scan": "would scan the Dockerfiles",
    "chart.score": "would render the objects and check them",
    "aiops.agent.install": "would apply Agent/kubetasks-agent",
    "aiops.agent.invoke": "would ask the agent kubetasks-agent of namespace todo",
    "aiops.agent.remove": "would delete Agent/kubetasks-agent",
    "aiops.gordon": "would scan the Dockerfiles",
    "aiops.mcp": "would serve an MCP client over standard input and output",
}
READING = {
    "plan", "diff", "status", "logs", "open", "doctor", "completion", "image.list", "cluster.list", "cluster.env",
    "init",  # test_init.py tries it, in folders of its own
    "config.show", "secret.check", "lock.status", "aiops.agent.status", "aiops.ask",
    "manifest.render", "manifest.validate", "chart.lint", "chart.template",
}  # fmt: skip
FLAGS: dict[str, dict[str, Any]] = {
    "rollback": {"to": 1},
    "secret.rotate": {"name": "JWT_SECRET"},
    "cluster.up": {"target": "kind"},
    "cluster.down": {"target": "kind"},
    "image.build": {"force": True},
    "chart.rollback": {"to": 1},
    "diagnose": {"record": "state.json"},
    "aiops.agent.invoke": {"question": "why?"},
    "aiops.ask": {"question": "why?"},
}


@pytest.fixture
def deployed(world: World, inv: Inv, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two revisions, a secret that has changed since, and programs that answer."""
    inv(deploy.deploy)
    world.edit("frontend/main.py")
    inv(deploy.deploy)
    world.edit(".env", "API_KEY=another-one-than-before\n")
    images = json.dumps(
        {"Repository": "kubetasks/todo-backend", "Tag": "old", "ID": "1", "CreatedAt": "1", "Size": "1"}
    )
    # Since then nothing has been delivered, and old images are beyond what is kept.
    world.target.present.clear()
    world.runner.answers |= {
        ("docker", "ps"): "",
        ("docker", "image", "ls"): images,
        ("docker",): "",
        ("/usr/bin/docker",): "",
        ("kubectl",): "{}",
        ("kind",): "kind v0.30.0",
        ("minikube",): '{"valid": [], "invalid": []}',
        ("helm", "version"): "v4.0.0",
        ("helm",): "",
    }
    shutil.copytree(MANIFESTS, world.root / "manifests" / "aiops")
    monkeypatch.setattr("kubetasks.images.prune.spare", lambda *_, **__: ["kubetasks/todo-backend:old"])
    return world


def contents(*folders: Path) -> dict[str, bytes]:
    """Every file below folders, with what is in it."""
    found = [path for folder in folders for path in folder.rglob("*")]
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}


def test_every_task_is_here() -> None:
    assert set(SAYS) | READING == set(collection.task_names)
    assert not set(SAYS) & READING


@pytest.mark.parametrize("name", [*SAYS, *sorted(READING - {"completion", "init", "open"})])
def test_no_task_changes_anything(
    deployed: World, inv: Inv, context: Context, name: str, state_home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if name == "aiops.agent.install":  # refused without a model
        monkeypatch.setenv("KUBETASKS_AIOPS_ENDPOINT", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("KUBETASKS_AIOPS_MODEL", "m")
    store = deployed.store
    before = json.dumps(store.objects, sort_keys=True)
    files = contents(tmp_path, state_home)
    store.log.clear()
    deployed.runner.calls.clear()
    context.config.run.dry = True
    done = inv(collection[name], **FLAGS.get(name, {}))
    assert done.code == 0 or name in {"doctor", "chart.lint", "aiops.agent.status"}, done.err
    assert store.changes == []
    assert json.dumps(store.objects, sort_keys=True) == before
    assert [call.argv for call in deployed.runner.calls if not reads(call.argv)] == []
    assert contents(tmp_path, state_home) == files
    if name in SAYS:
        assert SAYS[name] in done.out
        assert "✗" not in done.out
    assert "another-one-than-before" not in done.out + done.err


def test_a_dry_deploy_is_the_plan(deployed: World, inv: Inv, context: Context) -> None:
    plain, document = inv(deploy.plan).out, inv(deploy.plan, json=True).out
    context.config.run.dry = True
    assert inv(deploy.deploy).out == plain
    assert inv(deploy.deploy, json=True).out == document


def test_a_dry_destroy_of_a_namespace_that_is_not_ours(deployed: World, inv: Inv, context: Context) -> None:
    del deployed.store.objects["Namespace/todo"]["metadata"]["labels"]
    context.config.run.dry = True
    said = inv(deploy.destroy).out.splitlines()
    assert "would delete Deployment/backend" in said
    assert "would delete Secret/todo-secrets" in said
    deployed.store.objects.clear()
    assert inv(deploy.destroy).out == "would delete nothing: there is no namespace todo\n"


def test_a_dry_destroy_of_a_namespace_that_is_being_deleted(deployed: World, inv: Inv, context: Context) -> None:
    deployed.store.objects["Namespace/todo"]["metadata"]["deletionTimestamp"] = LEAVING_AT
    context.config.run.dry = True
    assert inv(deploy.destroy).out == "would wait until namespace todo, which is being deleted, is removed\n"


def test_a_dry_destroy_with_a_role_that_may_not_read_the_namespace(
    deployed: World, inv: Inv, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deployed.store.get

    def get(kinds: Sequence[str], *, selector: str = "") -> Objects:
        if {"Namespace", "HorizontalPodAutoscaler"} & {*kinds}:
            raise Forbidden("the cluster does not allow this", why="it is forbidden")
        found: Objects = real(kinds, selector=selector)
        return found

    monkeypatch.setattr(deployed.store, "get", get)
    context.config.run.dry = True
    assert "would delete Deployment/backend" in inv(deploy.destroy).out.splitlines()


def test_a_dry_apply_names_no_job_that_completed_and_is_gone(world: World, inv: Inv, context: Context) -> None:
    world.renderer = Passing()
    inv(deploy.deploy)
    [name] = world.store.named("Job")
    del world.store.objects[f"Job/{name}"]
    context.config.run.dry = True
    out = inv(collection["manifest.apply"]).out
    assert "would apply Deployment/backend" in out
    assert "Job/" not in out


def test_the_answer_is_a_document_where_one_was_asked_for(deployed: World, inv: Inv, context: Context) -> None:
    context.config.run.dry = True
    document = json.loads(inv(collection["verify"], json=True).out)
    assert document["would"][0].startswith("try ")


def test_an_unchanged_secret_stays_unchanged(world: World, inv: Inv, context: Context) -> None:
    inv(deploy.deploy)
    context.config.run.dry = True
    assert inv(secret.apply).out.startswith("- secrets: unchanged")


def test_a_task_that_forgets_about_it_ends_at_its_first_change(
    world: World, inv: Inv, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    @command()
    def careless(c: Context) -> None:
        """Change something."""
        found = edge(c)
        assert found.target.name == "kind"
        found.target.store.get(["Pod"])
        found.target.store.apply([configmap("a"), configmap("b")])

    context.config.run.dry = True
    done = inv(careless)
    assert (done.code, done.err) == (0, "")
    assert done.out == "would apply ConfigMap/a, ConfigMap/b; nothing was changed (--dry)\n"
    assert world.store.changes == []


CHANGES: dict[str, Callable[[ReadOnlyTarget], Any]] = {
    "apply ConfigMap/x": lambda target: target.store.apply([configmap("x")]),
    "create ConfigMap/x": lambda target: target.store.create(configmap("x")),
    "delete ConfigMap/x": lambda target: target.store.delete([configmap("x")], wait=False),
    "delete the namespace with everything in it": lambda target: target.store.delete_all(),
    "load a:1": lambda target: target.deliver(["a:1"], silent),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_store_and_a_target_that_can_only_be_read(what: str) -> None:
    target = ReadOnlyTarget(FakeTarget())
    with pytest.raises(WouldChange, match=what):
        CHANGES[what](target)
    assert target.target.store.log == []  # type: ignore[attr-defined]


def test_what_only_reads_is_passed_on() -> None:
    store = MemoryStore()
    store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "todo"}}, configmap())
    target = ReadOnlyTarget(FakeTarget(store))
    assert [item["kind"] for item in target.store.get(["ConfigMap"])] == ["ConfigMap"]
    assert target.store.apply([configmap(A="2")], dry_run=True)[0]["data"]["A"] == "2"
    target.store.delete([])
    assert target.repository("api") == "kubetasks/todo-api"
    assert isinstance(target.store, ReadOnlyStore)


DOES_NOT_READ = [
    kubectl.Kubectl("c", "n").apply(),
    kubectl.Kubectl("c", "n").create(),
    kubectl.Kubectl("c", "n").delete(),
    kubectl.Kubectl("c", "n").delete_namespace(),
    kubectl.Kubectl("c", "n").replace(),
    ["kubectl", "--kubeconfig", "get", "--context=c", "delete", "pod", "x"],
    ["kubectl", "config", "use-context", "x"],
    ["kubectl", "--context", "c", "proxy", "--unix-socket=/tmp/api"],
    ["kubectl", "exec", "pod", "--", "get"],
    ["kubectl"],
    helm.Helm("c", "n").upgrade_install("r", "chart"),
    helm.Helm("c", "n").rollback("r", 1),
    helm.Helm("c", "n").uninstall("r"),
    helm.Helm("c", "n").test("r"),
    docker.build("docker", tag="t", dockerfile="d", context="c", build_args={}, labels={}, platform=""),
    docker.tag("a", "b"),
    docker.push("a"),
    docker.rmi(["a"]),
    docker.save(["a"], "p"),
    docker.execute("node", ctr.images_import(), stdin=True),
    docker.execute("node", ["rm", "-r", "/"]),
    docker.execute("node", ["sh", "-c", "ctr content ls; rm -r /"]),
    docker.execute("node", ctr.images(["a;rm"])),
    docker.execute("node", ctr.remove(["a"])),
    docker.execute("node", ["sh", "-c", f"{ctr.images(['a'])[2]}; rm -r /"]),
    kind.create("k"),
    kind.delete("k"),
    kind.export_kubeconfig("k"),
    kind.load_archive("k"),
    kind.start(["k"]),
    minikube.delete("p"),
    minikube.image_load("p", ["a"]),
    ["bash", "docker/offline/up"],
    ["some-program"],
]
READS = [
    kubectl.Kubectl("c", "n").get(["Pod"]),
    kubectl.Kubectl("c", "n").get_namespace(),
    kubectl.Kubectl("c", "n").apply(dry_run=True),
    kubectl.Kubectl("c", "n").logs("p"),
    kubectl.Kubectl("c", "n").follow("p"),
    kubectl.Kubectl("c", "n").port_forward("s", 80),
    kubectl.Kubectl("c", "n").proxy("/tmp/api"),
    kubectl.Kubectl("c", "n").cluster_version(),
    kubectl.client_version(),
    kubectl.kustomize("folder"),
    helm.Helm().template("r", "chart"),
    helm.Helm().lint("chart"),
    helm.version(),
    docker.image_inspect(["a"]),
    docker.image_ls(),
    docker.manifest_inspect("a"),
    docker.server_version(),
    docker.client_version("/opt/docker/docker"),
    docker.buildx_version(),
    docker.info(),
    docker.ps("l", "s"),
    docker.execute("node", ctr.images(["docker.io/acme/shop:1", "b@sha256:0123"])),
    docker.execute("node", ctr.content()),
    docker.execute("node", ctr.image_names()),
    docker.execute("node", ctr.version()),
    kind.containers(),
    kind.version(),
    minikube.profile_list(),
    minikube.status("p"),
    minikube.docker_env("p"),
    minikube.image_ls("p"),
    minikube.version(),
    ["ps", "-p", "1", "-o", "command="],
]


@pytest.mark.parametrize("argv", DOES_NOT_READ, ids=" ".join)
def test_a_call_that_changes_something_is_not_made(tmp_path: Path, argv: list[str]) -> None:
    assert not reads(argv)
    runner = TaskRunner(tmp_path, options=Options(dry=True))
    with pytest.raises(WouldChange, match="run `"):
        runner.run(argv)
    with pytest.raises(WouldChange, match="run `"), runner.spawn(argv):
        pass


@pytest.mark.parametrize("argv", READS, ids=" ".join)
def test_a_call_that_reads_is_made(argv: list[str]) -> None:
    assert reads(argv)


def test_a_call_that_is_told_of_hides_secrets(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add([Sensitive("hunter2-is-it")])
    with pytest.raises(WouldChange, match=r"run `docker push \*\*\*`"):
        TaskRunner(tmp_path, redactor, options=Options(dry=True)).run(["docker", "push", "hunter2-is-it"])


def test_hide_leaves_what_is_read_as_it_is(tmp_path: Path) -> None:
    shown: list[str] = []
    runner = TaskRunner(tmp_path, options=Options(hide=True))
    result: Result = runner.run(["echo", "a"], on_line=shown.append)
    assert (result.stdout, shown) == ("a", [])


ASKED = {
    "a flag": (["--dry", "deploy"], {}, {}),
    "a short flag": (["-R", "deploy"], {}, {}),
    "a flag behind the task": (["deploy", "--dry"], {}, {}),
    "the environment": (["deploy"], {"INVOKE_RUN_DRY": "1"}, {}),
    "the project's file": (["deploy"], {}, {"invoke.yaml": {"run": {"dry": True}}}),
    "the user's file": (["deploy"], {}, {".invoke.yaml": {"run": {"dry": True}}}),
    "a file that is named": (["-f", "dry.json", "deploy"], {}, {"dry.json": {"run": {"dry": True}}}),
    "a file that a variable names": (["deploy"], {"INVOKE_RUNTIME_CONFIG": "d.yml"}, {"d.yml": {"run": {"dry": True}}}),
}


@pytest.mark.parametrize("how", ASKED)
@pytest.mark.parametrize("program", ["invoke", "kubetasks"])
def test_however_it_is_asked_for(here: Here, foreign: Path, state_home: Path, how: str, program: str) -> None:
    words, environ, files = ASKED[how]
    for name, content in files.items():
        before = yaml.safe_load((foreign / name).read_text()) if (foreign / name).exists() else {}
        (foreign / name).write_text(json.dumps({**before, **content}))
    done = here(foreign, *words, program=program, **environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("STEP")
    assert list(state_home.iterdir()) == []
