"""Which content a name stands for: judged by digests, not by the name.

A content is known by the digest of its configuration (the image ID of Docker's classic store and of the kubelet) and by
that of its manifest (a registry's, and the image ID of Docker's containerd store). Not every store tells both, so an
identity says which it is: ``config:sha256:…`` or ``manifest:sha256:…``.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from kubetasks.objects import DOMAIN, Objects, is_leaving, of_kind
from kubetasks.tools.docker import Inspected

CONFIG, MANIFEST = "config", "manifest"
# On every image that is built here: the service and the digest that it was built for.
LABEL: Final = f"{DOMAIN}/image"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Content:
    """What a store has under one name.

    Args:
        identities: the digests by which it is known there.
        made_for: the value of ``LABEL``, empty without one; None if the store does not tell.
    """

    identities: frozenset[str] = field(default_factory=frozenset)
    made_for: str | None = None


def identity(image: Inspected) -> str:
    """The identity that the engine gives to an image."""
    return f"{MANIFEST if image.is_manifest else CONFIG}:{image.id}"


def of_engine(image: Inspected) -> Content:
    """What the engine has."""
    return Content(frozenset({identity(image)}), image.labels.get(LABEL, ""))


def agree(one: Collection[str], other: Collection[str]) -> bool:
    """Whether two sets of identities can be of the same content. Sets without a common kind say nothing, and agree."""
    kinds = {each.partition(":")[0] for each in one} & {each.partition(":")[0] for each in other}
    return not kinds or not {each for each in one if each.partition(":")[0] in kinds}.isdisjoint(other)


def common(contents: Iterable[Content | None]) -> Content | None:
    """What several nodes have under one name; None when one lacks it, or has another content."""
    found: Content | None = None
    for content in contents:
        if content is None:
            return None
        if found is None:
            found = content
            continue
        same = found.identities & content.identities
        if not same:
            return None
        found = Content(same, found.made_for)
    return found


def running(live: Objects) -> dict[str, set[str]]:
    """Image reference to the digests of what pods run under that name, as their status reports it.

    Pods of Jobs and pods on their way out do not count: what they ran is no part of what is to run.
    """
    found: dict[str, set[str]] = {}
    for pod in of_kind(live, "Pod"):
        meta, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
        if is_leaving(pod) or "job-name" in (meta.get("labels") or {}):
            continue
        names = {
            each["name"]: each.get("image", "")
            for key in ("containers", "initContainers")
            for each in spec.get(key) or ()
        }
        states = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
        for state in states:
            digests = _DIGEST.findall(str(state.get("imageID", "")))
            if digests and names.get(state["name"]):
                found.setdefault(names[state["name"]], set()).add(digests[-1])
    return found
