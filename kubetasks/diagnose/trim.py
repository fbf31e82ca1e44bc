"""Cut objects to what a diagnosis reads, and take every secret out of them."""

import base64
import binascii
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from kubetasks.diagnose import hide
from kubetasks.diagnose.certificate import expiry
from kubetasks.objects import DOMAIN, Object
from kubetasks.redact import HIDDEN

# Annotations that say something about the cluster; all others may hold anything, last-applied-configuration the whole
# object with its variables.
ANNOTATIONS: Final = re.compile(
    rf"^(deployment\.kubernetes\.io/|kubernetes\.io/ingress\.class|storageclass\.|pv\.kubernetes\.io/|volume\."
    rf"|ingressclass\.|meta\.helm\.sh/|helm\.sh/|batch\.kubernetes\.io/|cronjob\.kubernetes\.io/"
    rf"|kubectl\.kubernetes\.io/restartedAt|kubernetes\.io/service-account|{re.escape(DOMAIN)}/)"
)
LONGEST: Final = 4000
IMAGES: Final = 80
POD_SPECS: Final = ("containers", "initContainers", "ephemeralContainers")

Known = Callable[[str], str]


def trimmed(item: Object, known: Known = str) -> Object:
    """A copy of an object without secrets and without what no rule reads.

    Args:
        item: a live object.
        known: replaces the secrets that are known.
    """
    kind = item["kind"]
    if kind == "Secret":
        return _secret(item)
    item = deepcopy(item)
    meta = item["metadata"]
    for key in ("managedFields", "selfLink"):
        meta.pop(key, None)
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if ANNOTATIONS.match(k)}
    meta.pop("annotations", None)
    if notes:
        meta["annotations"] = _masked(notes, known)
    special = {"ConfigMap": _config_map, "Node": _node, "Event": _event}.get(kind)
    if special is not None:
        special(item, known)
    elif "spec" in item or "status" in item:
        _walk(item, known)
    return item


def _masked(value: Any, known: Known) -> Any:
    """Every text below a value masked and cut."""
    if isinstance(value, str):
        return hide.masked(value[:LONGEST], known)
    if isinstance(value, dict):
        return {key: _masked(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, known) for each in value]
    return value


def _secret(item: Object) -> Object:
    """Names, keys and type only; and of each value what tells nothing of it: empty, a line feed at its end."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "creationTimestamp", "uid") if key in meta}
    if meta.get("deletionTimestamp"):
        kept["deletionTimestamp"] = meta["deletionTimestamp"]
    data = item.get("data") or {}
    found: Object = {"kind": "Secret", "metadata": kept, "type": item.get("type", "Opaque")}
    found["data"] = dict.fromkeys([*data, *(item.get("stringData") or {})], HIDDEN)
    facts: dict[str, Any] = {}
    for key, value in data.items():
        raw = _decoded(value)
        if raw == b"":
            facts.setdefault("empty", []).append(key)
        elif raw.endswith((b"\n", b"\r")) and b"\n" not in raw.rstrip() and not key.endswith((".crt", ".key", ".pem")):
            facts.setdefault("lineFeed", []).append(key)
    if item.get("type") == "kubernetes.io/tls":
        until = expiry(_decoded(data.get("tls.crt", "")))
        if until:
            facts["expires"] = until
    return {**found, "facts": facts} if facts else found


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(str(value))
    except (binascii.Error, ValueError):
        return b"?"


def _config_map(item: Object, known: Known) -> None:
    item["data"] = {key: hide.value(key, str(text)[:LONGEST], known) for key, text in (item.get("data") or {}).items()}
    if item.get("binaryData"):
        item["binaryData"] = dict.fromkeys(item["binaryData"], "")


def _node(item: Object, known: Known) -> None:
    status, meta = item.get("status") or {}, item["metadata"]
    names = [
        name for image in status.get("images") or () for name in image.get("names") or () if "@sha256:" not in name
    ]
    kept = {key: status[key] for key in ("allocatable", "capacity", "conditions", "nodeInfo") if key in status}
    # The addresses and IDs of a machine do not help in a bug report.
    info = kept.get("nodeInfo") or {}
    kept["nodeInfo"] = {key: info[key] for key in ("architecture", "kubeletVersion", "osImage") if key in info}
    item["status"] = {**_masked(kept, known), "images": [{"names": names[:IMAGES]}]}
    spec = item.get("spec") or {}
    item["spec"] = {key: spec[key] for key in ("taints", "unschedulable") if key in spec}
    meta.pop("annotations", None)


def _event(item: Object, known: Known) -> None:
    meta = item["metadata"]
    item["metadata"] = {key: meta[key] for key in ("name", "namespace", "creationTimestamp") if key in meta}
    # Not cut short: what Pod Security refuses names every field at its end.
    item["message"] = hide.masked(str(item.get("message") or "")[: LONGEST * 2], known)
    item.pop("managedFields", None)


def _walk(item: Any, known: Known) -> None:
    """Mask the texts below ``spec`` and ``status``; the values of variables by their names."""
    for part in ("spec", "status", "webhooks", "rules", "subjects", "roleRef", "endpoints", "ports", "data"):
        if part in item:
            item[part] = _deep(item[part], known)


def _deep(value: Any, known: Known) -> Any:
    if isinstance(value, dict):
        if "name" in value and isinstance(value.get("value"), str):
            return {**value, "value": hide.value(str(value["name"]), value["value"][:LONGEST], known)}
        return {key: "" if key == "caBundle" else _deep(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_deep(each, known) for each in value]
    return hide.masked(value[:LONGEST], known) if isinstance(value, str) else value
