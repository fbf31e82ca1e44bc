"""What a journey expects of a value: a plain value for equality, or a mapping of matchers."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kubetasks.verify.pointer import MISSING, look

SHOWN: Final = 80
TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip


def _contains(wanted: Any, found: Any) -> bool:
    if isinstance(found, str):
        return str(wanted).lower() in found.lower()
    return isinstance(found, (list, dict)) and wanted in found


def _type(wanted: Any, found: Any) -> bool:
    return isinstance(found, TYPES[wanted]) and (wanted == "boolean") == isinstance(found, bool)


def _any(wanted: Any, found: Any) -> bool:
    return isinstance(found, list) and any(not list(unmet(wanted, each)) for each in found)


# Each takes what the journey wants and what was found.
MATCHERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda wanted, found: bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool),
    "contains": _contains,
    "lacks": lambda wanted, found: isinstance(found, (str, list, dict)) and not _contains(wanted, found),
    "matches": lambda wanted, found: isinstance(found, str) and re.search(str(wanted), found) is not None,
    "type": _type,
    "length": lambda wanted, found: isinstance(found, (str, list, dict)) and len(found) == wanted,
    "exists": lambda wanted, found: wanted == (found is not MISSING),
    "any": _any,
    "none": lambda wanted, found: isinstance(found, list) and not _any(wanted, found),
}


def is_matcher(wanted: Any) -> bool:
    """Whether a mapping consists of matchers."""
    return isinstance(wanted, Mapping) and bool(wanted) and set(wanted) <= set(MATCHERS)


def malformed(wanted: Any, path: str) -> Iterator[str]:
    """What is wrong with an expectation as it is written, by path."""
    if not isinstance(wanted, Mapping):
        return
    for key, value in wanted.items():
        if key not in MATCHERS:
            yield f"{path}: unknown matcher `{key}`; there are {', '.join(MATCHERS)}"
        elif key in {"any", "none"}:
            yield from pointers(value, f"{path}.{key}")
        elif key == "type" and value not in TYPES:
            yield f"{path}.type: unknown type `{value}`; there are {', '.join(TYPES)}"
        elif key == "matches":
            try:
                re.compile(str(value))
            except re.error as error:
                yield f"{path}.matches: {error}"


def pointers(wanted: Any, path: str) -> Iterator[str]:
    """What is wrong with a mapping of JSON pointers to expectations."""
    if not isinstance(wanted, Mapping):
        yield f"{path}: expected a mapping of JSON pointers"
        return
    for pointer, each in wanted.items():
        if pointer and not str(pointer).startswith("/"):
            yield f"{path}: `{pointer}` is not a JSON pointer; it begins with /"
        yield from malformed(each, f"{path}[{pointer}]")


def unmet(wanted: Mapping[str, Any], document: Any, name: str = "body") -> Iterator[str]:
    """The expectations (by JSON pointer) that a document does not meet, without what was found in it."""
    for pointer, each in wanted.items():
        yield from unlike(each, look(document, pointer), f"{name}{pointer}")


def unlike(wanted: Any, found: Any, name: str) -> Iterator[str]:
    """The matchers that a value does not meet."""
    matchers = wanted if is_matcher(wanted) else {"equals": wanted}
    for matcher, value in matchers.items():
        if found is MISSING and matcher != "exists":
            yield f"{name} is missing"
        elif not MATCHERS[matcher](value, found):
            yield f"{name}: expected {matcher} {value}, found {_kind(found)}"


def _kind(value: Any) -> str:
    """A short description of the actual value: long texts are not cut, as half a token would still be one."""
    if isinstance(value, str):
        return f"text: {value}" if len(value) <= SHOWN else f"a text of {len(value)} characters"
    if isinstance(value, (list, dict)):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return str(value)
