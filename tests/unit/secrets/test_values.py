from pathlib import Path

import pytest

from kubetasks.errors import EnvFileError
from kubetasks.redact import Sensitive
from kubetasks.secrets import values as module
from kubetasks.secrets.readers.env_file import read_env_file
from kubetasks.secrets.readers.terminal import terminal_prompt
from kubetasks.secrets.values import collect
from kubetasks.settings import Settings, load

SETTINGS = load(
    {
        "secrets": {
            "JWT_SECRET": {"kind": "generated"},
            "API_KEY": {"kind": "required", "help": "from the provider"},
            "DATABASE_URL": {"kind": "optional"},
        }
    },
    environ={},
)


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def plain(found: module.Given) -> dict[str, str]:
    return {name: value.reveal() for name, value in found.items()}


def test_an_env_file_is_read_as_dotenv_reads_it(env_file: Path) -> None:
    env_file.write_text(
        "\ufeff# a comment\n\nPLAIN=one two # trailing\nexport EXPORTED=x\nSINGLE='a $HOME # b'\nDOUBLE=\"l1\\nl2\"\n"
        "DOLLAR=pa$$word${HOME}\nEMPTY=\nTWICE=1\nTWICE=2\n",
        encoding="utf-8",
    )
    assert read_env_file(env_file) == {
        "PLAIN": "one two",
        "EXPORTED": "x",
        "SINGLE": "a $HOME # b",
        "DOUBLE": "l1\nl2",
        "DOLLAR": "pa$$word${HOME}",
        "EMPTY": "",
        "TWICE": "2",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\n# c\nno equals sign s3cret\n", 4),
        ("A='open s3cret\nB=2\n", 1),
        ("A=1\nJUST_A_NAME\n", 2),
        ("=s3cret", 1),
    ],
)
def test_a_malformed_line_is_told_by_its_number_and_never_shown(env_file: Path, text: str, line: int) -> None:
    env_file.write_text(text)
    with pytest.raises(EnvFileError) as caught:
        read_env_file(env_file)
    assert caught.value.what == f"{env_file}, line {line} is malformed"
    assert "s3cret" not in caught.value.line + caught.value.detail
    assert caught.value.exit_code == 40


def test_a_file_that_cannot_be_read(env_file: Path) -> None:
    env_file.mkdir()
    with pytest.raises(EnvFileError, match="cannot be read: Is a directory"):
        read_env_file(env_file)
    (env_file / "latin").write_bytes(b"A=\xe4")
    with pytest.raises(EnvFileError, match="it is not UTF-8 text"):
        read_env_file(env_file / "latin")


def test_a_named_file_has_to_exist_and_the_default_one_need_not(env_file: Path) -> None:
    assert plain(collect(SETTINGS, {}, env_file)) == {}
    with pytest.raises(EnvFileError, match=r"does not exist -- cp \.env\.example \.env"):
        collect(SETTINGS, {}, env_file, named=True)


def test_the_environment_goes_before_the_file(env_file: Path) -> None:
    env_file.write_text("API_KEY=file\nDATABASE_URL=file\nJWT_SECRET=\n")
    found = collect(SETTINGS, {"API_KEY": "environment", "DATABASE_URL": "", "OTHER": "x"}, env_file)
    assert plain(found) == {"API_KEY": "environment", "DATABASE_URL": "file"}
    assert found.origins == {"API_KEY": "environment", "DATABASE_URL": ".env"}


def test_only_required_ones_that_are_nowhere_are_asked_for(env_file: Path) -> None:
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return "typed"

    found = collect(SETTINGS, {}, env_file, prompt=prompt)
    assert asked == ["API_KEY (from the provider): "]
    assert plain(found) == {"API_KEY": "typed"}
    assert found.origins["API_KEY"] == "typed"
    collect(SETTINGS, {"API_KEY": "x"}, env_file, prompt=prompt)
    collect(SETTINGS, {}, env_file, prompt=prompt, known=["API_KEY"])
    assert len(asked) == 1


def test_an_empty_answer_is_none(env_file: Path) -> None:
    assert plain(collect(SETTINGS, {}, env_file, prompt=lambda question: "")) == {}


def test_a_slip_of_the_pen_is_told(env_file: Path) -> None:
    env_file.write_text("APIKEY=1\nUNRELATED=2\nDATABASE_URL=3\nDATABASE_URI=4\n")
    found = collect(SETTINGS, {}, env_file)
    assert found.warnings == (".env sets APIKEY, which nothing uses; did you mean API_KEY?",)


def test_what_was_given_shows_no_value(env_file: Path) -> None:
    found = collect(SETTINGS, {"API_KEY": "s3cret"}, env_file)
    assert "s3cret" not in repr(found)
    assert found["API_KEY"] == Sensitive("s3cret")
    assert len(found) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    assert (terminal_prompt() is not None) is terminal


def test_without_declared_secrets_nothing_is_read(env_file: Path) -> None:
    env_file.write_text("A=1\n")
    assert plain(collect(Settings(), {"A": "1"}, env_file)) == {}
