"""The Secrets that are written: what each holds and is to hold, which are ours, and the digests of their keys.

A declared secret goes to ``<project>-secrets/<name>``, or to the Secrets and keys that ``secrets.NAME.into`` names.
Each of these Secrets is written whole and belongs to kubetasks: the labels say so, and an annotation says which
declared secret each key holds, so that a value is found again after its place was changed (ADR 40).
"""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Final

from kubetasks.errors import SecretNotOurs
from kubetasks.objects import DOMAIN, MANAGED_BY, PART_OF, PROJECT, Object, Objects, is_leaving, of_kind
from kubetasks.redact import Sensitive
from kubetasks.settings import Settings

OWNER: Final = "kubetasks"
# On a Secret that `into` names: its keys to the declared secrets that they hold, as JSON.
HOLDS: Final = f"{DOMAIN}/secret-keys"
RELEASE: Final = "meta.helm.sh/release-name"

Contents = Mapping[str, Mapping[str, Sensitive]]


def is_ours(item: Object, project: str) -> bool:
    """Whether kubetasks wrote a Secret for this project."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == OWNER and project in {labels.get(PROJECT), labels.get(PART_OF)}


def values_in(item: Object) -> dict[str, Sensitive]:
    """The values of a live Secret. Bytes that are not UTF-8 come back as they were when they are written again."""
    data: Mapping[str, str] = item.get("data") or {}
    return {key: Sensitive(base64.b64decode(text).decode(errors="surrogateescape")) for key, text in data.items()}


def held(live: Iterable[Object], names: Iterable[str]) -> dict[str, dict[str, Sensitive]]:
    """What the live Secrets of these names hold; one that is not there holds nothing."""
    there = {item["metadata"]["name"]: item for item in live if item["kind"] == "Secret"}
    return {name: values_in(there[name]) if name in there else {} for name in names}


def values(settings: Settings, live: Iterable[Object]) -> dict[str, Sensitive]:
    """The values of the declared secrets in live Secrets, by name, with what else the application's own Secret holds.

    A value whose place was changed in the settings is found where it was.
    """
    before: dict[str, Sensitive] = {}
    now: dict[str, Sensitive] = {}
    secrets = of_kind(list(live), "Secret")
    for item in secrets:
        name = item["metadata"]["name"]
        if name == settings.secret_name or not is_ours(item, settings.project):
            continue
        there = values_in(item)
        for keys, found in ((_holds(item), before), (settings.secret_places.get(name, {}), now)):
            found.update({declared: there[key] for key, declared in keys.items() if key in there})
    own = held(secrets, [settings.secret_name])[settings.secret_name]
    return {**{name: value for name, value in before.items() if name in settings.secrets}, **own, **now}


def _holds(item: Object) -> dict[str, str]:
    try:
        found = json.loads((item["metadata"].get("annotations") or {}).get(HOLDS) or "{}")
    except ValueError:
        return {}
    return {str(key): str(name) for key, name in found.items()} if isinstance(found, dict) else {}


def wanted(settings: Settings, chosen: Mapping[str, Sensitive], own: Mapping[str, Sensitive]) -> Contents:
    """What each Secret is to hold.

    Args:
        settings: say where each secret goes.
        chosen: the values by declared name.
        own: what the application's own Secret holds beside.
    """
    found: dict[str, dict[str, Sensitive]] = {}
    for where, keys in settings.secret_places.items():
        found[where] = {key: chosen[name] for key, name in keys.items() if name in chosen}
        if where == settings.secret_name:
            found[where] |= own
    return found


def stale(contents: Contents, now: Contents, own: str) -> dict[str, list[str]]:
    """Each Secret that has to be written, with the keys that differ.

    Args:
        contents: what the Secrets are to hold.
        now: what they hold.
        own: the application's own Secret, in which no other key stays; in others a key of another owner does.
    """
    found = {}
    for name, coming in contents.items():
        there = now.get(name, {})
        keys = {*coming, *there} if name == own else {*coming}
        changed = sorted(key for key in keys if coming.get(key) != there.get(key))
        if changed:
            found[name] = changed
    return found


def objects(settings: Settings, contents: Contents) -> Objects:
    """The Secrets as Kubernetes objects. They hold the values: hand them on by stdin, and to nothing that prints."""
    return [_object(settings, name, coming) for name, coming in contents.items()]


def _object(settings: Settings, name: str, coming: Mapping[str, Sensitive]) -> Object:
    labels = {PART_OF: settings.project, MANAGED_BY: OWNER}
    meta: Object = {"name": name, "namespace": settings.in_namespace, "labels": labels}
    if name != settings.secret_name:
        labels[PROJECT] = settings.project
        meta["annotations"] = {HOLDS: json.dumps(settings.secret_places[name], sort_keys=True)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": "Opaque",
        "data": {key: encoded(value) for key, value in sorted(coming.items())},
    }


def encoded(value: Sensitive) -> str:
    """A value in Base64."""
    return base64.b64encode(value.reveal().encode(errors="surrogateescape")).decode()


def refuse_foreign(settings: Settings, there: Iterable[Object]) -> None:
    """Refuse to write a Secret that something else created.

    Args:
        settings: name the Secrets.
        there: the objects in the namespace.

    Raises:
        SecretNotOurs: one exists already.
    """
    names = settings.secret_places
    for item in of_kind(list(there), "Secret"):
        name = item["metadata"]["name"]
        if name not in names or is_ours(item, settings.project) or is_leaving(item):
            continue
        meta = item["metadata"]
        labels = meta.get("labels") or {}
        keys = ", ".join(f"secrets.{each}" for each in names[name].values()) or "kubetasks' own key"
        release = (meta.get("annotations") or {}).get(RELEASE)
        manager = f"Helm release {release}" if release else labels.get(MANAGED_BY) or "something else"
        other = labels.get(PROJECT)
        choices = [f"keep it, and send the value to another Secret: `into` of {keys}"]
        if not release:
            mark = f"{MANAGED_BY}={OWNER} {PROJECT}={settings.project}"
            choices.append(f"hand it over; its other keys stay:  kubectl label --overwrite secret {name} {mark}")
        choices.append(f"keep it, and remove {keys} from the settings")
        raise SecretNotOurs(
            f"Secret/{name} in namespace {settings.in_namespace} exists, and kubetasks did not create it",
            why=f"it belongs to project {other}" if other else f"{manager} created it",
            fix="choose one of the ways below",
            detail="\n".join(choices),
        )
