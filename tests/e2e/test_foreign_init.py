"""Applications that kubetasks has never seen: init writes what is checked in, and with that they go the whole way."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkout import ROOT, Checkout
from tests.e2e.conftest import Cluster

Foreign = Callable[[str], Checkout]
WRITTEN = ("invoke.yaml", "tasks.py")


@pytest.fixture
def foreign(checkout: Checkout, tmp_path: Path) -> Foreign:
    """Gives a copy of one of the applications in tests/foreign without what kubetasks needs of it, as init finds it."""

    def make(name: str) -> Checkout:
        path = tmp_path / "foreign" / name
        shutil.copytree(ROOT / "tests/foreign" / name, path)
        for each in WRITTEN:
            (path / each).unlink()
        env = {**checkout.env, "PYTHONPATH": str(ROOT)}
        return replace(checkout, path=path, env=env, launcher=(checkout.launcher[0], "-m", "kubetasks"))

    return make


@contextmanager
def unchanged(app: Checkout) -> Iterator[None]:
    """Checks that what was there before is the same afterwards."""
    before = {path: path.read_bytes() for path in sorted(app.path.rglob("*")) if path.is_file()}
    yield
    assert {path: path.read_bytes() for path in before} == before


def initialised(app: Checkout, name: str) -> None:
    with unchanged(app):
        assert "wrote invoke.yaml" in app.inv("init")
    for each in WRITTEN:
        assert (app.path / each).read_text() == (ROOT / "tests/foreign" / name / each).read_text()


def served(cluster: Cluster, space: str, service: str) -> str:
    """What a Service answers, through the API server's proxy."""
    return cluster.kubectl("get", "--raw", f"/api/v1/namespaces/{space}/services/{service}/proxy/")


def the_whole_way(cluster: Cluster, app: Checkout, service: str, file: str, old: str, new: str) -> None:
    """Plan, deploy, nothing to do, a changed line, diff, verify, rollback."""
    space = app.namespace
    assert "rollout" in app.inv("plan")
    app.inv("deploy")
    assert old in served(cluster, space, service)
    assert "nothing changed since revision 1" in app.inv("deploy")
    assert "no difference" in app.inv("diff")
    app.edit(file, old, new)
    assert "image:" in app.inv("diff")
    app.inv("deploy")
    assert new in served(cluster, space, service)
    app.inv("verify")
    app.inv("rollback")
    assert old in served(cluster, space, service)


def leftovers(cluster: Cluster, space: str) -> list[str]:
    kinds = "all,configmap,secret,persistentvolumeclaim,lease"
    return cluster.kubectl("--namespace", space, "get", kinds, "--ignore-not-found", "--output", "name").split()


def test_five_workloads_in_raw_manifests_with_tags_of_their_own(cluster: Cluster, foreign: Foreign) -> None:
    app = foreign("voting")
    initialised(app, "voting")
    the_whole_way(cluster, app, "vote:8080", "vote/index.html", "hello from vote", "a changed line")
    app.inv("destroy")
    assert leftovers(cluster, app.namespace) == []


def test_a_kustomization_with_overlays(cluster: Cluster, foreign: Foreign) -> None:
    app = foreign("overlays")
    initialised(app, "overlays")
    the_whole_way(cluster, app, "site:80", "site/index.html", "hello from overlays", "a changed line")
    assert "hello from dev" in served(cluster, app.namespace, "api:80")
    app.inv("destroy")
    assert leftovers(cluster, app.namespace) == []


def test_two_applications_of_one_repository_in_one_namespace(cluster: Cluster, foreign: Foreign) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go to build the service with")
    shop, blog = foreign("monorepo/shop"), foreign("monorepo/blog")
    initialised(shop, "monorepo/shop")
    initialised(blog, "monorepo/blog")
    subprocess.run(
        [go, "build", "-o", "bin/pricing", "./cmd/pricing"], cwd=shop.path, check=True, timeout=300,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"},
    )  # fmt: skip
    # The namespace is there before, so that neither of the two takes it away with it.
    space = shop.namespace
    cluster.kubectl("create", "namespace", space)
    blog.inv("deploy")
    the_whole_way(cluster, shop, "web:80", "web/index.html", "hello from shop", "a changed line")
    assert served(cluster, space, "pricing:80").strip() == "42"
    shop.inv("destroy")
    assert "hello from blog" in served(cluster, space, "blog:80")
    assert "nothing changed since revision 1" in blog.inv("deploy")
    blog.inv("destroy")
    assert leftovers(cluster, space) == ["configmap/kube-root-ca.crt"]
