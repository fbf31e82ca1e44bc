"""The values of the declared secrets, each from the first of its sources that has one (``secrets.readers``)."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kubetasks.errors import SecretUnusable
from kubetasks.redact import Sensitive
from kubetasks.secrets import forms
from kubetasks.secrets.readers import Sources, first
from kubetasks.secrets.readers.base import Ask, Prompt
from kubetasks.secrets.readers.env_file import read_env_file
from kubetasks.settings import Settings

# difflib's ratio from which a name counts as a typo of another: JWT_SECRTE, DATABASE-URL.
NEAR: Final = 0.8


@dataclass(frozen=True)
class Given(Mapping[str, Sensitive]):
    """The values that were found, by name.

    Args:
        values_by_name: name to value.
        origins: name to where it came from, for people.
        warnings: what looks like a typo, a line each.
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


def collect(
    settings: Settings,
    environ: Mapping[str, str],
    env_file: Path | None,
    *,
    named: bool = False,
    known: Collection[str] = (),
    prompt: Prompt | None = None,
    ask: Ask | None = None,
) -> Given:
    """The values of the declared secrets, from wherever they are given.

    Args:
        settings: declares the names.
        environ: the process's environment; it goes before the file.
        env_file: the env file; None reads none.
        named: the file was asked for by name, in a setting too, so it has to exist.
        known: names that already have a value where it is deployed to; no one is asked for these.
        prompt: asks a person for a required one that is found nowhere; None asks no one.
        ask: runs the command that a secret names; None runs none.

    Raises:
        EnvFileError: the file is named and missing, or it is malformed.
        SecretUnusable: a value is not what its setting says.
        SecretCommandFailed: a command was asked, and failed.
    """
    file = read_env_file(env_file) if env_file is not None and (named or env_file.exists()) else {}
    where = env_file.name if env_file is not None else ""
    sources = Sources(environ, file, where, ask, prompt, known)
    values: dict[str, Sensitive] = {}
    origins: dict[str, str] = {}
    for name, secret in settings.secrets.items():
        found = first(name, secret, sources)
        if found is not None:
            values[name], origins[name] = found.value, found.origin
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
