"""The environment of a compose service, split into what is plain and what is secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.init import compose
from kubetasks.init.compose import VARIABLE

SECRET: Final = re.compile(
    r"(^|_)(PASS(WORD|WD|PHRASE)?|PWD|SECRET(_?KEY)?|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY(_ID)?|CREDENTIALS?|JWT_KEY|"
    r"ENCRYPTION_KEY|SIGNING_KEY|DSN)(_|$)|PASSWORD$|_KEY$",
    re.IGNORECASE,
)
NOT_SECRET: Final = re.compile(
    r"(ALLOW_EMPTY\w*|PUBLIC_KEY|PUBLISHABLE_KEY|_FILE|_PATH|_URL_PREFIX|_EXPIRE\w*|_TTL|_LENGTH|_ALGORITHM|_MINUTES|_HOURS)$",
    re.IGNORECASE,
)
CREDENTIALS: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<password>[^@\s/]+)@", re.IGNORECASE)


@dataclass
class Variables:
    """A container's variables.

    Args:
        plain: those that a ConfigMap may hold.
        secret: those that a Secret has to hold, with the Secret's key: the name of what compose gets the value from.
        optional: those of them that may be empty.
        composed: those whose text contains secrets, each as ``$(NAME)``.
        empty: those that get a value from the machine where compose runs, and have none.
    """

    plain: dict[str, str] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)
    composed: dict[str, str] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)


def is_secret(name: str) -> bool:
    """Whether a variable's name says that its value is secret."""
    return bool(SECRET.search(name)) and not NOT_SECRET.search(name)


def split(said: Any, env_files: Mapping[str, str], given: Mapping[str, str]) -> Variables:
    """The variables of a service.

    Args:
        said: what the compose file has as ``environment``.
        env_files: what the service's env files set.
        given: what the ``.env`` beside the compose file sets.
    """
    found = Variables()
    every: dict[str, str | None] = {**env_files, **compose.pairs(said)}
    for name, text in every.items():
        if is_secret(name):
            whole = VARIABLE.fullmatch(text or "")
            found.secret[name] = (whole["bare"] or whole["name"] or name) if whole else name
            if text == "" or (whole and whole["sign"] and whole["sign"].endswith("-") and not whole["other"]):
                found.optional.add(name)
        elif text is None:
            _plain(found, name, given.get(name, ""), known=name in given)
        else:
            _text(found, name, text, given)
    return found


def _text(found: Variables, name: str, text: str, given: Mapping[str, str]) -> None:
    inside = [match["bare"] or match["name"] or "" for match in VARIABLE.finditer(text)]
    secret = [each for each in inside if each and is_secret(each)]
    if secret:
        for each in secret:
            found.secret.setdefault(each, each)
        found.optional -= {*secret}
        hidden = {**given, **{each: f"$({each})" for each in secret}}
        found.composed[name] = compose.substituted(text, hidden)
        return
    value = compose.substituted(text, given)
    if CREDENTIALS.search(value):
        found.secret[name] = name
        return
    known = all(each in given for each in inside if each) or bool(value)
    _plain(found, name, value, known=known)


def _plain(found: Variables, name: str, value: str, *, known: bool) -> None:
    found.plain[name] = value
    if not known:
        found.empty.append(name)
