"""Which values must not leave: every Secret of the namespace that the user may read, and what the user gave."""

import base64
import binascii
import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

from kubetasks.errors import KubetasksError
from kubetasks.objects import Object, Objects
from kubetasks.redact import Sensitive
from kubetasks.targets.base import Store

# Helm keeps a whole release in a Secret. No pod prints it, and as a value to look for it costs much.
LONGEST: Final = 65_536
HELM: Final = "helm.sh/release.v1"


def objects(store: Store) -> Objects | None:
    """The Secrets of a namespace; None if the user is not allowed to read them."""
    with contextlib.suppress(KubetasksError):
        return store.get(["Secret"])
    return None


def values(objects: Iterable[Object]) -> Iterator[Sensitive]:
    """The values that Secrets hold."""
    for item in objects:
        if item.get("kind") != "Secret" or item.get("type") == HELM:
            continue
        for text in (item.get("data") or {}).values():
            with contextlib.suppress(ValueError, TypeError, binascii.Error):
                value = base64.b64decode(text).decode(errors="surrogateescape")
                if value and len(value) <= LONGEST:
                    yield Sensitive(value)
        for text in (item.get("stringData") or {}).values():
            yield Sensitive(str(text))
