"""The Secrets: which values they are to hold, and digests that tell nothing of them; ``places`` has the objects.

What exists stays: a generated value is made once, and a value that is not given this time is kept. A value that is
given replaces the live one, unless ``rotate: false`` says that something else (the volume of a database) remembers it.
"""

import difflib
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Final

from kubetasks.errors import SecretMissing, UsageError
from kubetasks.objects import Objects
from kubetasks.redact import Sensitive
from kubetasks.secrets import places
from kubetasks.secrets.values import Given
from kubetasks.settings import Settings
from kubetasks.targets.base import Store

# A random key beside the values. Without it the digest on the pods would let anyone who may read pods, and no Secrets,
# try short passwords against it.
DIGEST_KEY: Final = "kubetasks.digest-key"
DIGEST_KEY_BYTES: Final = 32
EXISTING: Final = "existing Secret"


def advice(settings: Settings, what: str = "it", again: str = "it") -> str:
    """How to give a secret a value: with the env file that the settings name, or without one."""
    if settings.env_file:
        return f"put {what} into {settings.env_file}, or export {again}"
    return f"export {what}, or name an env file: --env-file, or the setting `env_file`"


def read(store: Store, settings: Settings) -> dict[str, Sensitive]:
    """The values of the declared secrets that are in the cluster, by name; see ``places.values``.

    Raises:
        ClusterUnreachable: the API server does not answer.
    """
    return places.values(settings, store.get(["Secret"]))


def desired(
    settings: Settings,
    given: Mapping[str, Sensitive],
    live: Mapping[str, Sensitive],
    *,
    remove: Collection[str] = (),
) -> dict[str, Sensitive]:
    """The values that the Secret is to hold, the digest key among them.

    Args:
        settings: declares the names.
        given: what the user gave now.
        live: what the Secret holds.
        remove: optional ones to take out although they are live.

    Raises:
        SecretMissing: required ones have no value; lists them all, with how to set each.
        UsageError: ``remove`` names one that is not declared, or not optional.
    """
    for name in remove:
        _declared(settings, name)
        if settings.secrets[name].kind != "optional":
            raise UsageError(f"--remove {name}", why=f"it is {settings.secrets[name].kind}, not optional")
    values: dict[str, Sensitive] = {}
    for name, secret in settings.secrets.items():
        keep = live.get(name)
        if name in remove:
            keep = None
        elif name in given and (secret.rotate or not keep):
            keep = given[name]
        if not keep and secret.kind == "generated":
            keep = Sensitive(secrets.token_urlsafe(secret.bytes))
        if keep:
            values[name] = keep
    missing = [name for name, secret in settings.secrets.items() if secret.kind == "required" and name not in values]
    if missing:
        raise SecretMissing(
            f"no value for {', '.join(missing)}",
            fix=f"{advice(settings, 'these lines', 'them')}, and run the same command again",
            detail="\n".join(_example(name, settings.secrets[name].help) for name in missing),
        )
    values[DIGEST_KEY] = live.get(DIGEST_KEY) or Sensitive(secrets.token_hex(DIGEST_KEY_BYTES))
    return values


def contents(settings: Settings, values: Mapping[str, Sensitive]) -> places.Contents:
    """What each Secret is to hold; ``values`` as ``desired`` gives them."""
    own = {name: value for name, value in values.items() if name not in settings.secrets}
    return places.wanted(settings, values, own)


def secret_objects(settings: Settings, values: Mapping[str, Sensitive]) -> Objects:
    """The Secrets as Kubernetes objects, the application's own first. They hold the values: see ``places.objects``."""
    return places.objects(settings, contents(settings, values))


def key_digests(settings: Settings, values: Mapping[str, Sensitive]) -> dict[str, dict[str, str]]:
    """Each Secret beside the application's own, with a digest of the value of each of its keys."""
    made = hmac_of(values[DIGEST_KEY])
    return {
        where: {key: made(f"{where}/{key}={value.reveal()}") for key, value in held.items()}
        for where, held in contents(settings, values).items()
        if where != settings.secret_name
    }


def own_digest(settings: Settings, values: Mapping[str, Sensitive]) -> str:
    """The digest of what the application's own Secret is to hold."""
    return digest({**contents(settings, values)[settings.secret_name], DIGEST_KEY: values[DIGEST_KEY]})


def hmac_of(key: Sensitive) -> Callable[[str], str]:
    """What makes HMAC-SHA256 digests with this key, as hex."""
    secret = key.reveal().encode()
    return lambda text: hmac.new(secret, text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def digest(values: Mapping[str, Sensitive], *, only: str = "") -> str:
    """HMAC-SHA256 over the values, as hex: equal for equal values of one Secret, and telling nothing of them.

    Args:
        values: as ``desired`` gives them, with the digest key.
        only: the one name that counts; all if empty.
    """
    key = values[DIGEST_KEY].reveal()
    counted = {n: v.reveal() for n, v in values.items() if n != DIGEST_KEY and only in {"", n}}
    return hmac.new(key.encode(), json.dumps(counted, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def rotate(settings: Settings, live: Mapping[str, Sensitive], names: Collection[str] = ()) -> dict[str, Sensitive]:
    """What the Secret holds, with new values for generated ones.

    Args:
        settings: declares the names.
        live: what the Secret holds.
        names: which ones to regenerate; empty for all generated ones that can be.

    Raises:
        UsageError: a name is not declared, not generated, or declared with ``rotate: false``.
    """
    for name in names:
        _declared(settings, name)
        secret = settings.secrets[name]
        if secret.kind != "generated":
            raise UsageError(
                f"{name} cannot be rotated",
                why="its value comes from you",
                fix=f"{advice(settings, 'the new value')}, then: inv secret.apply",
            )
        if not secret.rotate:
            raise UsageError(
                f"{name} must not be rotated",
                why="its setting has rotate: false",
                fix=secret.help,
            )
    chosen = names or [n for n, secret in settings.secrets.items() if secret.kind == "generated" and secret.rotate]
    fresh = {name: Sensitive(secrets.token_urlsafe(settings.secrets[name].bytes)) for name in chosen}
    return desired(settings, {}, {**live, **fresh})


def check(settings: Settings, given: Given, live: Mapping[str, Sensitive]) -> list[list[str]]:
    """A row for each declared secret: name, kind, whether it is set, where its value is from, help. Never a value."""
    rows = []
    for name, secret in settings.secrets.items():
        if name in live and name in given and not secret.rotate and given[name] != live[name]:
            state, origin = "ok", f"{EXISTING} (the one from {given.origins[name]} is not used: rotate is false)"
        elif name in given:
            state, origin = "ok", given.origins[name]
            if name in live:
                origin += ", as in the existing Secret" if given[name] == live[name] else ", replaces the existing one"
        elif name in live:
            state, origin = "ok", EXISTING
        else:
            state, origin = {
                "required": ("missing", advice(settings)),
                "generated": ("ok", "generated by the next deploy"),
                "optional": ("-", "not set"),
            }[secret.kind]
        rows.append([name, secret.kind, state, origin, secret.help])
    return rows


def _example(name: str, help_text: str) -> str:
    return f"{name}=…" + (f"  # {help_text}" if help_text else "")


def _declared(settings: Settings, name: str) -> None:
    if name not in settings.secrets:
        near = difflib.get_close_matches(name.upper(), settings.secrets, n=1, cutoff=0.5)
        raise UsageError(
            f"there is no secret {name}",
            fix=f"did you mean {near[0]}?" if near else f"declared: {', '.join(settings.secrets) or 'none'}",
        )
