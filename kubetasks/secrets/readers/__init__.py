"""The sources of secrets' values, as a table: one reader per file.

A reader says for one declared secret which value its source has, and what the source is called. The order in which
they are asked is the secret's own (``secrets.NAME.from``).
"""

from collections.abc import Callable, Mapping
from typing import Final

from kubetasks.secrets.readers import command, env_file, environment, terminal
from kubetasks.secrets.readers.base import Found, Sources
from kubetasks.settings.sections import Secret, SecretSource

Reader = Callable[[str, Secret, Sources], Found | None]

READERS: Final[Mapping[SecretSource, Reader]] = {
    "env": environment.read,
    "file": env_file.read,
    "command": command.read,
    "prompt": terminal.read,
}

__all__ = ["READERS", "Found", "Reader", "Sources", "first"]


def first(name: str, secret: Secret, sources: Sources) -> Found | None:
    """The value of a secret from the first of its sources that has one; None where none has.

    Raises:
        SecretCommandFailed: its command was asked, and failed.
    """
    for source in secret.sources:
        found = READERS[source](name, secret, sources)
        if found is not None:
            return found
    return None
