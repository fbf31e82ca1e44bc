"""Tasks called in this process, with a cluster in memory."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from kubetasks.redact import Redactor
from kubetasks.tasks import _edge
from kubetasks.tasks._edge import Edge
from tests.samples import CANARY
from tests.unit.tasks.foreign import Here
from tests.unit.tasks.foreign import make as make_foreign
from tests.world import World, make


@dataclass(frozen=True)
class Output:
    """How a task ended."""

    code: int
    out: str
    err: str


Inv = Callable[..., Output]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = make(tmp_path, monkeypatch)
    section = msgspec.to_builtins(world.settings)
    world.edit("invoke.yaml", yaml.safe_dump({"kubetasks": section}))
    world.edit("tasks.py", "")
    world.edit(".env", f"API_KEY={CANARY}\n")
    return world


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a redactor of its own, and no setting of whoever runs the tests."""
    for name in [each for each in os.environ if each.startswith(("KUBETASKS_", "INVOKE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setattr(_edge, "_redactor", Redactor())


@pytest.fixture
def context(world: World) -> Context:
    """Invoke's context in the world's project."""
    return in_project(world.root)


def in_project(root: Path) -> Context:
    """Invoke's context below the invoke.yaml of a folder."""
    config = Config(project_location=root)
    config.load_project()
    return Context(config)


@pytest.fixture
def inv(world: World, context: Context, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Inv:
    """Calls a task with its flags. The target is the world's; nothing is started but what its runner answers."""

    def choose(*args: object, **named: object) -> object:
        return world.target

    monkeypatch.setattr("kubetasks.targets.detect.choose", choose)
    monkeypatch.setattr(Edge, "runner", property(lambda edge: world.runner))
    monkeypatch.setattr(Edge, "renderer_named", lambda edge, name: world.renderer)

    def call(task: Task[Any], *args: Any, **flags: Any) -> Output:
        code = 0
        capsys.readouterr()
        try:
            task(context, *args, **flags)
        except Exit as stop:
            code = stop.code
        seen = capsys.readouterr()
        assert "Traceback" not in seen.err
        return Output(code, seen.out, seen.err)

    return call


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Somebody else's project, with two services of other names."""
    return make_foreign(tmp_path / "shop")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs tasks in this process."""
    return Here(monkeypatch, capsys)
