import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubetasks.deployers.base import Release
from kubetasks.deployers.documents import parse
from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer, chart_values, namespace_object
from kubetasks.errors import RenderFailed
from kubetasks.objects import CONFIG_DIGEST, digest
from kubetasks.settings import Settings
from tests.recording import Answer, RecordingRunner

RELEASE = Release(
    project="shop",
    namespace="shop-dev",
    images={"web": "r.io:5000/shop-web:aaa"},
    pull_policy="IfNotPresent",
    database="bundled",
    postgres_image="postgres:17",
    secret_name="shop-secrets",
    secret_digest="5ec7e7",
    migration_job="schema",
    migration_id="0123",
    migration_image="r.io:5000/shop-web:000",
)
VALUES = {
    "images": {"web": {"repository": "r.io:5000/shop-web", "tag": "aaa"}},
    "imagePullPolicy": "IfNotPresent",
    "secret": {"existingSecret": "shop-secrets", "digest": "5ec7e7"},
    "configDigest": "c0f16",
    "migrations": {"id": "0123", "image": "r.io:5000/shop-web:000"},
    "database": {"mode": "bundled", "image": "postgres:17"},
}


def settings(**more: Any) -> Settings:
    return msgspec.convert({"project": "shop", **more}, Settings)


def manifests(root: Path, answer: Answer) -> tuple[ManifestsRenderer, RecordingRunner]:
    (root / "k8s/bundled").mkdir(parents=True)
    runner = RecordingRunner({("kubectl",): answer})
    return ManifestsRenderer(settings(manifests={"path": "k8s"}), root, runner), runner


def chart(root: Path, answer: Answer, **more: Any) -> tuple[ChartRenderer, RecordingRunner]:
    (root / "chart").mkdir()
    (root / "chart/Chart.yaml").write_text("annotations: {kubetasks.dev/values: 'true'}\n")
    runner = RecordingRunner({("helm",): answer})
    return ChartRenderer(settings(**more), root, runner), runner


def test_configuration_for_manifests_without_a_place_for_it(tmp_path: Path) -> None:
    renderer, _ = manifests(tmp_path, "kind: ConfigMap\nmetadata: {name: other}\n")
    with pytest.raises(RenderFailed, match="k8s/bundled have no ConfigMap shop-config") as caught:
        renderer.render(replace(RELEASE, config={"B": "1", "A": "2"}))
    assert "A, B" in (caught.value.why or "")


def test_configuration_is_told_to_the_chart() -> None:
    assert chart_values(replace(RELEASE, config={"A": "2"}), "c0f16") == {**VALUES, "config": {"A": "2"}}


def test_namespace_object() -> None:
    item = namespace_object(settings(namespace="shop-dev", namespace_policy="restricted"))
    labels = item["metadata"].pop("labels")
    assert item == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}}
    assert labels == {
        "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/managed-by": "kubetasks",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/warn-version": "latest",
        "pod-security.kubernetes.io/audit": "restricted",
        "pod-security.kubernetes.io/audit-version": "latest",
    }
    plain = namespace_object(settings())["metadata"]["labels"]
    assert plain == {"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/managed-by": "kubetasks"}


def test_parse_leaves_dates_as_text_and_empty_documents_out() -> None:
    text = "---\n# nothing\n---\nkind: ConfigMap\nmetadata: {name: c}\ndata: {day: 2026-11-21, on: 'yes'}\n---\n"
    assert parse(text, "x") == [
        {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"day": "2026-11-21", "true": "yes"}}
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "x gave no valid YAML"),
        ("a: 1\nb: 2", "no kind or name beside: a, b"),
        ("kind: Pod\nmetadata: {}", "no kind or name"),
        ("kind: Pod\nmetadata:", "no kind or name"),
        ("- 1", "no kind or name beside: list"),
    ],
)
def test_parse_refuses_what_is_no_object(text: str, words: str) -> None:
    with pytest.raises(RenderFailed) as caught:
        parse(text, "x")
    assert words in caught.value.line
    assert "\n" not in caught.value.line


def test_manifests(tmp_path: Path) -> None:
    renderer, runner = manifests(
        tmp_path, "kind: Namespace\nmetadata: {name: ns}\n---\nkind: ConfigMap\nmetadata: {name: c}\n"
    )
    assert renderer.name == "manifests"
    assert renderer.render(RELEASE) == [
        {
            "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": "shop-dev", "labels": {"kubetasks.dev/project": "shop"}},
        }
    ]
    assert runner.argvs == [["kubectl", "kustomize", "k8s/bundled"]]


def test_manifests_without_the_overlay(tmp_path: Path) -> None:
    renderer, runner = manifests(tmp_path, "")
    with pytest.raises(RenderFailed, match="there is no folder k8s/sqlite") as caught:
        renderer.render(replace(RELEASE, database="sqlite"))
    assert "kubetasks.manifests.path" in caught.value.fix
    assert runner.calls == []


def test_manifests_that_do_not_render(tmp_path: Path) -> None:
    stderr = f"error: accumulating: lstat {tmp_path}/k8s/base/x.yaml: no such file or directory"
    renderer, _ = manifests(tmp_path, (1, "", stderr))
    with pytest.raises(RenderFailed) as caught:
        renderer.render(RELEASE)
    assert caught.value.line == (
        "the manifests in k8s/bundled do not render: k8s/base/x.yaml: no such file or directory"
        " -- fix it, and check the result with `inv manifest.render`"
    )


def test_chart_values() -> None:
    assert chart_values(RELEASE, "c0f16") == VALUES


def test_chart_values_without_migrations() -> None:
    assert "migrations" not in chart_values(replace(RELEASE, migration_job=""), "")


RENDERED = """
kind: ConfigMap
metadata: {name: shop-config}
data: {A: "1"}
---
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {annotations: {kubetasks.dev/config-digest: "%s"}}
    spec: {containers: [{name: web, envFrom: [{configMapRef: {name: shop-config}}]}]}
---
kind: Deployment
metadata: {name: other}
spec:
  template:
    metadata: {annotations: {kubetasks.dev/config-digest: its-own}}
    spec: {containers: []}
"""


def test_chart(tmp_path: Path) -> None:
    renderer, runner = chart(tmp_path, lambda call: RENDERED % json.loads(call.input or "")["configDigest"])
    expected = digest({"shop-config": [{"A": "1"}, {}]})
    assert renderer.name == "helm"
    objects = renderer.render(RELEASE)
    assert [item["spec"]["template"]["metadata"]["annotations"][CONFIG_DIGEST] for item in objects[1:]] == [
        expected,
        "its-own",
    ]
    assert renderer.values(RELEASE) == {**VALUES, "configDigest": expected}
    # Once for both.
    assert runner.argvs == [
        ["helm", "--namespace", "shop-dev", "template", "shop", "chart", "--skip-tests", "--values", "-"]
    ]
    assert json.loads(runner.calls[0].input or "") == {**VALUES, "configDigest": "0" * 64}


def test_chart_values_render_first_where_that_release_was_not_rendered(tmp_path: Path) -> None:
    renderer, runner = chart(tmp_path, lambda call: RENDERED % json.loads(call.input or "")["configDigest"])
    assert renderer.values(RELEASE)["configDigest"]
    renderer.values(RELEASE)
    assert len(runner.calls) == 1
    renderer.values(replace(RELEASE, secret_digest="0e3"))
    assert len(runner.calls) == 2


def test_chart_with_values_files(tmp_path: Path) -> None:
    renderer, runner = chart(tmp_path, "", chart={"values": ["values/dev.yaml"]})
    assert renderer.render(RELEASE) == []
    assert runner.argvs[0][-4:] == ["--values", "values/dev.yaml", "--values", "-"]


def test_chart_that_takes_no_digest(tmp_path: Path) -> None:
    renderer, _ = chart(tmp_path, "kind: ConfigMap\nmetadata: {name: c}\n")
    assert renderer.values(RELEASE)["configDigest"] == ""


def test_no_chart(tmp_path: Path) -> None:
    runner = RecordingRunner()
    with pytest.raises(RenderFailed, match="there is no chart in chart"):
        ChartRenderer(settings(), tmp_path, runner).render(RELEASE)
    assert runner.calls == []


def test_chart_that_does_not_render(tmp_path: Path) -> None:
    renderer, _ = chart(tmp_path, (1, "", "Error: parse error at (shop/templates/bad.yaml:1): missing value for if\n"))
    with pytest.raises(RenderFailed) as caught:
        renderer.render(RELEASE)
    assert caught.value.line == (
        "the chart in chart does not render: parse error at (shop/templates/bad.yaml:1): missing value for if"
        " -- fix it, and check it with `inv chart.lint`"
    )


def test_a_secret_that_is_rendered_and_written_by_kubetasks_is_refused(tmp_path: Path) -> None:
    renderer, _ = manifests(tmp_path, "kind: Secret\nmetadata: {name: web}\nstringData: {a: b}\n")
    renderer.render(RELEASE)
    with pytest.raises(RenderFailed, match="contain Secret/web, and so does `into`"):
        renderer.render(replace(RELEASE, secret_keys={"web": {}}))


def test_pods_of_a_chart_with_values_of_ours_roll_too(tmp_path: Path) -> None:
    pod = "{spec: {containers: [{name: a, image: x, envFrom: [{secretRef: {name: web}}]}]}}"
    answer = f"kind: Deployment\nmetadata: {{name: d}}\nspec: {{template: {pod}}}\n"
    renderer, _ = chart(tmp_path, answer)
    found = renderer.render(replace(RELEASE, secret_keys={"web": {"a": "digest"}}))
    assert "kubetasks.dev/manifest-secrets-digest" in found[0]["spec"]["template"]["metadata"]["annotations"]


def test_a_chart_whose_dependencies_were_not_downloaded(tmp_path: Path) -> None:
    said = "Error: An error occurred: found in Chart.yaml, but missing in charts/ directory: postgresql\n"
    renderer, _ = chart(tmp_path, (1, "", said))
    with pytest.raises(RenderFailed) as caught:
        renderer.render(RELEASE)
    assert caught.value.fix == "helm dependency build chart"
