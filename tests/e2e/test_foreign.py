"""Applications unlike the one that this project ships with, unchanged: every kind, a closed chart, a failed switch."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubetasks.objects import PROJECT
from tests.checkout import ROOT, Checkout
from tests.e2e.conftest import SEARCH, Cluster

Foreign = Callable[[str], Checkout]
HELM_3 = str(Path(sys.executable).parent / "helm")


@pytest.fixture
def foreign(checkout: Checkout, tmp_path: Path) -> Foreign:
    """Gives a copy of one of the applications in tests/foreign, in the namespace of the test."""

    def make(name: str) -> Checkout:
        path = tmp_path / name
        shutil.copytree(ROOT / "tests/foreign" / name, path)
        env = {**checkout.env, "PYTHONPATH": str(ROOT)}
        return replace(checkout, path=path, env=env)

    return make


def exists(cluster: Cluster, space: str, what: str) -> bool:
    return bool(cluster.kubectl("--namespace", space, "get", what, "--ignore-not-found", "--output", "name").strip())


def served(cluster: Cluster, space: str, service: str = "web") -> str:
    """What a Service answers, through the API server's proxy."""
    return cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{space}/services/{service}:80/proxy/index.html")


def test_every_kind_counts(cluster: Cluster, foreign: Foreign) -> None:
    app = foreign("kinds")
    space, file = app.namespace, "k8s/all.yaml"
    # Refused before anything is built or changed: neither the namespace nor a record is there.
    text = (app.path / file).read_text()
    app.edit(file, "targetPort: 8080", "targetPort: 99999")
    for command in ("plan", "deploy"):
        assert "nothing was changed" in app.inv(command, code=51)
    assert not exists(cluster, space, f"namespace/{space}")
    (app.path / file).write_text(text)

    assert "checks passed" in app.inv("deploy")
    image = "{.spec.template.spec.containers[0].image}"
    found = cluster.kubectl("--namespace", space, "get", "daemonset/agent", "--output", f"jsonpath={image}")
    assert found.startswith("kubetasks/kinds-worker:")
    labels = cluster.kubectl("get", "clusterrole/foreign-kinds-reader", "--output", "jsonpath={.metadata.labels}")
    assert f'"{PROJECT}":"kinds"' in labels
    assert "nothing changed since revision 1" in app.inv("deploy")
    assert "no difference" in app.inv("diff")
    for row in ("DaemonSet/agent", "CronJob/nightly", "Pod/lone"):
        assert row in app.inv("status")

    # A field that cannot be changed is explained, and nothing is recorded.
    app.edit(file, "selector: {matchLabels: {app: agent}}", "selector: {matchLabels: {app: agent, new: label}}")
    app.edit(file, "metadata: {labels: {app: agent}}", "metadata: {labels: {app: agent, new: label}}")
    assert "DaemonSet/agent cannot be changed" in app.inv("deploy", code=73)
    assert not exists(cluster, space, "configmap/kinds-revision-2")
    (app.path / file).write_text(text)

    # What is no longer rendered goes, whatever its kind; what holds data stays, and is named.
    documents = text.split("---\n")
    gone = ("kind: Ingress", "kind: CronJob", "kind: PersistentVolumeClaim", "kind: ClusterRoleBinding")
    (app.path / file).write_text("---\n".join(each for each in documents if not any(kind in each for kind in gone)))
    assert "PersistentVolumeClaim/data is no longer rendered and stays" in app.inv("deploy")
    for what in ("ingress/web", "cronjob/nightly", "clusterrolebinding/foreign-kinds-reader"):
        assert not exists(cluster, space, what), what
    assert exists(cluster, space, "persistentvolumeclaim/data")

    assert "checks passed" in app.inv("rollback")
    assert exists(cluster, space, "ingress/web")
    app.inv("destroy")
    for what in (
        "clusterrole/foreign-kinds-reader", "clusterrolebinding/foreign-kinds-reader",
        "customresourcedefinition/gadgets.kinds.test", f"namespace/{space}",
    ):  # fmt: skip
        assert not exists(cluster, space, what), what


@pytest.mark.parametrize("program", ["helm", "helm4"])
def test_a_chart_with_a_closed_schema_a_hook_and_a_namespace(cluster: Cluster, foreign: Foreign, program: str) -> None:
    path = HELM_3 if program == "helm" else shutil.which(program, path=SEARCH)
    if path is None:
        pytest.skip("helm4 is not there; docker/offline/up makes it")
    app = foreign("chart")
    app = replace(app, env={**app.env, "KUBETASKS_PROGRAMS_HELM": path})
    # The namespace is there and not ours: destroy takes back the release, and leaves the namespace.
    space = app.namespace
    cluster.kubectl("create", "namespace", space)
    app.inv("deploy")
    assert "hello from chart" in served(cluster, space)
    assert not exists(cluster, space, "namespace/prod")
    assert "nothing changed since revision 1" in app.inv("deploy")
    (app.path / "web/index.html").write_text("a changed line\n")
    app.inv("deploy")
    assert "a changed line" in served(cluster, space)
    app.inv("verify")
    app.inv("rollback")
    assert "hello from chart" in served(cluster, space)
    out = app.inv("destroy")
    assert "the objects are deleted" in out
    left = cluster.kubectl("--namespace", space, "get", "all,configmap,secret,lease", "--output", "name").split()
    assert left == ["configmap/kube-root-ca.crt"]
    assert not exists(cluster, space, "clusterrole/foreign-chart-reader")


def test_a_failed_switch_of_deployers_leaves_the_old_one_serving(cluster: Cluster, foreign: Foreign) -> None:
    app = foreign("switch")
    space = app.namespace
    app.inv("deploy")
    answers: list[bool] = []
    with app.start("deploy", "--with", "helm") as work:
        while work.poll() is None:
            answers.append("hello from switch" in served(cluster, space))
    assert work.returncode in {52, 53}
    assert all(answers)
    assert exists(cluster, space, "deployment/web")
    app.edit("helm/values.yaml", '["false"]', '["python3", "-m", "http.server", "8080"]')
    app.inv("deploy", "--with", "helm")
    assert "hello from switch" in served(cluster, space)
    assert not exists(cluster, space, "deployment/web")
    assert exists(cluster, space, "deployment/charted")
    app.inv("deploy", "--with", "manifests")
    assert "hello from switch" in served(cluster, space)
    assert not exists(cluster, space, "deployment/charted")


def test_a_built_image_that_no_object_uses(foreign: Foreign) -> None:
    app = foreign("switch")
    app.edit("k8s/web.yaml", 'image: "web:1.0"', 'image: "ghcr.io/me/web:1.0"')
    out = app.inv("deploy", code=72)
    assert "set kubetasks.services.web.image to the image that stands for it, such as ghcr.io/me/web" in out


def test_secrets_in_secrets_of_other_names(cluster: Cluster, foreign: Foreign) -> None:
    app = foreign("secrets")
    space, canary = app.namespace, "canary-of-the-vault-7f3a9c"

    def uids() -> dict[str, str]:
        found = cluster.kubectl(
            "--namespace", space, "get", "pods", "--output",
            "jsonpath={range .items[*]}{.metadata.labels.app}={.metadata.uid} {end}",
        )  # fmt: skip
        return dict(each.split("=") for each in found.split())

    # The command fails: one line, and nothing is changed.
    assert "the command for API_KEY failed: cat exited with 1" in app.inv("deploy", code=68)
    assert not exists(cluster, space, f"namespace/{space}")
    (app.path / "key.txt").write_text(f"{canary}\n")
    seen = app.inv("plan") + app.inv("deploy")
    assert "secret API_KEY: command cat" in seen
    assert "nothing changed since revision 1" in app.inv("deploy")

    # A changed value rolls the pods that use it, and no others.
    before = uids()
    (app.path / "key.txt").write_text(f"other-{canary}\n")
    seen += app.inv("diff")
    assert "Secret/web-credentials: api-key would change" in seen
    seen += app.inv("deploy")
    after = uids()
    assert after["web"] != before["web"]
    assert after["cache"] == before["cache"]
    seen += app.inv("secret.rotate", "DB_PASSWORD") + app.inv("deploy")
    assert uids()["cache"] != before["cache"]

    # A rollback leaves the Secrets, and the next deploy has nothing to do with them.
    seen += app.inv("rollback", "--to", "1") + app.inv("deploy") + app.inv("status") + app.inv("secret.check")
    template = 'go-template={{index .data "api-key" | base64decode}}'
    value = cluster.kubectl("--namespace", space, "get", "secret", "web-credentials", "--output", template)
    assert value == f"other-{canary}"
    records = cluster.kubectl("--namespace", space, "get", "configmaps,pods,deployments", "--output", "json")
    assert canary not in seen + records

    app.inv("destroy")
    # A Secret of somebody else is refused, and stays as it is.
    cluster.kubectl("create", "namespace", space)
    cluster.kubectl("--namespace", space, "create", "secret", "generic", "cache-credentials", "--from-literal=a=b")
    assert "Secret/cache-credentials" in app.inv("deploy", code=67)
    assert not exists(cluster, space, "secret/vault-secrets")
