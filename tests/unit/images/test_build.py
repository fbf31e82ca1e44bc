"""Building side by side."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kubetasks.errors import BuildFailed, DiskFull, EngineDown, Interrupted, ToolTimeout
from kubetasks.images.build import absent, build
from kubetasks.images.plan import Image
from kubetasks.redact import Sensitive
from kubetasks.runner import Environment, Process, SystemRunner
from kubetasks.settings import load
from tests.recording import RecordingRunner

SETTINGS = load({"project": "shop"}, environ={})
API = Image("api", "kubetasks/shop-api:0123", Path("/p/Dockerfile"), Path("/p/api"), {"BASE_IMAGE": "python:3"})
WEB = Image(
    "web", "kubetasks/shop-web:4567", Path("/p/Dockerfile"), Path("/p/web"), {"BASE_IMAGE": "python:3"}, "linux/arm64"
)
INSPECT = ("docker", "image", "inspect")
BOTH_THERE = f"{json.dumps([API.reference])}\n{json.dumps([WEB.reference, 'other:1'])}\n"
ENV = {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
LOG = """#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 120B done
#1 DONE 0.0s
#5 [build 2/2] RUN pip install
#5 0.612 Collecting fastapi
#5 DONE 3.0s
#6 CACHED
"""
FAILED = """#5 [build 2/2] RUN false
#5 0.1 what it printed
#5 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1
------
 > [build 2/2] RUN false:
------
ERROR: failed to build: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1
"""


@pytest.fixture(autouse=True)
def one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubetasks.images.client.builder", lambda runner: "docker")


def argv(image: Image, *platform: str) -> list[str]:
    return [
        "docker", "build", "--progress=plain", "-t", image.reference, "-f", "/p/Dockerfile", *platform,
        "--build-arg", "BASE_IMAGE=python:3",
        "--label", f"org.opencontainers.image.title=shop-{image.service}",
        "--label", f"org.opencontainers.image.version={image.tag}",
        "--label", "org.opencontainers.image.base.name=python:3",
        f"/p/{image.service}",
    ]  # fmt: skip


def test_builds_every_image_with_buildkit_and_shows_what_matters() -> None:
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: BOTH_THERE})
    seen: list[tuple[str, str]] = []
    build(
        [API, WEB],
        SETTINGS,
        runner,
        {"DOCKER_HOST": "tcp://1.2.3.4:2376"},
        lambda service, line: seen.append((service, line)),
    )
    assert runner.argvs == [
        argv(API),
        argv(WEB, "--platform", "linux/arm64"),
        ["docker", "image", "inspect", "--format", "{{json .RepoTags}}", API.reference, WEB.reference],
    ]
    assert [call.env for call in runner.calls] == [
        {**ENV, "DOCKER_HOST": "tcp://1.2.3.4:2376"},
        {**ENV, "DOCKER_HOST": "tcp://1.2.3.4:2376"},
        {"DOCKER_HOST": "tcp://1.2.3.4:2376"},
    ]
    for service in ("api", "web"):
        shown = [line for each, line in seen if each == service]
        assert shown == ["[build 2/2] RUN pip install", "Collecting fastapi", "built"]


def test_nothing_to_build_starts_nothing() -> None:
    runner = RecordingRunner({})
    build([], SETTINGS, runner, {}, lambda service, line: None)
    assert absent([], runner) == []
    assert runner.argvs == []


def test_a_failed_build_shows_its_last_lines() -> None:
    runner = RecordingRunner({("docker", "build"): (1, "early\n" * 30 + FAILED)})
    with pytest.raises(BuildFailed) as caught:
        build([API], SETTINGS, runner, {}, lambda service, line: None)
    assert caught.value.what == "building api failed"
    assert caught.value.why == 'process "/bin/sh -c false" did not complete successfully: exit code: 1'
    detail = caught.value.detail.splitlines()
    assert len(detail) == 20
    assert "#5 0.1 what it printed" in detail


@pytest.mark.parametrize(
    ("printed", "error"),
    [
        ("#5 ERROR: write /x: no space left on device\n", DiskFull),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
            EngineDown,
        ),
        ("ERROR: permission denied while trying to connect to the Docker daemon socket\n", EngineDown),
        ("", BuildFailed),
    ],
)
def test_each_reason_has_its_own_error(printed: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        build([API], SETTINGS, RecordingRunner({("docker", "build"): (1, printed)}), {}, lambda service, line: None)


def test_a_builder_that_keeps_its_results_is_noticed() -> None:
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: (1, "[]\n", "No such image")})
    with pytest.raises(BuildFailed, match="the engine does not have it"):
        build([API], SETTINGS, runner, {}, lambda service, line: None)


def test_no_secret_is_shown() -> None:
    runner = RecordingRunner({("docker", "build"): (1, "#5 0.1 the key is hunter22\n")})
    runner.redactor.add([Sensitive("hunter22")])
    seen: list[str] = []
    with pytest.raises(BuildFailed) as caught:
        build([API], SETTINGS, runner, {}, lambda service, line: seen.append(line))
    assert seen == ["the key is ***"]
    assert "hunter22" not in caught.value.detail


def test_absent_asks_once_for_all() -> None:
    runner = RecordingRunner({INSPECT: (1, f"{json.dumps([WEB.reference])}\n", "Error: No such image")})
    assert absent([API, WEB], runner, {"DOCKER_HOST": "x"}) == [API]
    assert len(runner.calls) == 1
    with pytest.raises(EngineDown, match="the container engine does not answer"):
        absent([API], RecordingRunner({INSPECT: (1, "", "Cannot connect to the Docker daemon at tcp://x. Is it?")}))


@dataclass
class Scripts(SystemRunner):
    """Starts real programs in place of docker, by the service that is built, and keeps them."""

    scripts: dict[str, str] = field(default_factory=dict)
    children: list[Process] = field(default_factory=list)

    @contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        script = self.scripts[Path(argv[-1]).name]
        with super().spawn([sys.executable, "-c", script], merge=merge) as process:
            self.children.append(process)
            yield process


FOREVER = "import time\nprint('#1 0.1 begun', flush=True)\ntime.sleep(600)"


def test_the_first_failure_ends_the_others(tmp_path: Path) -> None:
    runner = Scripts(tmp_path, scripts={"api": FOREVER, "web": "print('#1 ERROR: broken')\nraise SystemExit(1)"})
    with pytest.raises(BuildFailed, match="building web failed: broken"):
        build([API, WEB], SETTINGS, runner, {}, lambda service, line: None)
    assert all(child.poll() is not None for child in runner.children)


def test_ctrl_c_ends_every_build(tmp_path: Path) -> None:
    runner = Scripts(tmp_path, scripts={"api": FOREVER, "web": FOREVER})

    def interrupt(service: str, line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        build([API, WEB], SETTINGS, runner, {}, interrupt)
    assert len(runner.children) == 2
    assert all(child.poll() is not None for child in runner.children)


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    settings = load({"images": {"build_timeout": 1}}, environ={})
    runner = Scripts(tmp_path, scripts={"api": FOREVER})
    with pytest.raises(ToolTimeout, match="building did not end in 1 s"):
        build([API], settings, runner, {}, lambda service, line: None)
    assert all(child.poll() is not None for child in runner.children)
