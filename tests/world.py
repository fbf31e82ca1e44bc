"""A whole project and a cluster in memory: what the steps behind ``inv deploy`` work with, without a program run."""

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.console import Console
from kubetasks.deploy import Deploy
from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.manifests import ManifestsDeployer
from kubetasks.errors import KubetasksError
from kubetasks.images.content import LABEL, identity
from kubetasks.images.engine import base_names
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.objects import SECRET_DIGEST, Object, Objects
from kubetasks.redact import Sensitive
from kubetasks.secrets.values import Given as GivenValues
from kubetasks.settings import Settings
from kubetasks.survey import Survey, look
from kubetasks.tools.docker import Inspected
from kubetasks.verify.report import Report
from kubetasks.verify.results import Result
from kubetasks.verify.timeline import Span
from tests.memory_store import FakeTarget
from tests.recording import Call, Given, RecordingRunner
from tests.samples import CANARY, configmap, deployment, job, service, settings

STARTED = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
GOOD = Report((Result("objects", "Deployment/backend", "pass"),), STARTED, "kind")
BAD = Report(
    (
        Result("objects", "Deployment/backend", "pass"),
        Result("contract", "GET /health", "fail", "answered 500"),
        Result("journeys", "chat", "fail", "answered nothing"),
    ),
    STARTED,
    "kind",
)
NOTHING = Report((Result("contract", "all", "skip", "no contract"),), STARTED, "kind")


@dataclass
class Renderer:
    """Renders the same few objects from any release, as the manifests and the chart do."""

    name: str = "manifests"
    extra: Objects = field(default_factory=list)
    error: KubetasksError | None = None

    def render(self, release: Release) -> Objects:
        if self.error is not None:
            raise self.error
        found: Objects = [configmap(), service("backend"), service("frontend")]
        mark = {SECRET_DIGEST: release.secret_digest}
        found += [deployment(name, image, annotations=mark) for name, image in release.images.items()]
        if release.migration_job:
            found.append(job(f"{release.migration_job}-{release.migration_id}", release.migration_image))
        return [*found, *self.extra]


class Passing(Renderer):
    """Renders a migration Job that the cluster removes as soon as it has finished."""

    def render(self, release: Release) -> Objects:
        objects = super().render(release)
        for item in objects:
            if item["kind"] == "Job":
                item["spec"]["ttlSecondsAfterFinished"] = 0
        return objects


@dataclass
class World:
    """What the steps work with, and what a test does to it."""

    root: Path
    settings: Settings
    target: FakeTarget = field(default_factory=FakeTarget)
    runner: RecordingRunner = field(default_factory=RecordingRunner)
    renderer: Renderer = field(default_factory=Renderer)
    given: dict[str, str] = field(default_factory=lambda: {"API_KEY": CANARY})
    # Every image that was ever built, and what a build gives when its source and its base are the same as before.
    builds: list[Inspected] = field(default_factory=list)
    same_content: bool = False
    build_error: KubetasksError | None = None
    report: Report = GOOD
    # What verify gives one after the other, before it gives ``report`` for good.
    reports: list[Report | BaseException] = field(default_factory=list)
    stream: io.StringIO = field(default_factory=io.StringIO)

    def next_report(self) -> Report:
        """The next one of ``reports``, or ``report``."""
        if self.reports:
            found = self.reports.pop(0)
            if isinstance(found, BaseException):
                raise found
            self.report = found
        return self.report

    @property
    def store(self) -> Any:
        return self.target.store

    @property
    def console(self) -> Console:
        return Console(stream=self.stream, hide=self.runner.redactor)

    @property
    def deployer(self) -> Deployer:
        return self.deployer_named(self.renderer.name)

    def deployer_named(self, name: str) -> Deployer:
        return ManifestsDeployer(self.settings, self.target.store, self.renderer)

    def collect(self, known: Collection[str]) -> GivenValues:
        values = {name: Sensitive(value) for name, value in self.given.items()}
        return GivenValues(values, dict.fromkeys(values, "environment"))

    def survey(self, *, forced: bool = False) -> Survey:
        return look(
            self.settings, self.root, self.target, self.deployer, self.collect, runner=self.runner, forced=forced
        )

    def prepare(self, *, check: bool = True, survey: Survey | None = None) -> Deploy:
        found = survey or self.survey()
        return Deploy(self.settings, self.root, self.runner, self.console, self.deployer, found, check)

    def deploy(self, *, check: bool = True) -> Deploy:
        """Deploy what is in the folder now; the store's log begins with it."""
        self.store.log.clear()
        self.stream.truncate(0)
        work = self.prepare(check=check)
        work.run()
        return work

    @property
    def built(self) -> set[str]:
        """The names that the engine has."""
        return {*self.target.engine}

    def made(self, image: Image) -> Inspected:
        """What a build gives: another ID each time, as with a step that writes files."""
        number = f"sha256:{hashlib.sha256(f'{image.mark} {len(self.builds)}'.encode()).hexdigest()}"
        configuration = image.mark if self.same_content else number
        found = Inspected(number, False, (), {LABEL: image.mark}, image.recipe.for_platform, (), configuration)
        self.builds.append(found)
        return found

    def edit(self, path: str, text: str = "changed") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def secret(self) -> Object:
        found: Object = self.store.objects["Secret/todo-secrets"]
        return found

    @property
    def shown(self) -> str:
        return self.stream.getvalue().replace("\0", "")


FILES = {
    "Dockerfile": "FROM scratch",
    "backend/main.py": "print('backend')",
    "backend/migrations/1.sql": "create table tasks ()",
    "frontend/main.py": "print('frontend')",
    "manifests/base/kustomization.yaml": "resources: [backend.yaml]",
    "manifests/base/backend.yaml": "kind: Deployment",
    "manifests/overlays/bundled/kustomization.yaml": "resources: [../../base]",
    "manifests/overlays/external/kustomization.yaml": "resources: [../../base]",
    "manifests/overlays/sqlite/kustomization.yaml": "resources: [../../base]",
    "chart/Chart.yaml": "name: todo",
}


def make(root: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> World:
    """A project in ``root``, with building and verifying replaced by what ``World`` says."""
    migrations = {"job": "migrate", "service": "backend", "paths": ["backend/migrations"]}
    world = World(root, settings(**{"migrations": migrations, **more}))
    for path, text in FILES.items():
        world.edit(path, text)

    def build(
        images: Sequence[Image], chosen: Settings, runner: object, env: object,
        progress: Callable[[str, str], None], ledger: Ledger, *, cache: bool = True, pending: bool = False,
    ) -> dict[str, Inspected]:  # fmt: skip
        if images:
            world.store.log.append(f"build {' '.join(image.service for image in images)}{'' if cache else ' anew'}")
        if world.build_error is not None:
            raise world.build_error
        for image in images:
            progress(image.service, "#1 DONE")
            found = world.made(image)
            engine = world.target.engine
            engine[image.built_as] = found
            bases = {name: engine[name].id for name in base_names(image) if name in engine}
            ledger.note(image.built_as, identity(found), bases, pending=pending)
        return {image.service: world.target.engine[image.built_as] for image in images}

    def inspect(references: Iterable[str], runner: object, env: object = None) -> dict[str, Inspected]:
        return {each: world.target.engine[each] for each in references if each in world.target.engine}

    def verify(
        chosen: Settings, where: Path, target: object, objects: Objects, console: Console, *,
        selection: object = None, before: Sequence[Span] = (),
    ) -> Report:  # fmt: skip
        world.store.log.append(f"verify {len(objects)} objects")
        return replace(world.next_report(), timeline=tuple(before))

    def tag(call: Call) -> Given:
        number, reference = call.argv[2:]
        for held in world.builds:
            if number in {held.id, *held.tags}:
                world.target.engine[reference] = held
                return ""
        return 1, "", "No such image"

    world.runner.answers["docker", "tag"] = tag
    world.runner.answers["docker", "info"] = ""  # on another machine: its disk is not asked
    monkeypatch.setattr("kubetasks.images.engine.inspect", inspect)
    monkeypatch.setattr("kubetasks.images.recorded.inspect", inspect)
    monkeypatch.setattr("kubetasks.images.build.build", build)
    monkeypatch.setattr("kubetasks.verify.verify", verify)
    return world
