"""The sources of secrets' values, one by one and in their order."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import SecretCommandFailed, SecretUnusable
from kubetasks.redact import Sensitive
from kubetasks.runner import SystemRunner
from kubetasks.secrets.readers import READERS, Sources, first
from kubetasks.secrets.readers.command import asker
from kubetasks.secrets.values import collect
from kubetasks.settings import load
from kubetasks.settings.sections import SOURCES, Secret
from tests.samples import CANARY


def declared(**more: Any) -> Secret:
    return load({"secrets": {"KEY": more}}, environ={}).secrets["KEY"]


ALL = Sources(
    environ={"KEY": "from-env"},
    file={"KEY": "from-file"},
    file_name=".env",
    ask=lambda name, argv: "from-command",
    prompt=lambda question: "from-prompt",
)
COMMAND = ["op", "read", "op://vault/item/field"]


def test_there_is_a_reader_for_each_source() -> None:
    assert set(READERS) == set(SOURCES)


@pytest.mark.parametrize(
    ("order", "value", "origin"),
    [
        (["env", "file", "command", "prompt"], "from-env", "environment"),
        (["file", "env"], "from-file", ".env"),
        (["command", "env"], "from-command", "command op"),
        (["prompt", "env", "command"], "from-prompt", "typed"),
    ],
)
def test_the_first_source_that_has_a_value_counts(order: list[str], value: str, origin: str) -> None:
    secret = Secret(sources=order, command=COMMAND)  # type: ignore[arg-type]
    found = first("KEY", secret, ALL)
    assert found is not None
    assert (found.value, found.origin) == (Sensitive(value), origin)


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_not_named_is_not_asked(source: str) -> None:
    others = [each for each in SOURCES if each != source]
    found = first("KEY", Secret(sources=others, command=COMMAND), ALL)
    assert found is not None
    assert found.value != Sensitive(f"from-{source}")


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_without_a_value_gives_none(source: str) -> None:
    assert first("KEY", Secret(sources=[source]), Sources(environ={"KEY": ""}, file={"KEY": ""})) is None  # type: ignore[list-item]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (f"print('{CANARY}')", CANARY),
        (f"print('{CANARY}', end='')", CANARY),
        (f"print('{CANARY}\\n\\n')", CANARY),
        (f"print(' {CANARY} ')", f" {CANARY} "),
        ("print('two\\nlines')", "two\nlines"),
    ],
)
def test_what_a_command_prints_is_the_value(tmp_path: Path, code: str, value: str) -> None:
    assert asker(SystemRunner(tmp_path))("KEY", python(code)) == value


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    argv = [*python("import sys; print(sys.argv[1])"), "$HOME; echo x > made"]
    assert asker(SystemRunner(tmp_path))("KEY", argv) == "$HOME; echo x > made"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "limit", "said"),
    [
        (python(f"import sys; print('{CANARY}'); sys.stderr.write('{CANARY}'); sys.exit(3)"), 60, "exited with 3"),
        (python(f"import time; print('{CANARY}', flush=True); time.sleep(600)"), 2, "did not end in 2 s"),
        (python("pass"), 60, "printed nothing"),
        (python("print()"), 60, "printed nothing"),
        (python("import sys; sys.stdout.buffer.write(bytes([0xff, 0xfe, 0x41]))"), 60, "did not print UTF-8 text"),
        (["no-such-password-manager"], 60, "cannot be started"),
    ],
)
def test_a_command_that_fails_is_one_clear_line_without_its_output(
    tmp_path: Path, argv: list[str], limit: float, said: str
) -> None:
    argv = [*argv[:2], *argv[2:]]
    shown = shlex.join(argv)
    with pytest.raises(SecretCommandFailed) as caught:
        asker(SystemRunner(tmp_path), limit)("KEY", argv)
    error = caught.value
    assert error.exit_code == 68
    assert said in error.line
    assert "KEY" in error.line
    assert CANARY not in (error.line + error.detail).replace(shown, "")
    assert "\n" not in error.line


def test_a_command_runs_once(tmp_path: Path) -> None:
    ask = asker(SystemRunner(tmp_path))
    argv = python("open('runs', 'a').write('x'); print('value')")
    assert {ask("KEY", argv), ask("OTHER", argv)} == {"value"}
    assert (tmp_path / "runs").read_text() == "x"


def test_a_command_is_not_run_where_an_earlier_source_has_a_value(tmp_path: Path) -> None:
    settings = load({"secrets": {"KEY": {"command": python("open('ran', 'w'); print('x')")}}}, environ={})
    found = collect(settings, {"KEY": "given"}, None, ask=asker(SystemRunner(tmp_path)))
    assert found.origins == {"KEY": "environment"}
    assert not (tmp_path / "ran").exists()


def test_a_value_from_a_command_is_checked_by_its_form(tmp_path: Path) -> None:
    settings = load({"secrets": {"KEY": {"form": "line", "command": python(f"print('{CANARY}\\nuser')")}}}, environ={})
    with pytest.raises(SecretUnusable) as caught:
        collect(settings, {}, None, ask=asker(SystemRunner(tmp_path)))
    assert CANARY not in caught.value.line
    assert declared(form="line").form == "line"
