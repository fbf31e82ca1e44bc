"""Which files the manifests are, and what of them is for the cluster."""

from pathlib import Path

import msgspec
import pytest

from kubetasks.deployers.base import Release
from kubetasks.deployers.manifest_files import paths
from kubetasks.deployers.render import ManifestsRenderer
from kubetasks.errors import RenderFailed
from kubetasks.objects import Objects
from kubetasks.settings import Settings
from kubetasks.settings.sections import Manifests
from tests.recording import RecordingRunner

RELEASE = Release("shop", "ns", {"web": "k/shop-web:abc"}, "Never", "bundled", "", "shop-secrets")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "k8s/b.yaml", "k8s/a.yml", "k8s/notes.txt", "k8s/deep/c.json", "k8s/.hidden/d.yaml", "k8s/chart/Chart.yaml",
        "k8s/chart/values.yaml", "base/kustomization.yaml", "base/x.yaml", "overlays/prod/kustomization.yml",
        "one.yaml",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["k8s"], ["k8s/a.yml", "k8s/b.yaml", "k8s/deep/c.json"]),
        (["k8s/"], ["k8s/a.yml", "k8s/b.yaml", "k8s/deep/c.json"]),
        (["k8s/b.yaml", "k8s"], ["k8s/b.yaml", "k8s/a.yml", "k8s/deep/c.json"]),
        (["k8s/*.yaml"], ["k8s/b.yaml"]),
        (["k8s/**/*.json"], ["k8s/deep/c.json"]),
        (["base"], ["base"]),
        (["base/kustomization.yaml"], ["base"]),
        (["overlays"], ["overlays/prod"]),
        (["overlays/*", "one.yaml"], ["overlays/prod", "one.yaml"]),
    ],
)
def test_what_entries_stand_for(root: Path, files: list[str], expected: list[str]) -> None:
    assert paths(root, Manifests(files=files), "bundled") == expected


@pytest.mark.parametrize("entry", ["gone", "empty", "k8s/*.json", "gone.yaml"])
def test_an_entry_that_leads_to_nothing(root: Path, entry: str) -> None:
    with pytest.raises(RenderFailed, match="names " + entry.replace("*", r"\*")):
        paths(root, Manifests(files=[entry]), "bundled")


@pytest.mark.parametrize(("path", "expected"), [("base", ["base"]), ("k8s", 3), ("overlays/prod", ["overlays/prod"])])
def test_a_path_without_overlays(root: Path, path: str, expected: object) -> None:
    found = paths(root, Manifests(path=path), "bundled")
    assert (found if isinstance(expected, list) else len(found)) == expected


def rendered(root: Path, text: str, name: str = "k8s/all.yaml", entry: str = "k8s") -> Objects:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text)
    chosen = msgspec.convert({"project": "shop", "manifests": {"files": [entry]}}, Settings)
    return ManifestsRenderer(chosen, root, RecordingRunner()).render(RELEASE)


def test_files_of_other_tools_and_lists(tmp_path: Path) -> None:
    text = """\
services: {web: {image: x}}
---
apiVersion: kind.x-k8s.io/v1alpha4
kind: Cluster
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: prod}}
---
apiVersion: v1
kind: ConfigMapList
items: [{metadata: {name: b}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: r, namespace: prod}
subjects:
  - {kind: ServiceAccount, name: s, namespace: prod}
  - {kind: ServiceAccount, name: other, namespace: kube-system}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: s}}
---
{apiVersion: shop.test/v1, kind: Gadget, metadata: {name: g}}
"""
    found = {f"{item['kind']}": item for item in rendered(tmp_path, text) if item["kind"] != "ConfigMap"}
    names = [item["metadata"] for item in rendered(tmp_path, text) if item["kind"] == "ConfigMap"]
    assert [(meta["name"], meta["namespace"]) for meta in names] == [("a", "ns"), ("b", "ns")]
    assert "namespace" not in found["ClusterRoleBinding"]["metadata"]
    subjects = found["ClusterRoleBinding"]["subjects"]
    assert [each["namespace"] for each in subjects] == ["ns", "kube-system"]
    # kubectl knows whether it has one.
    assert "namespace" not in found["Gadget"]["metadata"]


POD = "{apiVersion: v1, kind: Pod, metadata: {name: a}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{apiVersion: v1, kind: Pod, metadata: {generateName: x-}}", "generateName"),
        ("{apiVersion: v1, kind: Pod, metadata: {labels: {}}}", "no Kubernetes object"),
        (f"{POD}\n---\n{POD.replace('name: a', 'name: a, namespace: other')}", "Pod/a is defined twice"),
        ("a: [", "k8s/all.yaml is not valid YAML: line 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_deployed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RenderFailed, match=said):
        rendered(tmp_path, text)


def test_a_file_that_is_named_has_to_hold_objects(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed, match="no Kubernetes object"):
        rendered(tmp_path, "services: {}\n", entry="k8s/all.yaml")
