"""Every option that Invoke has: kept, or refused by its name; and none that a new Invoke brings is overlooked."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config
from invoke.context import Context

from kubetasks.errors import KubetasksError, UsageError
from kubetasks.program import Program
from kubetasks.tasks._configuration import Configuration
from kubetasks.tasks._invoke import FLAGS, KEPT, REFUSED, Options, options
from tests.unit.tasks.foreign import ROOT, Here, invoke

# How each core flag is dealt with, and which test here shows it.
CORE = {
    "command-timeout": "kept: test_a_program_may_take_no_longer",
    "complete": "kept: test_completion",
    "config": "kept: test_a_configuration_file_that_is_named_is_read",
    "debug": "kept: test_flags_behind_a_task",
    "dry": "kept: test_dry.py",
    "echo": "kept: test_echo_shows_every_command_line",
    "help": "Invoke's own",
    "hide": "kept: test_hide",
    "list": "Invoke's own",
    "list-depth": "kept: test_what_a_flag_cannot_be",
    "list-format": "kept: test_what_a_flag_cannot_be",
    "print-completion-script": "kept: test_flags_behind_a_task",
    "prompt-for-sudo-password": "refused: test_a_flag_that_cannot_be_kept",
    "pty": "refused: test_a_flag_that_cannot_be_kept",
    "version": "kept: test_flags_behind_a_task",
    "warn-only": "refused: test_a_flag_that_cannot_be_kept",
    "write-pyc": "kept: test_flags_behind_a_task",
    "collection": "kept: test_what_a_flag_cannot_be",
    "no-dedupe": "kept: test_no_dedupe",
    "search-root": "kept: test_another_search_root",
}


def test_every_core_flag_is_dealt_with() -> None:
    """A flag that a new Invoke brings fails here: keep it or refuse it, and add it with the test that shows it."""
    program = Program()
    assert {argument.names[0] for argument in (*program.core_args(), *program.task_args())} == set(CORE)


def leaves(nested: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in nested.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


KEYS = list(leaves(Config.global_defaults()))


def test_every_key_of_the_configuration_is_dealt_with() -> None:
    assert set(KEYS) == set(KEPT) | set(REFUSED)
    assert not set(KEPT) & set(REFUSED)
    assert set(FLAGS) <= set(KEYS)


# A value other than the default for every key, as the environment gives it.
OTHER = {
    "run.echo_format": "$ {command}",
    "run.hide": "both",
    "run.shell": "/bin/zsh",
    "sudo.prompt": "password?",
    "tasks.collection_name": "other",
    "timeouts.command": "5",
    "run.fallback": "0",
    "tasks.auto_dash_names": "0",
    "tasks.dedupe": "0",
}


def context(**levels: Any) -> Context:
    config = Config(lazy=True, overrides=levels.pop("overrides", {}))
    for level, value in levels.items():
        config._set(**{f"_{level}": value, f"_{level}_found": True, f"_{level}_path": f"/x/{level}.py"})
    config.load_shell_env()
    return Context(config)


def in_environment(key: str) -> str:
    return f"INVOKE_{key.replace('.', '_').upper()}"


@pytest.mark.parametrize("key", [key for key in KEYS if key not in {"run.env", "run.watchers", "runners.local"}])
def test_every_variable_of_invokes_is_kept_or_refused_by_name(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(in_environment(key), OTHER.get(key, "1"))
    if "env" in KEPT.get(key, ()):
        if key == "run.hide":
            assert options(context()).hide
        elif key != "run.echo_format":
            assert options(context()) != Options()
        return
    with pytest.raises(UsageError) as caught:
        options(context())
    assert caught.value.exit_code == 3
    assert caught.value.what == f"{in_environment(key)} in the environment"
    assert caught.value.why


NESTED = {**OTHER, "run.env": {"A": "b"}, "run.watchers": ["x"], "run.fallback": False, "tasks.auto_dash_names": False,
          "tasks.dedupe": False, "runners.local": "x", "timeouts.command": 5}  # fmt: skip


@pytest.mark.parametrize("level", ["collection", "system", "user", "project", "runtime"])
@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_file_is_kept_or_refused_by_name(key: str, level: str) -> None:
    outer, inner = key.split(".")
    given = context(**{level: {outer: {inner: NESTED.get(key, True)}}})
    if level in KEPT.get(key, ()):
        options(given)
        return
    with pytest.raises(UsageError) as caught:
        options(given)
    assert key in caught.value.what
    assert caught.value.why


def test_the_default_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_RUN_PTY", "0")
    monkeypatch.setenv("INVOKE_TASKS_DEDUPE", "1")
    assert options(context(user={"run": {"shell": "bash"}})) == Options()
    assert options(context(user={"run": {"pty": True}}, project={"run": {"pty": False}})) == Options()


@pytest.mark.parametrize(
    ("level", "names"),
    [({"run": {"dyr": True}}, "did you mean run.dry?"), ({"timeouts": {"zzz": 1}}, "remove it")],
)
def test_a_key_that_invoke_does_not_have_is_refused(level: dict[str, Any], names: str) -> None:
    with pytest.raises(UsageError, match="Invoke has no such option") as caught:
        options(context(project=level))
    assert names in caught.value.fix


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("INVOKE_RUN_DYR", "did you mean INVOKE_RUN_DRY?"),
        ("INVOKE_DRY", "INVOKE_RUN_DRY"),
        ("INVOKE_QQQQ", "unset it"),
        ("INVOKE_KUBETASKS_TARGET", "set KUBETASKS_TARGET"),
    ],
)
def test_a_variable_that_nothing_reads_is_refused(name: str, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(UsageError, match=name) as caught:
        options(context(project={"kubetasks": {"target": "kind"}}))
    assert fix in caught.value.fix


def test_variables_for_other_keys_of_the_configuration_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_SHOP_COLOUR", "red")
    monkeypatch.setenv("INVOKE_DEBUG", "1")
    assert options(context(project={"shop": {"colour": "blue"}})) == Options()


@pytest.mark.parametrize("value", [0, -1, "soon", "", True, 1.5, "٣"])
@pytest.mark.parametrize("level", ["overrides", "project"])
def test_a_timeout_that_is_none(value: object, level: str) -> None:
    with pytest.raises(UsageError, match="not a number of seconds above 0"):
        options(context(**{level: {"timeouts": {"command": value}}}))


@pytest.mark.parametrize("value", ["out", "stdout", "err", "stderr", "both", True])
def test_hide(value: object) -> None:
    assert options(context(overrides={"run": {"hide": value}})).hide


def test_hide_of_something_else() -> None:
    with pytest.raises(UsageError, match="--hide everything"):
        options(context(overrides={"run": {"hide": "everything"}}))


@pytest.mark.parametrize("shown", ["{cmd}", "{", "{0}", 5])
def test_a_format_of_echo_that_cannot_be_filled(shown: object) -> None:
    with pytest.raises(UsageError, match="only placeholder"):
        options(context(project={"run": {"echo": True, "echo_format": shown}}))


def test_what_follows_two_dashes_is_refused() -> None:
    with pytest.raises(UsageError, match="-- prod"):
        options(Context(Config(lazy=True), remainder="prod"))


PROGRAMS = ["invoke", "kubetasks"]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "words", [["--pty", "plan"], ["plan", "-p"], ["-w", "plan"], ["plan", "--warn-only"], ["plan", "--hide=x"]]
)
def test_a_flag_that_cannot_be_kept(here: Here, foreign: Path, program: str, words: list[str]) -> None:
    done = here(foreign, *words, program=program)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert re.match(r"error: --(pty|warn-only|hide)\b", line)


def test_no_password_is_asked_for(here: Here, foreign: Path) -> None:
    done = here(foreign, "--prompt-for-sudo-password", "plan", program="kubetasks")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: --prompt-for-sudo-password: kubetasks does not use sudo")


def test_options_of_other_peoples_tasks_are_their_own(here: Here, foreign: Path) -> None:
    (foreign / "tasks.py").write_text(
        "from invoke import task\n@task\ndef own(c):\n    print(c.config.run.pty, c.config.run.warn)\n"
    )
    done = here(foreign, "--pty", "-w", "own", program="kubetasks")
    assert (done.returncode, done.stdout) == (0, "True True\n"), done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("words", "environ", "code", "says"),
    [
        (["-f", "gone.yaml", "plan"], {}, 3, "error: --config gone.yaml: there is no such file"),
        (["plan", "--config=gone.json"], {}, 3, "error: --config gone.json: there is no such file"),
        (["plan"], {"INVOKE_RUNTIME_CONFIG": "gone.yaml"}, 2, "error: INVOKE_RUNTIME_CONFIG in the environment: "),
        (["plan"], {"KUBETASKS_ENV_FILE": "prod.env"}, 40, "error: "),
        (["deploy", "--env-file", "prod.env"], {}, 40, "error: "),
        (
            ["plan"],
            {"KUBETASKS_CHART_VALUES": "prod.yaml"},
            2,
            "error: setting KUBETASKS_CHART_VALUES in the environment",
        ),
        (
            ["plan"],
            {"KUBETASKS_MANIFESTS_PATH": "k9s"},
            2,
            "error: setting KUBETASKS_MANIFESTS_PATH in the environment",
        ),
        (
            ["cluster.up", "--target", "kind"],
            {"KUBETASKS_KIND_CONFIG": "k.yaml"},
            2,
            "error: setting KUBETASKS_KIND_CONFIG",
        ),
        (["plan", "--", "prod"], {}, 3, "error: -- prod: tasks take nothing after --"),
    ],
)
def test_what_is_named_and_missing_is_refused(
    here: Here, foreign: Path, program: str, words: list[str], environ: dict[str, str], code: int, says: str
) -> None:
    done = here(foreign, *words, program=program, **environ)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(says)
    assert not (foreign / ".kubetasks").exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--list-format", "tree", "--list"], 3, "error: --list-format tree: unknown value"),
        (["--list-depth", "-1", "--list"], 3, "error: --list-depth -1: it is negative"),
        (["-f", "", "plan"], 3, "error: --config: it is empty"),
        (["-f", "folder.yaml", "plan"], 2, "error: folder.yaml cannot be used: Is a directory"),
        (["-f", "tasks.toml", "plan"], 2, "error: tasks.toml cannot be used: Config files of type 'toml'"),
        (["-r", "gone", "plan"], 3, "error: --search-root gone: there is no such folder"),
        (["-r", "", "plan"], 3, "error: --search-root : there is no such folder"),
        (["-r", "invoke.yaml", "plan"], 3, "error: --search-root invoke.yaml: there is no such folder"),
        (["-c", "", "plan"], 3, "error: --collection: it is empty"),
        (["-c", "gone", "plan"], 1, "Can't find any collection named 'gone'!"),
        (["plan", "-r", "."], 3, "error: --search-root: it comes after a task"),
        (["plan", "--collection=x"], 3, "error: --collection: it comes after a task"),
        (["-T", "soon", "plan"], 3, "error: a flag has a value of the wrong type"),
        (["-T", "0", "plan"], 3, "error: --command-timeout 0: it is not a number of seconds above 0"),
        (["plan", "-T", "-5"], 3, "error: --command-timeout -5: it is not a number of seconds above 0"),
        (["--print-completion-script", "tcsh"], 1, 'Completion for shell "tcsh" not supported'),
    ],
)
def test_what_a_flag_cannot_be(here: Here, foreign: Path, words: list[str], code: int, says: str) -> None:
    (foreign / "folder.yaml").mkdir()
    (foreign / "tasks.toml").write_text("")
    done = here(foreign, *words, program="kubetasks")
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(says)


def test_an_empty_variable_counts_as_none(here: Here, foreign: Path) -> None:
    environ = {"INVOKE_RUNTIME_CONFIG": "", "KUBETASKS_ENV_FILE": "", "PAYMENT_KEY": "of-the-environment"}
    done = here(foreign, "plan", program="kubetasks", **environ)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("how", ["-f", "variable"])
def test_a_configuration_file_that_is_named_is_read(here: Here, foreign: Path, program: str, how: str) -> None:
    (foreign / "prod.yaml").write_text("kubetasks: {namespace: from-there}\n")
    words, environ = (["-f", "prod.yaml"], {}) if how == "-f" else ([], {"INVOKE_RUNTIME_CONFIG": "prod.yaml"})
    done = here(foreign, *words, "plan", program=program, **environ)
    assert done.returncode == 0, done.stderr
    assert "from-there" in done.stdout


@pytest.mark.parametrize("flags", [[], ["--version"], ["-V"]])
def test_another_search_root(here: Here, foreign: Path, tmp_path: Path, flags: list[str]) -> None:
    """``./inv`` says where to look in the first place; what is typed goes before that."""
    other = tmp_path / "other"
    other.mkdir()
    done = here(other, "--search-root", str(other), "-r", str(foreign), "plan", program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert "shop-dev" in done.stdout
    assert here(other, "--search-root", str(foreign), "plan", program="kubetasks").returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--version"], "kubetasks "),
        (["plan", "--version"], "kubetasks "),
        (["plan", "--print-completion-script", "bash"], "# Invoke tab-completion script"),
        (["--print-completion-script=zsh"], "#"),
    ],
)
def test_flags_behind_a_task(here: Here, foreign: Path, words: list[str], says: str) -> None:
    done = here(foreign, *words, program="kubetasks")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(says)
    assert "STEP" not in done.stdout


def test_debug_behind_a_task(foreign: Path) -> None:
    done = invoke(foreign, "plan", "--debug", "--target", "knid", program="kubetasks")
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("words", [["--write-pyc", "own"], ["own", "--write-pyc"], ["own"]])
def test_write_pyc(here: Here, foreign: Path, words: list[str]) -> None:
    (foreign / "tasks.py").write_text(
        "import sys\nfrom invoke import task\n@task\ndef own(c):\n    print(sys.dont_write_bytecode)\n"
    )
    done = here(foreign, *words, program="kubetasks")
    assert done.stdout == f"{'--write-pyc' not in words}\n", done.stderr


def test_no_dedupe(here: Here, foreign: Path) -> None:
    once = here(foreign, "plan", "plan", program="kubetasks")
    twice = here(foreign, "--no-dedupe", "plan", "plan", program="kubetasks")
    assert (once.returncode, twice.returncode) == (0, 0)
    assert (once.stdout.count("STEP"), twice.stdout.count("STEP")) == (1, 2)


@pytest.mark.parametrize("called", ["inv", "./inv", "/some/where/inv", "invoke"])
@pytest.mark.parametrize(("line", "found", "other"), [("pl", "plan", "--help"), ("plan --", "--with", "rollback")])
def test_completion(here: Here, foreign: Path, called: str, line: str, found: str, other: str) -> None:
    done = here(foreign, "--complete", "--", called, *line.split(), program="kubetasks")
    assert done.returncode == 0, done.stderr
    assert found in done.stdout.splitlines()
    assert other not in done.stdout.splitlines()


def test_the_script_for_bash_asks_the_program_that_is_typed(foreign: Path, here: Here) -> None:
    script = here(foreign, "completion", "--shell", "bash").stdout
    (foreign / "inv").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m kubetasks "$@"\n')
    (foreign / "inv").chmod(0o755)
    typed = 'COMP_WORDS=(./inv pla); _complete_inv ./inv pla ./inv; echo "${COMPREPLY[*]}"'
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}"],
        cwd=foreign,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(foreign)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("plan\n", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_echo_shows_every_command_line(here: Here, foreign: Path, program: str) -> None:
    """On standard error: the output may be a document that a program reads."""
    for words in (["plan", "--json"], ["manifest.render"]):
        done = here(foreign, "--echo", *words, program=program, INVOKE_RUN_ECHO_FORMAT="+ {command} +")
        assert done.returncode == 0, done.stderr
        assert "+ kubectl kustomize k8s/sqlite +" in done.stderr.splitlines()
        assert list(yaml.safe_load_all(done.stdout))
        assert "kubectl" not in done.stdout


SLOW = "#!/bin/sh\nsleep 20\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_may_take_no_longer(here: Here, foreign: Path, program: str) -> None:
    (foreign / "slow").write_text(SLOW)
    (foreign / "slow").chmod(0o755)
    done = here(foreign, "-T", "1", "manifest.render", program=program, KUBETASKS_PROGRAMS_KUBECTL="./slow")
    assert done.returncode == 13, done.stderr
    assert "did not end in 1 s" in done.stderr
    assert "--command-timeout" in done.stderr


@pytest.mark.parametrize("value", ["gone", "./gone", "/no/such/kubectl", "invoke.yaml", "k8s", ""])
def test_a_program_that_is_set_and_not_there_is_refused(here: Here, foreign: Path, value: str) -> None:
    done = here(foreign, "status", KUBETASKS_PROGRAMS_KUBECTL=value)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: setting KUBETASKS_PROGRAMS_KUBECTL in the environment: ")


def test_a_program_is_found_from_the_projects_root(foreign: Path) -> None:
    (foreign / "tools").mkdir()
    (foreign / "deep").mkdir()
    (foreign / "tools/kubectl").write_text("#!/bin/sh\necho from tools >&2; exit 1\n")
    (foreign / "tools/kubectl").chmod(0o755)
    done = invoke(foreign / "deep", "manifest.render", KUBETASKS_PROGRAMS_KUBECTL="tools/kubectl")
    assert "from tools" in done.stderr


def test_an_interpreter_that_is_set_and_not_there_is_refused(here: Here, foreign: Path) -> None:
    done = here(foreign, "plan", KUBETASKS_LOCAL_PYTHON="python9")
    assert done.returncode == 2
    assert done.stderr.startswith("error: setting KUBETASKS_LOCAL_PYTHON in the environment: ")


TWICE = "kubetasks:\n  project: shop\n  target: local\n  project: other\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_same_key_twice_is_refused_with_both_lines(here: Here, foreign: Path, program: str) -> None:
    (foreign / "invoke.yaml").write_text(TWICE)
    done = here(foreign, "plan", program=program)
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert "invoke.yaml, line 4 cannot be used: key `project` is defined twice, the first time in line 2" in line


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", ["prod.yaml", "prod.yml", "prod.json"])
def test_the_same_key_twice_in_another_file(here: Here, foreign: Path, program: str, name: str) -> None:
    (foreign / name).write_text('{"kubetasks": {"project": "a", "project": "b"}}')
    done = here(foreign, "-f", name, "plan", program=program)
    assert done.returncode == 2, done.stderr
    assert "key `project` is defined twice" in done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_value_that_needs_quotes_is_told_with_its_line(here: Here, foreign: Path, program: str) -> None:
    text = (foreign / "invoke.yaml").read_text() + "  config:\n    A: fine\n    B: Yes\n"
    (foreign / "invoke.yaml").write_text(text)
    done = here(foreign, "plan", program=program)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    number = len(text.splitlines())
    assert line == (
        f"error: setting `kubetasks.config.B` (invoke.yaml, line {number}): it holds text, and YAML reads Yes as a "
        'boolean -- put it in quotes: B: "Yes"'
    )


def test_files_are_read_as_utf_8_whatever_the_locale(foreign: Path) -> None:
    text = (foreign / "invoke.yaml").read_text() + "  config: {A: größer}\n"
    (foreign / "invoke.yaml").write_text(text, encoding="utf-8")
    script = (
        "from kubetasks.tasks._configuration import Configuration\n"
        "c = Configuration(project_location='.'); c.load_project(); print(ascii(c.kubetasks.config.A))\n"
    )
    (foreign / "show.py").write_text(f"from invoke import task\n@task\ndef show(c):\n    {script.splitlines()[0]}\n")
    environ = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    (foreign / "tasks.py").write_text(
        "from invoke import task\n@task\ndef show(c):\n    print(ascii(c.config.kubetasks.config.A))\n"
    )
    done = invoke(foreign, "show", program="kubetasks", **environ)
    assert done.stdout == "'gr\\xf6\\xdfer'\n", done.stderr


def test_a_json_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "invoke.json").write_text(json.dumps({"kubetasks": {"project": "x"}}))
    config = Configuration(project_location=tmp_path, lazy=True)
    config.load_project()
    assert config.kubetasks.project == "x"
    (tmp_path / "invoke.json").write_text("{")
    config = Configuration(project_location=tmp_path, lazy=True)
    with pytest.raises(KubetasksError, match="line 1 is not valid JSON"):
        config.load_project()


def test_nothing_of_invokes_is_in_our_environment() -> None:
    assert [name for name in os.environ if name.startswith("INVOKE_")] == []
