"""The edge: errors become one line and an exit code; flags, environment and file become settings."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from kubetasks import errors
from kubetasks.deployers.helm import HelmDeployer
from kubetasks.deployers.manifests import ManifestsDeployer
from kubetasks.errors import KubetasksError, SettingsError, UsageError
from kubetasks.redact import Sensitive
from kubetasks.tasks import _edge
from kubetasks.tasks._edge import command, edge
from tests.samples import CANARY
from tests.unit.tasks.conftest import Inv, in_project
from tests.world import World


def every(kind: type[KubetasksError]) -> list[type[KubetasksError]]:
    return [kind, *(below for each in kind.__subclasses__() for below in every(each))]


@pytest.mark.parametrize("kind", every(KubetasksError), ids=lambda kind: kind.__name__)
def test_an_error_is_one_line_and_its_own_exit_code(
    kind: type[KubetasksError], capsys: pytest.CaptureFixture[str]
) -> None:
    @command()
    def broken(c: Context) -> None:
        """Break."""
        raise kind("it broke", why="because\nof this", fix="mend it", detail="first\nsecond")

    with pytest.raises(Exit) as caught:
        broken(Context())
    assert caught.value.code == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: it broke: because of this -- mend it\n    first\n    second\n"


def test_every_leaf_has_an_exit_code_of_its_own() -> None:
    leaves = [each for each in every(errors.KubetasksError) if not each.__subclasses__() or each is KubetasksError]
    codes = [each.exit_code for each in leaves]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            KeyboardInterrupt(),
            130,
            "error: interrupted -- run the same command again; it continues where it stopped\n",
        ),
        (
            PermissionError(13, "Permission denied", "/some/file"),
            1,
            (
                "error: /some/file cannot be used: Permission denied -- "
                "check its owner (ls -ld), or work in your own copy\n"
            ),
        ),
        (BrokenPipeError(), 0, ""),
        (Exit(code=7), 7, ""),
    ],
)
def test_other_ends(error: BaseException, code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    @command()
    def broken(c: Context) -> None:
        """Break."""
        raise error

    with pytest.raises(Exit) as caught:
        broken(Context())
    assert caught.value.code == code
    assert capsys.readouterr().err == says


def test_a_mistake_of_our_own_is_not_hidden() -> None:
    @command()
    def broken(c: Context) -> None:
        """Break."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken(Context())


def test_secrets_are_hidden_in_errors_and_in_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    _edge._redactor.add([Sensitive(CANARY)])

    @command()
    def broken(c: Context) -> None:
        """Break."""
        raise UsageError(f"--token {CANARY}", detail=f"because of {CANARY}")

    logger = logging.getLogger("invoke")
    before = logger.level
    try:
        logger.setLevel(logging.DEBUG)
        with pytest.raises(Exit):
            broken(Context())
    finally:
        logger.setLevel(before)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "error: --token ***" in err
    assert CANARY not in err


def test_a_task_keeps_its_name_its_doc_and_its_flags() -> None:
    @command(help={"some-flag": "what it is", "context": "which one"}, name="other")
    def named(c: Context, some_flag: str = "", context: str = "") -> None:
        """Do it."""

    assert (named.name, named.__doc__) == ("other", "Do it.")
    assert [argument.name for argument in named.get_arguments()] == ["some_flag", "context"]
    named(Context(), context="kind-x")


def test_the_root_is_the_projects_and_not_the_callers(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.root / "deep").mkdir()
    monkeypatch.chdir(world.root / "deep")
    assert edge(context).root == world.root
    assert edge(Context()).root == Path.cwd()


def test_flags_go_before_the_environment_and_that_before_the_file(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edge(context).settings.in_namespace == "todo"
    monkeypatch.setenv("KUBETASKS_NAMESPACE", "from-environment")
    monkeypatch.setenv("KUBETASKS_CACHE", "/some/cache")  # where programs are, and no setting
    assert edge(context).settings.in_namespace == "from-environment"
    assert edge(context, namespace="from-flag").settings.in_namespace == "from-flag"


@pytest.mark.parametrize(
    ("flags", "path", "expected"),
    [
        ({"target": "kind"}, "target", "kind"),
        ({"cluster_context": "prod"}, "target", "auto"),
        ({"cluster_context": "kind-x", "target": "kind"}, "target", "kind"),
        ({"cluster_context": "prod"}, "context", "prod"),
        ({"deployer": "helm"}, "deployer", "helm"),
        ({"offline": True}, "offline", True),
        ({}, "offline", False),
        ({}, "target", "auto"),
    ],
)
def test_flags_become_settings(context: Context, flags: dict[str, Any], path: str, expected: object) -> None:
    assert getattr(edge(context, **flags).settings, path) == expected


def test_without_offline_on_the_command_line_the_file_decides(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBETASKS_OFFLINE", "true")
    assert edge(context).settings.offline is True


def test_bad_flags_and_bad_settings_are_told_apart(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--target knid"):
        _ = edge(context, target="knid").settings
    monkeypatch.setenv("KUBETASKS_TARGET", "knid")
    with pytest.raises(SettingsError, match="KUBETASKS_TARGET"):
        _ = edge(context).settings


def test_the_env_file_is_the_projects_and_a_named_one_the_callers(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edge(context).given(ask=False)["API_KEY"] == Sensitive(CANARY)
    (world.root / "deep").mkdir()
    world.edit("deep/other.env", "API_KEY=another-value\n")
    monkeypatch.chdir(world.root / "deep")
    assert edge(context, env_file="other.env").given(ask=False)["API_KEY"] == Sensitive("another-value")
    with pytest.raises(errors.EnvFileError):
        edge(context, env_file="gone.env").given(ask=False)


def test_what_the_user_gave_is_hidden_from_then_on(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    found = edge(context)
    found.given(ask=False)
    found.console.line(f"it is {CANARY}")
    found.print_json({"value": CANARY})
    assert capsys.readouterr().out == 'it is ***\n{\n  "value": "***"\n}\n'


def test_a_slip_in_the_env_file_is_noted(world: World, context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    world.edit(".env", f"API_KYE={CANARY}\n")
    edge(context).given(ask=False)
    assert capsys.readouterr().out == "· .env sets API_KYE, which nothing uses; did you mean API_KEY?\n"


def test_with_json_nothing_else_is_printed(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    found = edge(context, as_json=True)
    found.console.line("a line")
    with found.console.step("a step"):
        pass
    found.console.table(["A"], [["b"]])
    found.print_json([1])
    assert json.loads(capsys.readouterr().out) == [1]


def test_programs_that_came_along_are_looked_for_last(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBETASKS_CACHE", "/some/cache")
    runner = edge(context).runner
    assert runner.extra_path[-1] == Path("/some/cache/bin")
    assert runner.redactor is _edge._redactor
    assert runner.echo is None


def test_the_deployer_goes_by_target_and_name(world: World, inv: Inv, context: Context) -> None:
    found = edge(context)
    assert isinstance(found.deployer_named("helm"), HelmDeployer)
    assert isinstance(found.deployer_named("manifests"), ManifestsDeployer)
    world.target.cluster = None
    assert isinstance(edge(context).deployer_named("helm"), ManifestsDeployer)


def test_a_deployer_of_a_name_renders_by_that_name(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback to what the manifests deployed goes by the manifests, whatever `deployer` says now."""
    found = edge(context, deployer="helm")
    assert found.renderer_named("manifests").name == "manifests"
    assert found.renderer_named("helm").name == "helm"


def test_the_local_target_gets_the_url_of_its_database(world: World, inv: Inv, context: Context) -> None:
    world.target.cluster = None
    assert "DATABASE_URL" not in edge(context).secrets(ask=False)
    text = (world.root / "invoke.yaml").read_text().replace("url_secret: DATABASE_URL", "url_secret: JWT_SECRET")
    world.edit("invoke.yaml", text)
    found = edge(in_project(world.root))
    assert found.secrets(ask=False)["JWT_SECRET"] == Sensitive("sqlite:////some/where.db")
