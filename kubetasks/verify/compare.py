"""Whether a live object still has every field that was rendered; what the API server adds does not matter."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from kubetasks.objects import VOLATILE, Object

# Lists that are maps at heart, with the field that names an entry: the merge keys of Kubernetes' own API
# (https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy). The first that fits wins.
MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "ports": ("name", "port", "containerPort"),
    "topologySpreadConstraints": ("topologyKey",),
    "hostAliases": ("ip",),
}
QUANTITIES: Final = frozenset({"limits", "requests", "capacity", "sizeLimit", "hard"})
SUFFIXES: Final[Mapping[str, Decimal]] = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
QUANTITY: Final = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|[KMGTPE]i?)?")


@dataclass(frozen=True)
class Difference:
    """One field of an object that is not as rendered.

    Args:
        path: the field, as ``spec.template.spec.containers[web].image``.
        wanted: the rendered value, as text.
        live: the value that exists; ``nothing`` where the field is missing.
    """

    path: str
    wanted: str
    live: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.wanted}, found {self.live}"

    def through(self, change: Callable[[str], str]) -> "Difference":
        """The same with each text changed, which is how secrets are hidden."""
        return Difference(change(self.path), change(self.wanted), change(self.live))

    def document(self) -> dict[str, str]:
        """The difference as JSON."""
        return {"path": self.path, "wanted": self.wanted, "live": self.live}


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number: ``500m`` is 0.5, ``1Gi`` is 1073741824. None for what is none.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = QUANTITY.fullmatch(str(value))
    if found is None or isinstance(value, bool):
        return None
    try:
        return Decimal(found[1]) * SUFFIXES[found[2] or ""]
    except (InvalidOperation, KeyError):
        return None


def differences(rendered: Object, live: Object) -> list[Difference]:
    """Each rendered field whose value in the live object is another one."""
    return list(_mapping(_asked(rendered), live, ""))


def _asked(item: Object) -> Object:
    """The object without what no one asks for: the status, and what the API server writes into the metadata."""
    kept = {key: value for key, value in item.items() if key != "status"}
    kept["metadata"] = {key: value for key, value in item.get("metadata", {}).items() if key not in VOLATILE}
    return kept


def _empty(value: Any) -> bool:
    # The API server drops what is empty, or fills it with defaults.
    return value is None or value in ({}, [], "")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value) or '""'
    # Not cut: the redactor, which comes later, knows whole secrets only.
    return text if len(text) <= 160 else f"a value of {len(text)} characters"


def _mapping(rendered: Mapping[str, Any], live: Any, path: str) -> Iterator[Difference]:
    if not isinstance(live, Mapping):
        yield Difference(path, _shown(dict(rendered)), _shown(live))
        return
    for key, value in rendered.items():
        # A key with dots in it (an annotation, a label, a file in a ConfigMap) is put in brackets.
        below = f"{path}[{key}]" if "." in key or "/" in key else f"{path}.{key}" if path else key
        yield from _value(value, live.get(key), below, key, quantities=path.rpartition(".")[2] in QUANTITIES)


def _value(rendered: Any, live: Any, path: str, key: str, *, quantities: bool) -> Iterator[Difference]:
    if _empty(rendered) and (_empty(live) or not isinstance(rendered, str)):
        return
    if isinstance(rendered, Mapping):
        yield from _mapping(rendered, live, path)
    elif isinstance(rendered, list):
        yield from _sequence(rendered, live, path, key)
    elif not _same(rendered, live, as_quantity=quantities or key in QUANTITIES):
        yield Difference(path, _shown(rendered), _shown(live))


def _same(rendered: Any, live: Any, *, as_quantity: bool) -> bool:
    if as_quantity:
        left, right = quantity(rendered), quantity(live)
        if left is not None and right is not None:
            return left == right
    return bool(rendered == live) and isinstance(rendered, bool) == isinstance(live, bool)


def _key_of(items: Sequence[Any], name: str) -> str | None:
    """The field that names each entry of a list, or None."""
    for key in MERGE_KEYS.get(name, ("name",)):
        values = [item.get(key) for item in items if isinstance(item, Mapping)]
        if len(values) == len(items) and None not in values and len(set(map(str, values))) == len(values):
            return key
    return None


def _sequence(rendered: list[Any], live: Any, path: str, name: str) -> Iterator[Difference]:
    if not isinstance(live, list):
        yield Difference(path, _shown(rendered), _shown(live))
        return
    key = _key_of(rendered, name)
    if key is not None:
        found = {str(item.get(key)): item for item in live if isinstance(item, Mapping)}
        for item in rendered:
            yield from _entry(item, found.get(str(item[key])), f"{path}[{item[key]}]")
        return
    if not any(isinstance(item, Mapping) for item in rendered):
        if rendered != live:
            yield Difference(path, _shown(rendered), _shown(live))
        return
    if len(rendered) != len(live):
        yield Difference(path, f"{len(rendered)} entries", str(len(live)))
        return
    for index, (left, right) in enumerate(zip(rendered, live, strict=True)):
        yield from _value(left, right, f"{path}[{index}]", name, quantities=False)


def _entry(rendered: Mapping[str, Any], live: Any, path: str) -> Iterator[Difference]:
    if live is None:
        yield Difference(path, _shown(dict(rendered)), _shown(None))
    else:
        yield from _mapping(rendered, live, path)
