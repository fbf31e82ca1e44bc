"""Secrets among the project's own objects: what is shown and recorded of them, and what rolls when they change.

Shown and recorded are their keys, each with a digest of its value: an HMAC whose random key is in the project's own
Secret, so that short values cannot be guessed from it. The cluster gets the values, and nothing else does.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from kubetasks.objects import DOMAIN, Object, Objects, of_kind
from kubetasks.redact import MARK, Sensitive

# On pod templates: changes when a Secret does that is among the rendered objects and that the pods use.
ROLLED_BY: Final = f"{DOMAIN}/manifest-secrets-digest"
# kubectl's client-side apply leaves the whole object there, values included.
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
LENGTH: Final = 32  # hexadecimal digits of a digest
SHORTEST: Final = 8  # characters of a value that is hidden wherever it is shown
# Words, numbers, host names, addresses with ports.
ORDINARY: Final = re.compile(r"[A-Za-z]+|[0-9.:]+|[a-z0-9-]+(\.[a-z0-9-]+)+\.?(:[0-9]+)?")
ROLLING: Final = ("Deployment", "StatefulSet", "DaemonSet")

Digest = Callable[[str], str]


def digester(key: Sensitive) -> Digest:
    """What makes the digest of a text with this key, as hex."""
    secret = key.reveal().encode()
    return lambda text: hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def values_of(secret: Object) -> dict[str, bytes]:
    """The values of a Secret, from ``data`` and from ``stringData``, which goes over it."""
    found: dict[str, bytes] = {}
    for key, text in _mapping(secret, "data").items():
        try:
            found[str(key)] = base64.b64decode(str(text).encode(), validate=False)
        except (binascii.Error, ValueError):  # the API server will refuse it
            found[str(key)] = str(text).encode()
    for key, text in _mapping(secret, "stringData").items():
        found[str(key)] = str(text).encode("utf-8", errors="surrogatepass")
    return found


def _mapping(secret: Object, field: str) -> Mapping[str, Any]:
    found = secret.get(field)
    return found if isinstance(found, Mapping) else {}


def _digest_of(name: str, key: str, value: bytes, digest: Digest) -> str:
    # With its place in it: two keys with one value do not show that they are equal.
    return MARK + digest(f"{name}/{key}={base64.b64encode(value).decode()}")[:LENGTH]


def concealed(item: Object, digest: Digest) -> Object:
    """A Secret with digests in the place of its values; any other object as it is."""
    if item.get("kind") != "Secret":
        return item
    name = item["metadata"]["name"]
    kept = {key: value for key, value in item.items() if key not in {"data", "stringData", "metadata"}}
    meta = dict(item["metadata"])
    if isinstance(meta.get("annotations"), Mapping):
        meta["annotations"] = {key: value for key, value in meta["annotations"].items() if key != LAST_APPLIED}
    values = values_of(item)
    data = {key: _digest_of(name, key, values[key], digest) for key in sorted(values)}
    return {**kept, "metadata": meta, "data": data}


def all_concealed(objects: Iterable[Object], digest: Digest) -> Objects:
    """The objects, every Secret among them concealed."""
    return [concealed(item, digest) for item in objects]


def without_secrets(objects: Objects) -> Objects:
    """The objects of a record without its Secrets, whose values it does not have."""
    return [item for item in objects if item["kind"] != "Secret"]


def to_hide(objects: Objects) -> Iterator[Sensitive]:
    """The values of Secrets that have to be hidden in what programs say; not those that are ordinary words.

    A name, a number or a host is no secret, and to hide it everywhere would make other text unreadable.
    """
    names = {text for item in objects for text in _names(item)}
    for item in of_kind(objects, "Secret"):
        for value in values_of(item).values():
            text = value.decode("utf-8", errors="ignore")
            if len(text) >= SHORTEST and not ORDINARY.fullmatch(text) and text not in names:
                yield Sensitive(text)


def _names(item: Object) -> Iterator[str]:
    meta = item["metadata"]
    yield str(meta["name"])
    for label in (meta.get("labels") or {}).values():
        yield str(label)


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Each ("ConfigMap" or "Secret", name) that a pod refers to, wherever in its spec.

    ``imagePullSecrets`` are none: they matter while an image is pulled, and not to the containers.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"configMapRef", "configMapKeyRef", "configMap"} and isinstance(inner, dict):
                yield "ConfigMap", str(inner.get("name", ""))
            elif key in {"secretRef", "secretKeyRef", "secret"} and isinstance(inner, dict):
                yield "Secret", str(inner.get("secretName") or inner.get("name", ""))
            elif key != "imagePullSecrets":
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def secret_keys(value: Any) -> Iterator[tuple[str, str]]:
    """Each (Secret, key) that a pod refers to, wherever in its spec; no key for a whole Secret.

    As ``references``, ``imagePullSecrets`` are none.
    """
    if isinstance(value, dict):
        for field, inner in value.items():
            if field in {"secretRef", "secretKeyRef", "secret"} and isinstance(inner, dict):
                name = str(inner.get("secretName") or inner.get("name", ""))
                items = inner.get("items")
                chosen = [each.get("key") for each in items] if isinstance(items, list) else [inner.get("key")]
                yield from ((name, str(key or "")) for key in chosen)
            elif field != "imagePullSecrets":
                yield from secret_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from secret_keys(inner)


def rolled(objects: Objects, digest: Digest, written: Mapping[str, Mapping[str, str]] | None = None) -> Objects:
    """The objects, with a digest on every pod template that uses a rendered Secret or one that is written beside them.

    A Job is left out: its template cannot be changed.

    Args:
        objects: what is rendered.
        digest: makes digests.
        written: the Secrets that kubetasks writes itself, each with its keys and a digest of each value. Of these only
            the keys count that a pod uses.
    """
    secrets = {item["metadata"]["name"]: item for item in of_kind(objects, "Secret")}
    return [_rolled(item, secrets, written or {}, digest) if secrets or written else item for item in objects]


def _rolled(
    item: Object, secrets: Mapping[str, Object], written: Mapping[str, Mapping[str, str]], digest: Digest
) -> Object:
    template = (item.get("spec") or {}).get("template") if item["kind"] in ROLLING else None
    if not isinstance(template, dict):
        return item
    held: dict[str, Any] = {}
    for name, key in sorted(set(secret_keys(template.get("spec")))):
        if name in secrets:
            held[name] = concealed(secrets[name], digest)["data"]
        elif name in written:
            used = written[name] if not key else {each: made for each, made in written[name].items() if each == key}
            held[name] = {**held.get(name, {}), **used}
    if not held:
        return item
    new = deepcopy(item)
    meta = new["spec"]["template"].setdefault("metadata", {})
    meta["annotations"] = {**(meta.get("annotations") or {}), ROLLED_BY: digest(json.dumps(held, sort_keys=True))}
    return new


def changed_keys(recorded: Object, live: Object, digest: Digest) -> list[str]:
    """The keys whose values differ between a recorded Secret, which is concealed, and a live one."""
    now = concealed(live, digest)["data"]
    then = _mapping(recorded, "data")
    return sorted(key for key in {*then, *now} if then.get(key) != now.get(key))


def differing_keys(rendered: Object, live: Object) -> list[str]:
    """The keys of a rendered Secret that a live one lacks, or has with another value. Never a value."""
    wanted, there = values_of(rendered), values_of(live)
    return sorted(key for key, value in wanted.items() if there.get(key) != value)
