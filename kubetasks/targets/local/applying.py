"""What an API server does with an object that is applied: checks it, merges it, keeps its metadata. Pure."""

import base64
import re
import time
import uuid
from collections.abc import Mapping
from typing import Final

from kubetasks.errors import ApplyFailed
from kubetasks.objects import VOLATILE, Object, identity
from kubetasks.targets.local import entry

NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
KIND: Final = re.compile(r"[A-Z][A-Za-z]{0,62}")
# Source: the validation of the apps and batch groups, pkg/apis/*/validation of kubernetes/kubernetes.
IMMUTABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates"),
    "Job": ("selector", "template", "completions"),
}


def matches(labels: Mapping[str, str], selector: str) -> bool:
    """Whether labels satisfy ``key=value``, ``key!=value`` and ``key``, separated by commas."""
    for part in filter(None, (each.strip() for each in selector.split(","))):
        key, sign, value = (text.strip() for text in re.fullmatch(r"([^=!]+)(!=|==?|)(.*)", part, re.DOTALL).groups())  # type: ignore[union-attr]
        if (sign == "!=" and labels.get(key) == value) or (sign in {"=", "=="} and labels.get(key) != value):
            return False
        if not sign and key not in labels:
            return False
    return True


def _asked(item: Object) -> Object:
    """An object without what the server adds."""
    meta = {key: value for key, value in item["metadata"].items() if key not in VOLATILE}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": meta}


def _refused(item: Object, why: str) -> ApplyFailed:
    return ApplyFailed(f"{identity(item)} was refused", why=why, fix="nothing was changed; mend it and deploy again")


def merged(item: Object, old: Object | None, namespace: str) -> Object:
    """What is stored after ``item`` is applied on top of ``old``: the very same object when nothing changed.

    All is applied by one manager, so that server-side apply comes to: what is no longer asked for goes.

    Raises:
        ApplyFailed: as an API server would refuse it.
    """
    meta = item.get("metadata") or {}
    kind, name = item.get("kind") or "", meta.get("name") or ""
    if not (item.get("apiVersion") and KIND.fullmatch(str(kind)) and NAME.fullmatch(str(name))):
        raise ApplyFailed(
            f"{kind or 'object'} {name or 'without a name'} was refused",
            why="apiVersion, kind and a valid metadata.name are required",
            fix="nothing was changed; mend it and deploy again",
        )
    version = meta.get("resourceVersion")
    if version and (old is None or version != old["metadata"]["resourceVersion"]):
        raise _refused(
            item, "the object has been modified; please apply your changes to the latest version and try again"
        )
    scope = {} if item["kind"] == "Namespace" else {"namespace": namespace}
    asked = _asked({**item, "metadata": {**meta, **scope}})
    if item["kind"] == "Secret" and "stringData" in asked:
        plain = {key: base64.b64encode(str(value).encode()).decode() for key, value in asked.pop("stringData").items()}
        asked["data"] = {**(asked.get("data") or {}), **plain}
    if old is not None and _asked(old) == asked:
        return old
    for each in IMMUTABLE.get(item["kind"], ()) if old is not None else ():
        if old is not None and (old["spec"].get(each) != asked["spec"].get(each)):
            raise _refused(item, f"spec.{each}: field is immutable")
    added = {
        "uid": old["metadata"]["uid"] if old else str(uuid.uuid4()),
        "creationTimestamp": old["metadata"]["creationTimestamp"] if old else entry.now(),
        "resourceVersion": str(time.time_ns()),
    }
    if "spec" in asked:
        before = old["metadata"].get("generation", 1) if old else 0
        added["generation"] = before + (old is None or old.get("spec") != asked["spec"])
    return {**asked, "metadata": {**asked["metadata"], **added}}
