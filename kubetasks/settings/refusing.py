"""The error for a setting that is rejected: where it was set, what is wrong, and what to write instead."""

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from kubetasks.documents import Located
from kubetasks.errors import SettingsError, UsageError
from kubetasks.settings.checking import LABEL_RULE
from kubetasks.settings.fault import Fault
from kubetasks.settings.sections import Settings
from kubetasks.settings.walk import hint_at, hints, struct_in, value_type

ENVIRONMENT_PREFIX: Final = "KUBETASKS_"
SEE: Final = "see docs/settings.md"
# Finds the text of a key in the file that it was read from.
Locate = Callable[[Sequence[str]], Located | None]

# What YAML makes of an unquoted text, in words; by the type's name in msgspec's messages.
IN_YAML: Final = {
    "bool": "a boolean",
    "int": "a number",
    "float": "a number",
    "date": "a date",
    "datetime": "a date",
    "null": "no value",
    "array": "a list",
    "object": "a mapping",
}


def nowhere(path: Sequence[str]) -> None:
    """A ``Locate`` for settings that were read from no file."""


def variable(path: str) -> str:
    """The environment variable that sets a path."""
    for free in ("config.", r"services\.[^.]+\.build_args\."):
        found = re.match(f"({free})(.+)", path)
        if found:
            return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", found[1]).upper() + found[2]
    return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", path).upper()


def flag(path: str) -> str:
    """The flag that sets a path."""
    return "--" + {"deployer": "with"}.get(path, path.rpartition(".")[2].replace("_", "-"))


def place(path: str, over: Mapping[str, Any], found: Located | None = None) -> str:
    """A setting by the name of the place it came from.

    Args:
        path: the dotted path.
        over: what the environment sets.
        found: its position in its file.
    """
    if at(over, path.partition("[")[0]) is not None:
        return f"setting {variable(path)} in the environment"
    return f"setting `kubetasks.{path}`" + (f" ({found.name}, line {found.line})" if found else "")


def at(nested: Any, path: str) -> Any:
    """The value at a dotted path; None if there is none."""
    parts = path.split(".")
    while parts:
        # A name of the user's may hold dots.
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            if isinstance(nested, Mapping) and name in nested:
                nested, parts = nested[name], parts[end:]
                break
        else:
            return None
    return nested


def of_fault(fault: Fault, over: Mapping[str, Any], flags: Mapping[str, Any]) -> SettingsError | UsageError:
    """The error for a value that cannot work."""
    if fault.path in flags:
        return UsageError(f"{flag(fault.path)} {flags[fault.path]}", why=fault.why, fix=fault.fix)
    return SettingsError(place(fault.path, over), why=fault.why, fix=fault.fix)


def of_type(
    error: msgspec.ValidationError, merged: Mapping[str, Any], over: Mapping[str, Any], locate: Locate
) -> SettingsError:
    """The error for a value of the wrong type."""
    reason, where = _parts(error)
    keys = _keys(where, merged)
    path = ".".join(keys).replace(".[", "[")
    value = _reach(merged, keys)
    choices = _choices(path, value)
    if choices:
        return SettingsError(place(path, over), why="unknown value", fix=choices)
    found = locate(["kubetasks", *keys]) if at(over, path.partition("[")[0]) is None else None
    got = re.fullmatch(r"Expected `str`, got `(\w+)`", reason)
    if got:
        why, fix = _quoted(keys[-1], got[1], value, found)
        return SettingsError(place(path, over, found), why=why, fix=fix)
    return SettingsError(place(path, over, found), why=reason, fix=SEE)


def of_flag(error: msgspec.ValidationError, given: Mapping[str, Any]) -> UsageError:
    """The error for a flag's value that is not possible."""
    reason, path = _parts(error)
    choices = _choices(path, given.get(path))
    return UsageError(f"{flag(path)} {given.get(path)}", why="unknown value" if choices else reason, fix=choices or SEE)


def _parts(error: msgspec.ValidationError) -> tuple[str, str]:
    """What msgspec says, and where."""
    reason, _, where = str(error).partition(" - at ")
    # Every pattern of the sections stands for a DNS label (RFC 1123).
    return LABEL_RULE if "matching regex" in reason else reason, where.strip("`").removeprefix("$").removeprefix(".")


def _choices(path: str, value: Any) -> str:
    """``choose one of …`` for a key with named values, with the nearest one; empty for any other key."""
    hint = hint_at(path)
    if get_origin(hint) is not Literal:
        return ""
    options = [str(option) for option in get_args(hint)]
    near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.4)
    return f"choose one of {', '.join(options)}" + (f" (did you mean {near[0]}?)" if near else "")


def _keys(where: str, nested: Any) -> list[str]:
    """A path as msgspec gives it as its keys, with the user's own name instead of ``[...]``; ``[0]`` is an entry."""
    hint: Any = Settings
    found: list[str] = []
    for part in re.findall(r"[^.\[\]]+|\[[^\]]*\]", where):
        if part == "[...]":
            hint = value_type(hint)
            items = nested.items() if isinstance(nested, Mapping) else ()
            name = next((str(name) for name, each in items if _ill_typed(each, hint)), part)
        elif part.startswith("["):
            hint, name = value_type(hint), part
        else:
            section = struct_in(hint)
            hint = hints(section).get(part) if section is not None else None
            name = part
        found.append(name)
        nested = _reach(nested, [name])
    return found


def _ill_typed(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint, strict=True)
    except msgspec.ValidationError:
        return True
    return False


def _reach(nested: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(nested, list) and re.fullmatch(r"\[\d+\]", key):
            nested = nested[int(key[1:-1])]
        else:
            nested = nested.get(key) if isinstance(nested, Mapping) else None
    return nested


def _quoted(key: str, got: str, value: Any, found: Located | None) -> tuple[str, str]:
    """Why an unquoted text is not one, and how to write it."""
    kind = IN_YAML.get(got, got)
    before = "- " if key.startswith("[") else f"{key}: "
    if got in {"array", "object"}:
        return f"it holds text, and this is {kind}", f'write it as one text in quotes: {before}"…"'
    if got == "null":
        return "it has no value", f'write {before}"" for an empty text, or remove the line'
    raw = (
        found.text if found else {True: "true", False: "false"}.get(value, str(value)) if got == "bool" else str(value)
    )
    return f"it holds text, and YAML reads {raw} as {kind}", f"put it in quotes: {before}{json.dumps(raw)}"
