"""What is wrong with where secrets come from and where they go (`secrets.NAME.into`, `from`, `command`)."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.settings.fault import Fault, unstorable
from kubetasks.settings.sections import Settings

# A Secret's name is a DNS subdomain (RFC 1123); its keys are as those of a ConfigMap.
NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KEY: Final = re.compile(r"[-._A-Za-z0-9]{1,253}")
RESERVED: Final = "kubetasks."  # begins the keys that kubetasks keeps for itself


def faults(settings: Settings) -> Iterator[Fault]:
    """What no type can say of a secret's places and sources."""
    taken: dict[tuple[str, str], str] = {}
    for name, secret in settings.secrets.items():
        at = f"secrets.{name}"
        for where, key in secret.places(f"{settings.secret_name}/{name}"):
            if not (NAME.fullmatch(where) and KEY.fullmatch(key)):
                yield Fault(f"{at}.into", f"`{where}/{key}` is not SECRET/KEY", "e.g. app-credentials/password")
            elif key.startswith(RESERVED):
                yield Fault(f"{at}.into", f"keys that begin with {RESERVED} are reserved", "choose another key")
            other = taken.setdefault((where, key), name)
            if other != name:
                yield Fault(f"{at}.into", f"secrets.{other} goes to {where}/{key} too", "give each a key of its own")
        if not secret.sources and secret.kind != "generated":
            yield Fault(f"{at}.from", "it names no source", "choose some of env, file, command, prompt")
        if secret.command and "command" not in secret.sources:
            yield Fault(f"{at}.command", "`from` does not name `command`", "add it there, or take the command out")
        for word in secret.command:
            if unstorable(word):
                yield Fault(f"{at}.command", unstorable(word), "take it out")
        if secret.command and not secret.command[0]:
            yield Fault(f"{at}.command", "it names no program", "e.g. [pass, show, path/to/it]")
