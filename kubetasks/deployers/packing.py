"""JSON-able values as short texts that a ConfigMap can hold, and reading them back when they were damaged."""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 20_000  # characters of a mapping that is kept unchanged; a longer one is packed
UNPACKED: Final = 128 * 1024 * 1024  # bytes; none of our records is larger
PACKED: Final = "gz:"


def _plain(value: Any) -> Any:
    """A value with nothing in it but what JSON has, every key a text: YAML has more."""
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else json.dumps(key, default=str): _plain(each) for key, each in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def pack(value: Any) -> str:
    """A JSON-able value as compressed text: the same text for the same value, on every machine."""
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)  # a gzip stream, without a time in it
    return base64.b64encode(squeezer.compress(text.encode()) + squeezer.flush()).decode()


def unpack(text: str) -> Any:
    """The value that ``pack`` packed.

    Raises:
        ValueError: it was cut off or changed, or is larger than any record.
    """
    reader = zlib.decompressobj(31)
    try:
        plain = reader.decompress(base64.b64decode(text, validate=True), UNPACKED)
    except (zlib.error, binascii.Error) as error:
        raise ValueError(str(error)) from None
    if not reader.eof:
        raise ValueError("it is cut off, or too large")
    return json.loads(plain)


def mapping_text(value: Mapping[str, Any]) -> str:
    """A mapping as text, packed where it is long."""
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST_TEXT else PACKED + pack(value)


def mapping_of(text: str) -> dict[str, Any]:
    """The mapping that a record holds; empty if it is damaged: then nothing equals it."""
    try:
        found = unpack(text.removeprefix(PACKED)) if text.startswith(PACKED) else json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
