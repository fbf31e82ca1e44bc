"""Where secrets' values come from: the environment, over an env file, over what a person types when asked.

An env file is read as python-dotenv reads it (quotes, ``export``, comments), without expanding ``$``: a password may
hold one. An empty value counts as none, so that a copy of ``.env.example`` can be filled in bit by bit.
"""

import difflib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kubetasks.errors import EnvFileError, SecretUnusable
from kubetasks.redact import Sensitive
from kubetasks.secrets import forms
from kubetasks.settings import Settings

# difflib's ratio from which a name counts as a slip of the pen for another: JWT_SECRTE, DATABASE-URL.
NEAR: Final = 0.8

Prompt = Callable[[str], str]


@dataclass(frozen=True)
class Given(Mapping[str, Sensitive]):
    """The values that were found, by name.

    Args:
        values_by_name: name to value.
        origins: name to where it came from, for people.
        warnings: what looks like a slip, a line each.
    """

    values_by_name: Mapping[str, Sensitive] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Sensitive:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def more(self, name: str, value: Sensitive, origin: str) -> "Given":
        """The same with one more value."""
        values, origins = {**self.values_by_name, name: value}, {**self.origins, name: origin}
        return replace(self, values_by_name=values, origins=origins)


def read_env_file(path: Path) -> dict[str, str]:
    """The names and values of an env file; a name given twice has its last value.

    Raises:
        EnvFileError: the file cannot be read, or a line of it is not ``NAME=VALUE``; says which.
    """
    import io  # noqa: PLC0415

    from dotenv.parser import parse_stream  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EnvFileError(f"{path} does not exist", fix="cp .env.example .env, then fill it in") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EnvFileError(f"{path} cannot be read", why=str(reason)) from None
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if not binding.error and binding.key is None:
            continue  # a comment or an empty line
        if binding.error or binding.key is None or binding.value is None:
            # The line itself may hold a secret; its number is enough.
            raise EnvFileError(
                f"{path}, line {_line(text, binding.original.line)} is malformed",
                why="it is not NAME=VALUE",
                fix="see .env.example; a value with spaces, quotes or # goes between single quotes",
            )
        found[binding.key] = binding.value
    return found


def _line(text: str, start: int) -> int:
    """The parser counts the blank lines before a binding to it; skip them."""
    lines = text.splitlines()
    while start <= len(lines) and not lines[start - 1].strip():
        start += 1
    return start


def collect(
    settings: Settings,
    environ: Mapping[str, str],
    env_file: Path | None,
    *,
    named: bool = False,
    known: Collection[str] = (),
    prompt: Prompt | None = None,
) -> Given:
    """The values of the declared secrets, from wherever they are given.

    Args:
        settings: declares the names.
        environ: the process's environment; it goes before the file.
        env_file: the env file; None reads none.
        named: the file was asked for by name, in a setting too, so it has to exist.
        known: names that already have a value where it is deployed to; nobody is asked for these.
        prompt: asks a person for a required one that is found nowhere; None asks nobody.

    Raises:
        EnvFileError: the file is named and missing, or it is malformed.
        SecretUnusable: a value is not what its setting says.
    """
    file = read_env_file(env_file) if env_file is not None and (named or env_file.exists()) else {}
    where = env_file.name if env_file is not None else ""
    values: dict[str, Sensitive] = {}
    origins: dict[str, str] = {}
    for name, secret in settings.secrets.items():
        if environ.get(name):
            values[name], origins[name] = Sensitive(environ[name]), "environment"
        elif file.get(name):
            values[name], origins[name] = Sensitive(file[name]), where
        elif prompt is not None and secret.kind == "required" and name not in known:
            typed = prompt(f"{name} ({secret.help}): " if secret.help else f"{name}: ")
            if typed:
                values[name], origins[name] = Sensitive(typed), "typed"
    for name, value in values.items():
        why, fix = forms.fault(value.reveal(), settings.secrets[name].form)
        if why:
            raise SecretUnusable(f"the value of {name} from {_source(origins[name])} cannot be used", why=why, fix=fix)
    return Given(values, origins, tuple(_slips(settings, file, where)))


def _source(origin: str) -> str:
    return {"environment": "the environment", "typed": "the terminal"}.get(origin, origin)


def _slips(settings: Settings, file: Mapping[str, str], where: str) -> Iterator[str]:
    absent = [name for name in settings.secrets if name not in file]
    for name in file:
        if name not in settings.secrets:
            for near in difflib.get_close_matches(name.upper(), absent, n=1, cutoff=NEAR):
                yield f"{where} sets {name}, which nothing uses; did you mean {near}?"


def terminal_prompt() -> Prompt | None:
    """Asks at the terminal without showing what is typed; None where nobody sits at one."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    from getpass import getpass  # noqa: PLC0415

    return lambda question: getpass(question, stream=sys.stderr)
