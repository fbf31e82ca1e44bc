"""Values that a program prints, such as a password manager's.

The program is started without a shell. Its standard output is the value, without the line breaks at its end, as
``$(…)`` gives it. No output of it is shown, not even where it fails: it may hold a part of the value.
"""

import shlex
from collections.abc import Sequence
from typing import Final

from kubetasks.errors import SecretCommandFailed, ToolMissing, ToolTimeout
from kubetasks.redact import Sensitive
from kubetasks.runner import Runner
from kubetasks.secrets.readers.base import Ask, Found, Sources
from kubetasks.settings.sections import Secret

LIMIT: Final = 60.0  # seconds: a person may have to unlock the password manager


def read(name: str, secret: Secret, sources: Sources) -> Found | None:
    """What the secret's command prints; None where it has no command, or none may be run.

    Raises:
        SecretCommandFailed: it failed, took too long, or printed nothing.
    """
    if not secret.command or sources.ask is None:
        return None
    return Found(Sensitive(sources.ask(name, secret.command)), f"command {secret.command[0]}")


def asker(runner: Runner, limit: float = LIMIT) -> Ask:
    """Runs commands, each once for as long as this object lives.

    Args:
        runner: starts them.
        limit: the longest that one may take, in seconds.
    """
    kept: dict[tuple[str, ...], str] = {}

    def ask(name: str, argv: Sequence[str]) -> str:
        if tuple(argv) not in kept:
            kept[tuple(argv)] = _run(runner, name, argv, limit)
        return kept[tuple(argv)]

    return ask


def _run(runner: Runner, name: str, argv: Sequence[str], limit: float) -> str:
    shown = shlex.join(argv)
    try:
        result = runner.run(list(argv), timeout=limit, check=False)
    except ToolMissing as error:
        raise SecretCommandFailed(
            f"the command for {name} cannot be started", why=error.why or error.what, fix=f"install {argv[0]}"
        ) from None
    except ToolTimeout:  # with what it printed, which may be the value
        raise SecretCommandFailed(
            f"the command for {name} did not end in {limit:g} s",
            why="it gets no terminal, so it cannot ask for anything there",
            fix=f"see what it waits for: {shown}",
        ) from None
    if not result.ok:
        raise SecretCommandFailed(
            f"the command for {name} failed",
            why=f"{argv[0]} exited with {result.code}",
            fix=f"run it yourself to see what it prints: {shown}",
        )
    text = result.stdout.rstrip("\r\n")
    if not text:
        raise SecretCommandFailed(f"the command for {name} printed nothing", fix=f"see what is stored: {shown}")
    if "\ufffd" in text:
        raise SecretCommandFailed(
            f"the command for {name} did not print UTF-8 text",
            fix="store the value in Base64, and decode it where it is used",
        )
    return text
