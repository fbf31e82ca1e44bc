"""Building side by side."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kubetasks import state
from kubetasks.errors import (
    BuildFailed,
    ContextUnusable,
    DiskFull,
    EngineDown,
    Interrupted,
    SecretInImage,
    SourceChanged,
    StateUnavailable,
    ToolTimeout,
)  # fmt: skip
from kubetasks.images.build import build
from kubetasks.images.content import LABEL
from kubetasks.images.digest import Recipe, digest
from kubetasks.images.ignore import Ignore
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.images.withheld import Withheld
from kubetasks.redact import Sensitive
from kubetasks.runner import Environment, Process, Runner, SystemRunner
from kubetasks.settings import load
from kubetasks.tools.docker import Inspected
from tests.recording import Call, RecordingRunner

SETTINGS = load({"project": "shop"}, environ={})
INSPECT = ("docker", "image", "inspect")
ENV = {
    "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    # What a user's environment would change in an image.
    "BUILDX_GIT_INFO": "0", "BUILDX_GIT_LABELS": "0", "DOCKER_DEFAULT_PLATFORM": "",
    "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": "", "SOURCE_DATE_EPOCH": "",
}  # fmt: skip
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


@dataclass
class Project:
    """Two services with a source each."""

    root: Path
    api: Image
    web: Image

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.root)

    @property
    def staging(self) -> Path:
        return state.folder(self.root) / "context"

    def held(self, *images: Image, platform: str = "", mark: str = "") -> str:
        """What `docker image inspect` prints of these."""
        return "".join(
            json.dumps(
                {
                    "Id": f"sha256:{image.service}", "RepoTags": [image.built_as, "other:1"],
                    "Config": {"Labels": {LABEL: mark or image.mark}},
                    "Os": "linux", "Architecture": (platform or image.recipe.for_platform).split("/")[1],
                }
            )
            + "\n"
            for image in images
        )  # fmt: skip

    def build(self, runner: Runner, *images: Image, **more: Any) -> dict[str, Inspected]:
        progress = more.pop("progress", lambda service, line: None)
        chosen = more.pop("settings", SETTINGS)
        return build(images, chosen, runner, more.pop("env", {}), progress, self.ledger, **more)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY . .\n")
    made = []
    for service, platform in (("api", ""), ("web", "linux/arm64")):
        (tmp_path / service).mkdir()
        (tmp_path / service / "main.py").write_text(f"print('{service}')\n")
        (tmp_path / service / ".env").write_text("TOKEN=1\n")
        recipe = Recipe(
            tmp_path / service, tmp_path / "Dockerfile", (tmp_path / "Dockerfile").read_bytes(), Ignore([]),
            {"BASE_IMAGE": "python:3"}, platform, Withheld((tmp_path / service / ".env",)),
        )  # fmt: skip
        made.append(Image(service, f"kubetasks/shop-{service}", digest(recipe), recipe))
    return Project(tmp_path, *made)


def argv(project: Project, image: Image) -> list[str]:
    place = project.staging / image.service
    return [
        "docker", "build", "--progress=plain", "-t", image.built_as, "-f", str(place / "Dockerfile"),
        *(("--platform", image.recipe.platform) if image.recipe.platform else ()),
        "--build-arg", "BASE_IMAGE=python:3",
        "--label", f"org.opencontainers.image.title=shop-{image.service}",
        "--label", f"org.opencontainers.image.version={image.tag}",
        "--label", "org.opencontainers.image.base.name=python:3",
        "--label", f"{LABEL}=shop-{image.service}:{image.tag}",
        str(place / "context"),
    ]  # fmt: skip


def test_builds_every_image_with_buildkit_and_shows_what_matters(project: Project) -> None:
    api, web = project.api, project.web
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: project.held(api, web)})
    seen: list[tuple[str, str]] = []
    env = {"DOCKER_HOST": "tcp://1.2.3.4:2376"}
    found = project.build(
        runner, api, web, env=env, progress=lambda service, line: seen.append((service, line))
    )  # fmt: skip
    names = [api.built_as, "python:3", web.built_as]
    assert runner.argvs == [
        argv(project, api),
        argv(project, web),
        ["docker", "image", "inspect", "--format", "{{json .}}", *names],
    ]
    assert [call.env for call in runner.calls] == [{**ENV, **env}, {**ENV, **env}, env]
    assert {name: image.id for name, image in found.items()} == {"api": "sha256:api", "web": "sha256:web"}
    for service in ("api", "web"):
        shown = [line for each, line in seen if each == service]
        assert shown == ["[build 2/2] RUN pip install", "Collecting fastapi", "built"]


def test_the_builder_gets_the_copy_and_nothing_else(project: Project) -> None:
    sent: list[str] = []

    def docker(call: Call) -> str:
        context = Path(call.argv[-1])
        sent.extend(sorted(path.relative_to(context).as_posix() for path in context.rglob("*")))
        assert Path(call.argv[call.argv.index("-f") + 1]).read_text().startswith("ARG BASE_IMAGE")
        return LOG

    runner = RecordingRunner({("docker", "build"): docker, INSPECT: project.held(project.api)})
    project.build(runner, project.api)
    assert sent == ["main.py"]
    assert not (project.staging / "api").exists(), "the copy is not left behind"


def test_what_was_built_is_noted(project: Project) -> None:
    base = '{"Id": "sha256:base", "RepoTags": ["python:3"], "Config": {}}\n'
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: project.held(project.api) + base})
    project.build(runner, project.api)
    assert project.ledger.built(project.api.built_as) == {"config:sha256:api": {"python:3": "sha256:base"}}
    assert not project.ledger.pending(project.api.built_as)
    project.build(runner, project.api, pending=True)
    assert project.ledger.pending(project.api.built_as)


def test_without_the_cache(project: Project) -> None:
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: project.held(project.api)})
    project.build(runner, project.api, cache=False)
    assert "--no-cache" in runner.argvs[0]


def test_builds_without_a_folder_for_state(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def claim(root: Path) -> Path:
        raise StateUnavailable("no home")

    monkeypatch.setattr("kubetasks.state.claim", claim)
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: project.held(project.api)})
    assert project.build(runner, project.api)
    assert not Path(runner.argvs[0][-1]).exists()


def test_a_source_that_changes_before_its_build_is_not_built(project: Project) -> None:
    (project.root / "api/main.py").write_text("print('changed')\n")
    runner = RecordingRunner({})
    with pytest.raises(SourceChanged):
        project.build(runner, project.api)
    assert runner.argvs == []


def test_what_cannot_be_sent_is_not_built(project: Project) -> None:
    project.api.recipe.listing.refused["pipe"] = "it is a named pipe"
    with pytest.raises(ContextUnusable):
        project.build(RecordingRunner({}), project.api)


def test_another_platform_is_noticed(project: Project) -> None:
    """A remote engine of another architecture builds for its own."""
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: project.held(project.api, platform="linux/s390x")})
    with pytest.raises(BuildFailed, match="is for linux/s390x, not for linux/") as caught:
        project.build(runner, project.api)
    assert caught.value.fix == "set kubetasks.images.platform to linux/s390x"


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ('failed to compute cache key: "/.env" not found: not found', SecretInImage, "Dockerfile of api needs .env"),
        ('failed to compute cache key: "/.git/HEAD" not found', BuildFailed, "add the line !.git to .dockerignore"),
    ],
)
def test_says_why_a_path_is_not_there(project: Project, line: str, error: type[Exception], says: str) -> None:
    runner = RecordingRunner({("docker", "build"): (1, f"#5 ERROR: {line}\n")})
    with pytest.raises(error, match=says):
        project.build(runner, project.api)


def test_nothing_to_build_starts_nothing(project: Project) -> None:
    runner = RecordingRunner({})
    assert project.build(runner) == {}
    assert runner.argvs == []


def test_a_failed_build_shows_its_last_lines(project: Project) -> None:
    runner = RecordingRunner({("docker", "build"): (1, "early\n" * 30 + FAILED)})
    with pytest.raises(BuildFailed) as caught:
        project.build(runner, project.api)
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
def test_each_reason_has_its_own_error(project: Project, printed: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        project.build(RecordingRunner({("docker", "build"): (1, printed)}), project.api)


def test_a_builder_that_keeps_its_results_is_noticed(project: Project) -> None:
    runner = RecordingRunner({("docker", "build"): LOG, INSPECT: (1, "[]\n", "No such image")})
    with pytest.raises(BuildFailed, match="the engine does not have it"):
        project.build(runner, project.api)


def test_no_secret_is_shown(project: Project) -> None:
    runner = RecordingRunner({("docker", "build"): (1, "#5 0.1 the key is hunter22\n")})
    runner.redactor.add([Sensitive("hunter22")])
    seen: list[str] = []
    with pytest.raises(BuildFailed) as caught:
        project.build(runner, project.api, progress=lambda service, line: seen.append(line))
    assert seen == ["the key is ***"]
    assert "hunter22" not in caught.value.detail


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
        script = self.scripts[Path(argv[-1]).parent.name]
        with super().spawn([sys.executable, "-c", script], merge=merge) as process:
            self.children.append(process)
            yield process


FOREVER = "import time\nprint('#1 0.1 begun', flush=True)\ntime.sleep(600)"


def test_the_first_failure_ends_the_others(project: Project, tmp_path: Path) -> None:
    runner = Scripts(tmp_path, scripts={"api": FOREVER, "web": "print('#1 ERROR: broken')\nraise SystemExit(1)"})
    with pytest.raises(BuildFailed, match="building web failed: broken"):
        project.build(runner, project.api, project.web)
    assert all(child.poll() is not None for child in runner.children)


def test_ctrl_c_ends_every_build(project: Project, tmp_path: Path) -> None:
    runner = Scripts(tmp_path, scripts={"api": FOREVER, "web": FOREVER})

    def interrupt(service: str, line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        project.build(runner, project.api, project.web, progress=interrupt)
    assert len(runner.children) == 2
    assert all(child.poll() is not None for child in runner.children)


def test_a_build_that_takes_too_long_is_ended(project: Project, tmp_path: Path) -> None:
    settings = load({"images": {"build_timeout": 1}}, environ={})
    runner = Scripts(tmp_path, scripts={"api": FOREVER})
    with pytest.raises(ToolTimeout, match="building did not end in 1 s"):
        project.build(runner, project.api, settings=settings)
    assert all(child.poll() is not None for child in runner.children)
