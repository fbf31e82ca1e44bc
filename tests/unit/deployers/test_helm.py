"""The Helm deployer: whole argv lists for Helm 3 and 4, stuck releases, taking over, going back."""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.deployers import ownership
from kubetasks.deployers.base import Release
from kubetasks.deployers.helm import HelmDeployer
from kubetasks.deployers.history import Revision, save
from kubetasks.errors import (
    ApplyFailed,
    ClusterUnreachable,
    LockLost,
    NotEffective,
    NothingToRollBack,
    RenderFailed,
    ToolMissing,
)
from kubetasks.objects import MANAGED_BY, Object, Objects
from kubetasks.redact import Sensitive
from kubetasks.targets import fence
from kubetasks.targets.base import Cluster
from kubetasks.targets.kubectl_store import KubectlStore
from tests.memory_store import LEAVING_AT, NAMESPACE, MemoryStore, at_look
from tests.recording import Answer, Call, RecordingRunner
from tests.samples import CANARY, PROJECT, application, configmap, deployment, service, settings, silent

RELEASE = Release(
    PROJECT,
    PROJECT,
    {"backend": "registry.example.org:5000/todo-backend:1a2b", "frontend": "kubetasks/todo-frontend:3c4d"},
    "Never",
    "bundled",
    "postgres:17",
    "todo-secrets",
    secret_digest="5ec7e7",
)
HELM = ["helm", "--kube-context", "kind-test", "--namespace", "todo"]


def record(version: int, status: str = "deployed") -> Object:
    labels = {"owner": "helm", "name": PROJECT, "version": str(version), "status": status}
    meta = {"name": f"sh.helm.release.v1.todo.v{version}", "namespace": PROJECT, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta}


def owned(item: Object, by: str = "Helm") -> Object:
    item["metadata"]["labels"][MANAGED_BY] = by
    return item


class World:
    """A chart in a folder, a helm that answers, and the deployer over them."""

    def __init__(self, root: Path, *live: Object, version: str = "v3.17.3", helm: Answer = "", **chart: Any) -> None:
        (root / "chart").mkdir()
        (root / "chart/Chart.yaml").write_text("name: todo\nannotations: {kubetasks.dev/values: 'true'}")
        self.store = MemoryStore()
        self.store.put(NAMESPACE, *live)
        self.root = root
        self.runner = RecordingRunner(
            {
                ("helm", "version"): version,
                ("helm", "--namespace", "todo", "template"): yaml.safe_dump_all(application()),
                ("helm", "--kube-context"): helm or self.upgraded,
            }
        )
        cluster = Cluster("kind-test", PROJECT, kubeconfig="/some/config")
        self.deployer = HelmDeployer(settings(chart=chart, history=4), root, self.runner, self.store, cluster)
        self.told: list[str] = []
        self.changes: Any = None

    def upgraded(self, call: Call) -> str:
        if "--post-renderer-args" in call.argv:  # the file is gone afterwards
            path = call.argv[len(call.argv) - list(call.argv)[::-1].index("--post-renderer-args")]
            self.changes = json.loads(Path(path).read_text())
        held = self.store.get(["Secret"], selector="owner=helm")
        versions = [int(item["metadata"]["labels"]["version"]) for item in held]
        self.store.put(record(max(versions, default=0) + 1))
        return "Release upgraded"

    def uninstalled(self, call: Call) -> str:
        self.store.delete(self.store.get(["Secret", "Service"]))
        return "release uninstalled"

    def apply(self) -> str:
        return self.deployer.apply(RELEASE, self.deployer.render(RELEASE), self.told.append)

    @property
    def on_cluster(self) -> list[list[str]]:
        return [argv for argv in self.runner.argvs if argv[1] == "--kube-context"]


def upgrade(root: Path, *extra: str, values: tuple[str, ...] = ()) -> list[str]:
    files = [word for each in (*values, "-") for word in ("--values", each)]
    return [
        *HELM, "upgrade", "todo", f"{root}/chart", "--install", "--take-ownership", "--reset-values", *extra,
        "--history-max", "4", *files,
    ]  # fmt: skip


def test_upgrades_or_installs_with_values_on_stdin(tmp_path: Path) -> None:
    world = World(tmp_path, values=["chart/values-prod.yaml"])
    assert world.apply() == "1"
    assert world.on_cluster == [upgrade(tmp_path, values=(f"{tmp_path}/chart/values-prod.yaml",))]
    call = world.runner.calls[-1]
    assert call.env == {"KUBECONFIG": "/some/config"}
    given = json.loads(call.input or "")
    assert given["images"] == {
        "backend": {"repository": "registry.example.org:5000/todo-backend", "tag": "1a2b"},
        "frontend": {"repository": "kubetasks/todo-frontend", "tag": "3c4d"},
    }
    assert given["secret"] == {"existingSecret": "todo-secrets", "digest": "5ec7e7"}
    assert given["imagePullPolicy"] == "Never"
    assert given["database"] == {"mode": "bundled", "image": "postgres:17"}
    assert world.told == ["helm upgrade --install"]


def test_helm_4_applies_on_the_servers_side(tmp_path: Path) -> None:
    world = World(tmp_path, version="v4.0.1")
    world.apply()
    assert world.on_cluster == [upgrade(tmp_path, "--server-side=true", "--force-conflicts")]


def test_asks_for_the_version_and_renders_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.apply()
    world.deployer.rollback([], "1", silent)
    assert [argv[:2] for argv in world.runner.argvs if argv[1] == "version"] == [["helm", "version"]]
    assert len([argv for argv in world.runner.argvs if "template" in argv]) == 1


@pytest.mark.parametrize("version", ["v3.16.4", "v2.17.0", "version.BuildInfo{}", ""])
def test_a_helm_that_is_too_old_is_refused(tmp_path: Path, version: str) -> None:
    world = World(tmp_path, version=version)
    with pytest.raises(ToolMissing, match=r"3\.17 or later is needed"):
        world.apply()
    assert world.on_cluster == []


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
def test_a_release_left_pending_is_freed_first(tmp_path: Path, status: str) -> None:
    world = World(tmp_path, record(1, "superseded"), record(2), record(3, status))
    world.store.put(owned(deployment()))
    assert world.apply() == "3"
    assert world.told[0] == f"recovering the release from {status} revision 3"
    deletions = [line for line in world.store.log if line.startswith("delete")]
    assert deletions == ["delete Secret/sh.helm.release.v1.todo.v3"]
    assert "Deployment/backend" in world.store.objects


def test_a_release_in_order_is_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path, record(1, "failed"), record(2))
    assert world.apply() == "3"
    assert not any(line.startswith("delete") for line in world.store.log)


def test_prunes_what_the_manifests_left_and_nothing_of_helms(tmp_path: Path) -> None:
    world = World(tmp_path, owned(service("old"), "kubetasks"), owned(service("older")), owned(configmap("theirs")))
    world.store.objects["ConfigMap/theirs"]["metadata"]["labels"] = {}
    save(world.store, Revision(1, "deployed", "manifests", "x"), settings(), [])
    world.apply()
    assert [line for line in world.store.log if line.startswith("delete")] == []
    world.deployer.prune(world.deployer.render(RELEASE), world.told.append)
    assert [line for line in world.store.log if line.startswith("delete")] == ["delete Service/old"]
    assert world.told == ["helm upgrade --install", "pruning 1 objects"]


def test_prunes_nothing_when_the_upgrade_failed(tmp_path: Path) -> None:
    world = World(tmp_path, owned(service("old"), "kubetasks"), helm=(1, "", "Error: UPGRADE FAILED: no"))
    with pytest.raises(ApplyFailed):
        world.apply()
    assert "Service/old" in world.store.objects


@pytest.mark.parametrize(
    ("stderr", "error", "line"),
    [
        (
            'Error: UPGRADE FAILED: cannot patch: Deployment.apps "backend" is invalid: spec.selector is immutable',
            ApplyFailed,
            (
                'helm could not upgrade the release: UPGRADE FAILED: cannot patch: Deployment.apps "backend" is '
                "invalid: spec.selector is immutable -- nothing that runs was stopped; fix it and deploy again"
            ),
        ),
        (
            "Error: UPGRADE FAILED: YAML parse error on todo/templates/x.yaml: error converting YAML to JSON",
            RenderFailed,
            (
                "the chart does not render: UPGRADE FAILED: YAML parse error on todo/templates/x.yaml: error "
                "converting YAML to JSON -- inv chart.lint"
            ),
        ),
        (
            'Error: Kubernetes cluster unreachable: Get "https://127.0.0.1:6443/version": dial tcp: connect: refused',
            ClusterUnreachable,
            (
                "the cluster of context kind-test does not answer: dial tcp: connect: refused -- see what is wrong: "
                "inv doctor"
            ),
        ),
    ],
)
def test_what_helm_complains_of(tmp_path: Path, stderr: str, error: type[Exception], line: str) -> None:
    world = World(tmp_path, helm=(1, "", stderr))
    with pytest.raises(error) as caught:
        world.apply()
    assert getattr(caught.value, "line", "") == line


FIELDS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def kubectl_world(root: Path, live: Objects, version: str) -> tuple[HelmDeployer, RecordingRunner]:
    def kubectl(call: Call) -> str:
        if "get" not in call.argv:
            return ""
        upgraded = any(argv[0] == "helm" and "upgrade" in argv for argv in made.runner.argvs)
        return json.dumps({"items": [record(7 if upgraded else 6)] if "secret" in call.argv else live})

    made = World(root, version=version, helm="ok")
    made.runner.answers["kubectl",] = kubectl
    cluster = Cluster("kind-test", PROJECT)
    store = KubectlStore(cluster, made.runner)
    return HelmDeployer(settings(), root, made.runner, store, cluster), made.runner


@pytest.mark.parametrize(
    ("version", "owner", "replaced"),
    [("v4.0.0", "kubetasks", True), ("v3.18.0", "kubetasks", False), ("v4.0.0", "Helm", False)],
)
def test_helm_4_takes_over_the_fields_that_the_manifests_hold(
    tmp_path: Path, version: str, owner: str, replaced: bool
) -> None:
    item = owned(deployment(), owner)
    item["metadata"]["managedFields"] = [{"manager": "kubetasks", "operation": "Apply", "fieldsV1": FIELDS}]
    own = owned(configmap("todo-revision-1"), "kubetasks")
    own["metadata"]["labels"]["kubetasks.dev/record"] = "revision"
    deployer, runner = kubectl_world(tmp_path, [item, own], version)
    assert deployer.apply(RELEASE, deployer.render(RELEASE), silent) == "7"
    replacements = [call for call in runner.calls if "replace" in call.argv]
    asked = [argv for argv in runner.argvs if "--show-managed-fields" in argv]
    assert (len(replacements), len(asked)) == ((1, 1) if replaced else (0, 0))
    if replaced:
        [new] = json.loads(replacements[0].input or "")["items"]
        assert new["metadata"]["managedFields"][0]["manager"] == ownership.HELM
        order = [argv[0] + ("replace" if "replace" in argv else "") for argv in runner.argvs]
        assert order.index("kubectlreplace") < len(order) - 1 - order[::-1].index("helm")


def test_goes_back_to_helms_own_revision(tmp_path: Path) -> None:
    world = World(tmp_path, record(1, "superseded"), record(2, "superseded"), record(3))
    assert world.deployer.rollback(application(), "2", world.told.append) == "4"
    assert world.on_cluster == [[*HELM, "rollback", "todo", "2", "--history-max", "4"]]
    assert world.told == ["helm rollback todo 2"]


def test_goes_back_with_helm_4(tmp_path: Path) -> None:
    world = World(tmp_path, record(1), version="v4.1.0")
    world.deployer.rollback([], "1", silent)
    server_side = ["--server-side=true", "--force-conflicts"]
    assert world.on_cluster == [[*HELM, "rollback", "todo", "1", *server_side, "--history-max", "4"]]


@pytest.mark.parametrize(
    ("kept", "revision", "why"),
    [
        ((2, 3), "1", "it keeps 2, 3"),
        ((9, 10), "8", "it keeps 9, 10"),
        ((), "1", "it keeps none"),
        ((1,), "", "it keeps 1"),
    ],
)
def test_a_revision_that_helm_no_longer_has(tmp_path: Path, kept: tuple[int, ...], revision: str, why: str) -> None:
    world = World(tmp_path, *(record(number) for number in kept))
    with pytest.raises(NothingToRollBack) as caught:
        world.deployer.rollback([], revision, silent)
    assert caught.value.why == why
    assert world.on_cluster == []


def test_a_rollback_that_fails(tmp_path: Path) -> None:
    world = World(tmp_path, record(1), helm=(1, "", "Error: release: not found"))
    with pytest.raises(ApplyFailed, match="helm could not roll back: release: not found"):
        world.deployer.rollback([], "1", silent)


def test_frees_a_pending_release_before_it_goes_back(tmp_path: Path) -> None:
    world = World(tmp_path, record(1), record(2, "pending-upgrade"))
    world.deployer.rollback([], "1", world.told.append)
    assert world.told[0] == "recovering the release from pending-upgrade revision 2"


def test_uninstalls(tmp_path: Path) -> None:
    world = World(tmp_path, record(1, "uninstalling"), record(2), owned(service()))
    world.runner.answers[("helm", "--kube-context")] = world.uninstalled
    world.deployer.delete(world.told.append)
    assert world.on_cluster == [[*HELM, "uninstall", "todo", "--ignore-not-found", "--wait", "--timeout", "90s"]]
    assert world.told == ["helm uninstall", "recovering the release from uninstalling revision 1"]
    (tmp_path / "two").mkdir()
    world = World(tmp_path / "two", helm=(1, "", "Error: no"))
    with pytest.raises(ApplyFailed, match="helm could not uninstall: no"):
        world.deployer.delete(silent)


@pytest.mark.parametrize("left", [record(1), owned(service())])
def test_an_uninstall_that_did_nothing_is_found_out(tmp_path: Path, left: Object) -> None:
    world = World(tmp_path, left, helm="release uninstalled")
    with pytest.raises(NotEffective, match=left["metadata"]["name"]):
        world.deployer.delete(silent)


def test_an_uninstall_leaves_what_the_chart_keeps(tmp_path: Path) -> None:
    kept = owned(service())
    kept["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    going = owned(deployment())
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    World(tmp_path, kept, going, helm="release uninstalled").deployer.delete(silent)


@pytest.mark.parametrize("status", ["", "failed", "pending-upgrade"])
def test_an_upgrade_or_rollback_that_did_nothing_is_found_out(tmp_path: Path, status: str) -> None:
    world = World(tmp_path, record(1, "superseded"), record(2))

    def done(call: Call) -> str:
        if status:
            world.store.put(record(3, status))
        return "Release upgraded"

    world.runner.answers[("helm", "--kube-context")] = done
    with pytest.raises(NotEffective, match="revision 2 existed before" if status else "revision 2 is deployed"):
        world.apply()
    if not status:
        with pytest.raises(NotEffective, match="the rollback"):
            world.deployer.rollback([], "1", silent)


def test_runs_the_charts_tests(tmp_path: Path) -> None:
    world = World(tmp_path, helm=(1, "", "Error: 1 error occurred"))
    assert not world.deployer.test().ok
    assert world.on_cluster == [[*HELM, "test", "todo", "--timeout", "120s"]]


def test_no_secret_is_on_any_command_line_or_in_any_error(tmp_path: Path) -> None:
    world = World(tmp_path, helm=(1, "", f"Error: UPGRADE FAILED: {CANARY}"))
    world.runner.redactor.add([Sensitive(CANARY)])
    with pytest.raises(ApplyFailed) as caught:
        world.apply()
    assert CANARY not in caught.value.line + caught.value.detail
    for call in world.runner.calls:
        assert CANARY not in " ".join(call.argv) + (call.input or "") + str(call.env)
        assert "--set" not in " ".join(call.argv)


def kept(version: int, objects: Objects) -> Object:
    """What Helm keeps of a revision: the objects among them, packed twice."""
    text = json.dumps({"manifest": yaml.safe_dump_all(objects)}).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(text))).decode()
    return {**record(version), "data": {"release": packed}}


AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "backend"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "backend"}},
}


@pytest.mark.parametrize(("version", "replicas"), [("v3.17.3", 5), ("v4.0.1", None)])
def test_an_upgrade_leaves_replicas_to_the_autoscaler(tmp_path: Path, version: str, replicas: int | None) -> None:
    world = World(tmp_path, owned(deployment(replicas=5)), AUTOSCALER, version=version)
    world.apply()
    [argv] = world.on_cluster
    change = ["remove", ["spec", "replicas"]] if replicas is None else ["set", ["spec", "replicas"], replicas]
    assert world.changes == {"apps/Deployment/backend": [change]}
    assert ("kubetasks" in argv) == (replicas is None)
    assert ("HELM_PLUGINS" in world.runner.calls[-1].env) == (replicas is None)


def test_an_upgrade_without_anything_to_change_has_no_post_renderer(tmp_path: Path) -> None:
    world = World(tmp_path, owned(deployment(replicas=5)))
    world.apply()
    assert "--post-renderer" not in world.on_cluster[0]


@pytest.mark.parametrize(
    ("objects", "refused"),
    [
        ([deployment(replicas=2)], True),
        ([deployment(replicas=5)], False),
        ([deployment("frontend", replicas=2)], False),
    ],
)
def test_helm_does_not_bring_back_replicas_of_an_autoscaler(tmp_path: Path, objects: Objects, refused: bool) -> None:
    world = World(tmp_path, deployment(replicas=5), AUTOSCALER, kept(1, objects), record(2))
    if not refused:
        assert world.deployer.rollback([], "1", silent) == "3"
        return
    with pytest.raises(NothingToRollBack) as caught:
        world.deployer.rollback([], "1", silent)
    assert caught.value.line == (
        "Helm would set the replicas of Deployment/backend to those of its revision 1: they belong to "
        "HorizontalPodAutoscaler/backend -- inv rollback goes back and leaves them as they are"
    )
    assert world.on_cluster == []


@pytest.mark.parametrize("data", [None, {}, {"release": "%"}, {"release": "aGVsbG8="}, {"release": 3}])
def test_a_release_that_cannot_be_read_sets_nothing_back(tmp_path: Path, data: Any) -> None:
    world = World(tmp_path, deployment(replicas=5), AUTOSCALER, {**record(1), "data": data}, record(2))
    assert world.deployer.rollback([], "1", silent) == "3"


def test_what_is_being_deleted_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going = owned(deployment())
    going["metadata"]["deletionTimestamp"] = LEAVING_AT
    world = World(tmp_path, going)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    at_look(world.store, monkeypatch, "Deployment", lambda: world.store.objects.pop("Deployment/backend"))
    world.apply()
    assert "waiting for Deployment/backend to be gone" in world.told
    assert len(world.on_cluster) == 1


def test_no_change_is_made_behind_a_lost_lock(tmp_path: Path) -> None:
    def lost() -> None:
        raise LockLost("the deploy lock was lost")

    world = World(tmp_path, record(1), record(2))
    calls: list[Callable[[], object]] = [
        world.apply,
        lambda: world.deployer.rollback([], "1", silent),
        lambda: world.deployer.delete(silent),
        world.deployer.test,
    ]
    with fence.fenced(lost):
        for call in calls:
            with pytest.raises(LockLost):
                call()
    assert world.on_cluster == []


FOREIGN = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "backend:v1"}]}}},
}
HOOK = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "pre", "annotations": {"helm.sh/hook": "pre-install"}},
    "spec": {"template": {"spec": {"containers": [{"name": "pre", "image": "backend:v1"}]}}},
}


def foreign(root: Path, *rendered: Object, version: str = "v3.17.3") -> World:
    """A chart that knows nothing of kubetasks."""
    world = World(root, version=version)
    (root / "chart/Chart.yaml").write_text("name: theirs\n")
    world.runner.answers[("helm", "--namespace", "todo", "template")] = yaml.safe_dump_all(rendered)
    return world


def test_a_chart_of_any_application_gets_no_values_and_the_image_by_the_post_renderer(tmp_path: Path) -> None:
    world = foreign(tmp_path, FOREIGN, NAMESPACE)
    world.apply()
    assert json.loads(world.runner.calls[-1].input or "") == {}
    assert ["set", [*IMAGE, "image"], RELEASE.images["backend"]] in world.changes["apps/Deployment/web"]
    assert world.changes["/Namespace/todo"] == [["drop"]]


IMAGE = ["spec", "template", "spec", "containers", 0]


def test_a_hook_with_a_built_image_needs_helm_4(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed, match="Job/pre is a hook of the chart with an image that is built here"):
        foreign(tmp_path, FOREIGN, HOOK).apply()
    (tmp_path / "four").mkdir()
    world = foreign(tmp_path / "four", FOREIGN, HOOK, version="v4.0.1")
    world.apply()
    assert ["set", [*IMAGE, "image"], RELEASE.images["backend"]] in world.changes["batch/Job/pre"]


def test_uninstalling_takes_the_hooks_away_that_helm_leaves(tmp_path: Path) -> None:
    text = json.dumps({"manifest": "", "hooks": [{"manifest": yaml.safe_dump(HOOK)}]}).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(text))).decode()
    world = World(tmp_path, {**record(1), "data": {"release": packed}}, HOOK)
    world.runner.answers[("helm", "--kube-context")] = world.uninstalled
    world.deployer.delete(world.told.append)
    assert "delete Job/pre" in world.store.log
