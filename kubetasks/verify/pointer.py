"""JSON pointers (RFC 6901)."""

from collections.abc import Mapping
from typing import Any, Final


class Missing:
    """The type of ``MISSING``."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()


def parts(pointer: str) -> list[str]:
    """The steps of a pointer; none for the whole document."""
    if not pointer:
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.lstrip("/").split("/")]


def look(document: Any, pointer: str) -> Any:
    """What a pointer leads to; ``MISSING`` when it leads nowhere. A list also takes ``-1`` for its last entry."""
    for part in parts(pointer):
        if isinstance(document, Mapping) and part in document:
            document = document[part]
        elif isinstance(document, list) and (part.isdigit() or part == "-1") and int(part) < len(document) > 0:
            document = document[int(part)]
        else:
            return MISSING
    return document
