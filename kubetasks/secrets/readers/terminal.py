"""Values that a person types."""

import sys

from kubetasks.redact import Sensitive
from kubetasks.secrets.readers.base import Found, Prompt, Sources
from kubetasks.settings.sections import Secret


def read(name: str, secret: Secret, sources: Sources) -> Found | None:
    """What a person types when asked; only for a required secret that has no value in the cluster yet."""
    if sources.prompt is None or secret.kind != "required" or name in sources.known:
        return None
    typed = sources.prompt(f"{name} ({secret.help}): " if secret.help else f"{name}: ")
    return Found(Sensitive(typed), "typed") if typed else None


def terminal_prompt() -> Prompt | None:
    """Asks at the terminal without showing what is typed; None where no one sits at one."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    from getpass import getpass  # noqa: PLC0415

    return lambda question: getpass(question, stream=sys.stderr)
