"""Kubernetes quantities (``250m``, ``64Mi``, ``1e3``) as numbers, and numbers as quantities.

The grammar is that of ``k8s.io/apimachinery/pkg/api/resource``.
"""

import math
import re
from typing import Final

SUFFIXES: Final = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
QUANTITY: Final = re.compile(r"([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)([numkMGTPE]?|[KMGTPE]i)")
BYTES: Final = ("memory", "storage", "ephemeral-storage", "hugepages")


def parse(text: object) -> float | None:
    """The number behind a quantity: cores, bytes or a count; None for what is no quantity."""
    found = QUANTITY.fullmatch(str(text).strip())
    return float(found[1]) * SUFFIXES[found[2]] if found else None


def amount(text: object) -> float:
    """Like ``parse``, with 0 for what is no quantity."""
    return parse(text) or 0.0


def is_bytes(resource: str) -> bool:
    """Whether a resource (also ``limits.memory``, ``requests.storage``) is counted in bytes."""
    return any(part in resource for part in BYTES)


def shown(value: float, resource: str) -> str:
    """A number as the shortest usual quantity of a resource: ``250m``, ``1.5Gi``, ``3``."""
    if is_bytes(resource):
        return _bytes(value)
    if "cpu" in resource and not float(value).is_integer():
        return f"{round(value * 1000)}m"
    return f"{value:g}"


def _bytes(value: float) -> str:
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        size = SUFFIXES[suffix]
        if abs(value) >= size:
            number = value / size
            text = f"{number:.0f}" if number >= 100 or float(number).is_integer() else f"{number:.1f}"
            return f"{text.removesuffix('.0')}{suffix}"
    return f"{value:.0f}"


def floor(value: float, resource: str) -> str:
    """A quantity that is not above ``value`` and can be written into a spec."""
    if is_bytes(resource):
        return f"{max(int(value // SUFFIXES['Mi']), 1)}Mi"
    if "cpu" in resource:
        return f"{max(int(value * 1000), 1)}m"
    return str(max(int(value), 0))


def doubled(text: str, resource: str = "memory", least: float = 2.0**27) -> str:
    """Twice a quantity, at least ``least``, rounded up to a usual size: the next step of a limit that is too low."""
    value = max(amount(text) * 2, least)
    if is_bytes(resource):
        size = 2.0 ** math.ceil(math.log2(value))
        return f"{size / 2**30:g}Gi" if size >= 2**30 else f"{size / 2**20:g}Mi"
    return shown(value, resource)
