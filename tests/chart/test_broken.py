"""Charts and manifests with a mistake: one clear line each, from what the real programs print."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer
from kubetasks.errors import RenderFailed

from .common import ROOT, release, runner, settings

Break = Callable[[Path], object]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "chart", tmp_path / "chart")
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests")
    return tmp_path


def template(text: str) -> Break:
    return lambda root: (root / "chart/templates/bad.yaml").write_text(text)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        pytest.param(template("a: {{ if }}"), ["todo/templates/bad.yaml:1", "missing value for if"], id="syntax"),
        pytest.param(template("a: {{ .Values.nope.b }}"), ["todo/templates/bad.yaml:1:13", "nil pointer"], id="nil"),
        pytest.param(template("a: b\n  c: d\n"), ["todo/templates/bad.yaml", "line 2: mapping values"], id="yaml"),
        pytest.param(template("a: b\n"), ["no kind or name beside: a"], id="no object"),
        pytest.param(template('a: {{ fail "no such thing" }}'), ["bad.yaml:1:6", "no such thing"], id="fail"),
        pytest.param(
            lambda root: (root / "chart/values.yaml").write_text("x: ["), ["values.yaml", "line 1"], id="values"
        ),
        pytest.param(
            lambda root: (root / "chart/values.yaml").write_text(
                (root / "chart/values.yaml").read_text() + "nope: 1\n"
            ),
            ["nope"],
            id="schema",
        ),
        pytest.param(lambda root: (root / "chart/Chart.yaml").unlink(), ["there is no chart in chart"], id="no chart"),
    ],
)
def test_charts(project: Path, break_it: Break, words: list[str]) -> None:
    break_it(project)
    with pytest.raises(RenderFailed) as caught:
        ChartRenderer(settings(), project, runner(project)).render(release())
    assert all(word in caught.value.line for word in words), caught.value.line
    assert "--debug" not in caught.value.line
    assert str(project) not in caught.value.line


def overlay(text: str) -> Break:
    return lambda root: (root / "manifests/overlays/external/kustomization.yaml").write_text(text)


@pytest.mark.parametrize(
    ("break_it", "line"),
    [
        pytest.param(
            lambda root: (root / "manifests/base/pdbs.yaml").unlink(),
            "manifests/base/pdbs.yaml: no such file or directory",
            id="missing",
        ),
        pytest.param(
            lambda root: (root / "manifests/base/pdbs.yaml").write_text("a: b\n  c: d\n"),
            "manifests/base/pdbs.yaml: yaml: line 2: mapping values are not allowed in this context",
            id="yaml",
        ),
        pytest.param(overlay("nope: 1\n"), 'invalid Kustomization: json: unknown field "nope"', id="unknown field"),
        pytest.param(overlay("a: b\n  c: d\n"), "invalid Kustomization: yaml: line 2", id="kustomization"),
        pytest.param(lambda root: shutil.rmtree(root / "manifests/overlays"), "manifests/overlays/external", id="none"),
    ],
)
def test_manifests(project: Path, break_it: Break, line: str) -> None:
    break_it(project)
    with pytest.raises(RenderFailed) as caught:
        ManifestsRenderer(settings(), project, runner(project)).render(release())
    assert line in caught.value.line
    assert str(project) not in caught.value.line
