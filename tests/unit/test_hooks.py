"""An application's own steps in a deploy: when they run, where, with what, and what a failure leads to."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubetasks.deploy import Deploy
from kubetasks.errors import ApplyFailed, HookFailed
from kubetasks.hooks import AFTER_DEPLOY, BEFORE_APPLY, BEFORE_BUILD, ON_FAILURE, Hooks
from kubetasks.redact import Redactor, Sensitive
from kubetasks.runner import SystemRunner
from kubetasks.settings import Settings, load
from kubetasks.targets.base import Cluster
from tests.unit.verify.fakes import FakeTarget
from tests.world import World, make

# Appends the hook's name and place to a file.
NAMES = ("KUBETASKS_HOOK", "KUBETASKS_NAMESPACE", "KUBETASKS_TARGET", "KUBETASKS_FAILURE")
NOTE = f"import os; print(*(os.environ.get(name, '') for name in {NAMES}), file=open('log', 'a'))"


def quiet(_: str) -> None:
    pass


def note() -> list[str]:
    return [sys.executable, "-c", NOTE]


def settings(**hooks: Any) -> Settings:
    return load({"project": "shop", "hooks": hooks}, environ={})


def hooks(root: Path, *, nested: bool = False, **given: Any) -> Hooks:
    target = FakeTarget(cluster=Cluster("kind-test", "shop"))
    return Hooks(settings(**given), root, SystemRunner(root), target, nested)


def log(root: Path) -> list[str]:
    path = root / "log"
    return path.read_text().splitlines() if path.exists() else []


def test_commands_run_one_after_another_and_know_the_place(tmp_path: Path) -> None:
    made = hooks(tmp_path, before_build=[note(), [sys.executable, "-c", "open('second', 'w')"]])
    assert made.run(BEFORE_BUILD, quiet) == made.shown(BEFORE_BUILD) != ""
    assert log(tmp_path) == ["before_build shop auto "]
    assert (tmp_path / "second").exists()
    assert made.shown(AFTER_DEPLOY) == ""


def test_the_lines_of_a_command_are_shown_as_they_come(tmp_path: Path) -> None:
    lines: list[str] = []
    hooks(tmp_path, before_apply=[[sys.executable, "-c", "print('one'); print('two')"]]).run(BEFORE_APPLY, lines.append)
    assert lines == ["one", "two"]


def test_a_task_of_the_application(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(
        "from invoke import task\n\n@task\ndef lint(c):\n    open('linted', 'w').write('yes')\n"
    )
    made = hooks(tmp_path, before_build=["lint"])
    assert made.shown(BEFORE_BUILD) == "task lint"
    made.run(BEFORE_BUILD, quiet)
    assert (tmp_path / "linted").read_text() == "yes"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ([sys.executable, "-c", "print('cause'); raise SystemExit(3)"], "it exited with 3"),
        (["no-such-program"], "it is not on PATH"),
        ("no-such-task", "it exited with 1"),
    ],
)
def test_a_failure_is_one_line_and_stops_the_others(tmp_path: Path, command: Any, why: str) -> None:
    with pytest.raises(HookFailed, match=f"the hook before_build failed: .*: {why} -- fix it, or change") as caught:
        hooks(tmp_path, before_build=[command, note()]).run(BEFORE_BUILD, quiet)
    assert log(tmp_path) == []
    if why.endswith("3"):
        assert caught.value.detail == "cause"


def test_a_command_that_takes_too_long(tmp_path: Path) -> None:
    made = hooks(tmp_path, timeout=1, before_build=[[sys.executable, "-c", "import time; time.sleep(60)"]])
    with pytest.raises(HookFailed, match="the hook before_build failed"):
        made.run(BEFORE_BUILD, quiet)


def test_a_deploy_that_a_hook_starts_runs_no_hooks(tmp_path: Path) -> None:
    made = hooks(tmp_path, nested=True, before_build=[note()])
    assert (made.shown(BEFORE_BUILD), made.run(BEFORE_BUILD, quiet)) == ("", "")
    assert log(tmp_path) == []


def test_secrets_in_a_command_are_not_shown(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.add([Sensitive("s3cret-value")])
    made = hooks(tmp_path, before_build=[["false", "--token=s3cret-value"]])
    made = replace(made, runner=SystemRunner(tmp_path, redactor))
    assert "s3cret-value" not in made.shown(BEFORE_BUILD)
    with pytest.raises(HookFailed) as caught:
        made.run(BEFORE_BUILD, quiet)
    assert "s3cret-value" not in caught.value.line


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make(tmp_path, monkeypatch)


def work(world: World, **given: Any) -> Deploy:
    own = Hooks(settings(**given), world.root, SystemRunner(world.root), world.target)
    return replace(world.prepare(), hooks=own)


def test_the_steps_of_a_deploy_have_the_hooks_in_their_places(world: World) -> None:
    made = work(world, before_apply=[note()], after_deploy=[note()], on_failure=[note()])
    titles = [step.title for step in made.plan()]
    assert titles.index("secrets") < titles.index(BEFORE_APPLY) == titles.index("apply") - 1
    assert titles[-2:] == ["record", AFTER_DEPLOY]
    made.run()
    assert [line.split()[0] for line in log(world.root)] == [BEFORE_APPLY, AFTER_DEPLOY]
    # A deploy that changes nothing runs none.
    work(world, before_apply=[note()], after_deploy=[note()]).run()
    assert len(log(world.root)) == 2


def test_a_failed_hook_applies_nothing_and_a_failure_is_told_to_its_hook(world: World) -> None:
    made = work(world, before_apply=[["false"]], on_failure=[note()])
    with pytest.raises(HookFailed):
        made.run()
    assert "Deployment/backend" not in world.store.objects
    assert [line.split(maxsplit=3)[0] for line in log(world.root)] == [ON_FAILURE]
    assert "the hook before_apply failed" in log(world.root)[0]


def test_the_first_failure_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise ApplyFailed("refused")

    made = work(world, on_failure=[["false"]])
    monkeypatch.setattr(made, "_apply", refuse)
    with pytest.raises(ApplyFailed, match="refused"):
        made.run()
    assert "the hook on_failure failed" in world.shown


@pytest.mark.parametrize("point", [BEFORE_BUILD, BEFORE_APPLY, AFTER_DEPLOY, ON_FAILURE])
def test_each_point_is_a_setting(point: str) -> None:
    assert getattr(settings(**{point: ["lint", ["make", "x"]]}).hooks, point) == ["lint", ["make", "x"]]
