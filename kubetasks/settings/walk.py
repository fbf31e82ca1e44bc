"""Walks through the settings' classes: every key, the schema, and the value at a path."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from kubetasks.settings.sections import Section, Settings


def struct_in(hint: Any) -> type[Section] | None:
    """The section class behind an annotation, looking through Annotated."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint if isinstance(hint, type) and issubclass(hint, Section) else None


def value_type(hint: Any) -> Any:
    """What a mapping or list holds; None for anything else."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {dict, list}:
        return get_args(hint)[-1]
    return None


def hints(section: type[Section]) -> dict[str, Any]:
    """The annotation of each key of a section, by the key's name in a file."""
    found = get_type_hints(section, include_extras=True)
    return {each.encode_name: found[each.name] for each in msgspec.structs.fields(section)}


def keys(section: type[Section] = Settings, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every key below a section as (dotted path, default, description).

    ``*`` stands for a name of the user's, or for each entry of a list. A key that must be given has no default:
    ``msgspec.NODEFAULT``.
    """
    annotations = hints(section)
    for item in msgspec.structs.fields(section):
        hint = annotations[item.encode_name]
        described = next((m.description for m in get_args(hint)[1:] if isinstance(m, Meta) and m.description), "")
        path = f"{prefix}{item.encode_name}"
        inner = struct_in(hint)
        if inner is not None:
            yield from keys(inner, f"{path}.")
            continue
        default = item.default_factory() if item.default_factory is not msgspec.NODEFAULT else item.default
        yield path, default, described
        held = struct_in(value_type(hint))
        if held is not None:
            yield from keys(held, f"{path}.*.")


def public_words(settings: Settings) -> set[str]:
    """The texts of the settings and the names in them, which are shown anyway.

    Values of ``config`` and of build arguments are not among them: someone may have put a secret there.
    """
    found: set[str] = set()
    waiting: list[Any] = [msgspec.to_builtins(settings)]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            found |= set(each)
            waiting += [value for key, value in each.items() if key not in {"config", "build_args"} or value == ""]
        elif isinstance(each, list):
            waiting += each
        elif isinstance(each, str):
            found.add(each)
    return found


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the ``kubetasks`` section."""
    document = msgspec.json.schema(Settings)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "kubetasks settings", **document}


def hint_at(path: str) -> Any:
    """The annotation of a key; None if a path leads through a name of the user's or nowhere."""
    section: type[Section] | None = Settings
    hint: Any = None
    for part in path.split("."):
        name, entry, _ = part.partition("[")
        hint = hints(section).get(name) if section is not None else None
        if entry:
            hint = value_type(hint)
        section = struct_in(hint)
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint
