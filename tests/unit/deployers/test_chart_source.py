"""Charts from a repository: a real helm, and a repository on loopback."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kubetasks.deployers.chart_source import at_hand
from kubetasks.deployers.render import ChartRenderer
from kubetasks.errors import ChartUnavailable, SettingsError
from kubetasks.runner import SystemRunner
from kubetasks.settings import Settings, load
from kubetasks.sources import files_digest
from kubetasks.tools import helm
from tests.recording import RecordingRunner
from tests.unit.deployers.test_render import RELEASE

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "values.yaml": "hook: {image: {repository: x, tag: y}}\n",
    "templates/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n",
}


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def runner(tmp_path: Path) -> SystemRunner:
    found = SystemRunner(tmp_path, extra_path=(Path(sys.executable).parent,))
    if found.which("helm") is None:
        pytest.skip("helm is not installed")
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


@pytest.fixture
def published(tmp_path: Path, runner: SystemRunner) -> Iterator[tuple[str, Path]]:
    """A repository with the chart; its URL, and the archive."""
    for name, text in CHART.items():
        path = tmp_path / "source/web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder = tmp_path / "repository"
    runner.run(["helm", "package", str(tmp_path / "source/web"), "--destination", str(folder)])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    url = f"http://127.0.0.1:{server.server_port}"
    runner.run(["helm", "repo", "index", str(folder), "--url", url])
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url, folder / "web-1.2.3.tgz"
    finally:
        server.shutdown()
        server.server_close()


def settings(url: str, **more: Any) -> Settings:
    chart = {"repository": url, "name": "web", "version": "1.2.3", **more}
    return load({"project": "shop", "services": {"web": {}}, "chart": chart}, environ={})


def test_a_chart_is_pulled_once_and_renders(root: Path, runner: SystemRunner, published: tuple[str, Path]) -> None:
    url, archive = published
    found = at_hand(settings(url), root, runner)
    folder = Path(found.chart.path)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert folder.parent.name == f"1.2.3@{digest[:12]}"
    assert (folder / "values.yaml").read_text() == CHART["values.yaml"]
    objects = ChartRenderer(found, root, runner).render(RELEASE)
    assert [item["metadata"]["name"] for item in objects] == ["map"]
    shutil.rmtree(archive.parent)  # no registry is asked again
    assert at_hand(settings(url), root, RecordingRunner()).chart.path == str(folder)
    assert not [each for each in folder.parent.parent.iterdir() if each.name.startswith(".")]


def test_what_goes_in_is_the_same_on_every_machine(
    root: Path, tmp_path: Path, runner: SystemRunner, published: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = files_digest(root, [at_hand(settings(published[0]), root, runner).chart.path])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert files_digest(root, [at_hand(settings(published[0]), root, runner).chart.path]) == first


def test_the_digest_decides(root: Path, runner: SystemRunner, published: tuple[str, Path]) -> None:
    url, archive = published
    right = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    assert at_hand(settings(url, digest=right), root, runner).chart.digest == right
    with pytest.raises(ChartUnavailable, match=r"is not the one that `chart\.digest` names") as caught:
        at_hand(settings(url, digest=f"sha256:{'0' * 64}"), root, runner)
    assert (caught.value.exit_code, right in caught.value.line) == (69, True)


@pytest.mark.parametrize("more", [{"version": "9.9.9"}, {"name": "other"}])
def test_a_chart_that_is_not_there(
    root: Path, runner: SystemRunner, published: tuple[str, Path], more: dict[str, str]
) -> None:
    with pytest.raises(ChartUnavailable, match="cannot be pulled"):
        at_hand(settings(published[0], **more), root, runner)


def test_a_damaged_archive_leaves_nothing(root: Path, runner: SystemRunner, published: tuple[str, Path]) -> None:
    published[1].write_bytes(b"no archive")
    with pytest.raises(ChartUnavailable):
        at_hand(settings(published[0]), root, runner)
    assert not list((root.parent / "state").rglob("Chart.yaml"))


def test_a_chart_of_the_project_is_taken_as_it_is(root: Path) -> None:
    chosen = load({"chart": {"path": "helm"}}, environ={})
    assert at_hand(chosen, root, RecordingRunner()) is chosen


def test_how_helm_is_called() -> None:
    assert helm.pull("oci://ghcr.io/me/charts/", "web", "1.2.3", "/x") == [
        "helm", "pull", "oci://ghcr.io/me/charts/web", "--version", "1.2.3", "--destination", "/x"
    ]  # fmt: skip
    assert helm.pull("https://charts.example.org", "web", "1.2.3", "/x") == [
        "helm", "pull", "web", "--repo", "https://charts.example.org", "--version", "1.2.3", "--destination", "/x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("chart", "path"),
    [
        ({"name": "web"}, "chart.name"),
        ({"version": "1.2.3"}, "chart.version"),
        ({"repository": "ghcr.io/me", "name": "web", "version": "1.2.3"}, "chart.repository"),
        ({"repository": "http://charts.example.org", "name": "web", "version": "1.2.3"}, "chart.repository"),
        ({"repository": "https://me:pw@example.org", "name": "web", "version": "1.2.3"}, "chart.repository"),
        ({"repository": "oci://a/b", "name": "", "version": "1.2.3"}, "chart.name"),
        ({"repository": "oci://a/b", "name": "../x", "version": "1.2.3"}, "chart.name"),
        ({"repository": "oci://a/b", "name": "web", "version": "^1.2"}, "chart.version"),
        ({"repository": "oci://a/b", "name": "web", "version": ""}, "chart.version"),
        ({"repository": "oci://a/b", "name": "web", "version": "1.2.3", "digest": "abc"}, "chart.digest"),
        ({"image_values": {"wbe": {"image": "a"}}}, "chart.image_values.wbe"),
        ({"image_values": {"web": {"img": "a"}}}, "chart.image_values.web.img"),
        ({"image_values": {"web": {"image": "a..b"}}}, "chart.image_values.web.image"),
    ],
)
def test_what_cannot_work_is_refused(chart: dict[str, Any], path: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"services": {"web": {}}, "chart": chart}, environ={})
    assert f"kubetasks.{path}" in caught.value.line


def test_values_take_an_image_where_the_settings_say_so(root: Path) -> None:
    mapped = {"web": {"repository": "hook.image.repository", "tag": "hook.image.tag", "pull_policy": "pull"}}
    chosen = load({"project": "shop", "services": {"web": {}}, "chart": {"image_values": mapped}}, environ={})
    (root / "chart").mkdir()
    (root / "chart/Chart.yaml").write_text("name: x\n")
    runner = RecordingRunner({("helm",): "kind: ConfigMap\nmetadata: {name: a}\n"})
    repository, _, tag = RELEASE.images["web"].rpartition(":")
    assert ChartRenderer(chosen, root, runner).values(RELEASE) == {
        "hook": {"image": {"repository": repository, "tag": tag}},
        "pull": RELEASE.pull_policy,
    }
