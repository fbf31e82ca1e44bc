"""Flags over environment over file over defaults, to one frozen object; and the refusals, each with its path."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from kubetasks.errors import SettingsError
from kubetasks.settings import checking, profiles, refusing
from kubetasks.settings.fault import Fault
from kubetasks.settings.refusing import ENVIRONMENT_PREFIX, Locate
from kubetasks.settings.sections import Section, Settings
from kubetasks.settings.walk import hint_at, hints, keys, struct_in, value_type


def _unknown(value: Any, section: type[Section], path: str) -> None:
    """Reject the first key that no section knows, naming the nearest one that it does."""
    if not isinstance(value, Mapping):
        return
    known = hints(section)
    for key, inner in value.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            fix = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known))}"
            raise SettingsError(f"unknown setting `{path}.{key}`", fix=fix)
        below = struct_in(known[key])
        if below is not None:
            _unknown(inner, below, f"{path}.{key}")
        held = struct_in(value_type(known[key]))
        if held is not None and isinstance(inner, Mapping):
            for name, each in inner.items():
                _unknown(each, held, f"{path}.{key}.{name}")
        elif held is not None and isinstance(inner, list):
            for index, each in enumerate(inner):
                _unknown(each, held, f"{path}.{key}[{index}]")


def _plain(value: Any) -> Any:
    """Invoke's DataProxy and other mappings as plain dicts and lists."""
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def _normalise(section: dict[str, Any]) -> None:
    """Write out what may be written shorter: a list of manifests means their files."""
    if isinstance(section.get("manifests"), list):
        section["manifests"] = {"files": section["manifests"]}


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def from_environment(environ: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that environment variables name: ``KUBETASKS_KIND_NAME`` sets ``kind.name``.

    Keys below a name of the user's (``services.*``) can be set for the names in ``given``, those of ``config`` and of
    ``build_args`` freely. Numbers, booleans and comma-separated lists are read from their text.

    Raises:
        SettingsError: a variable with the prefix names no setting.
    """
    found: dict[str, Any] = {}
    known: dict[str, tuple[str, Any]] = {}
    for path, default, _ in keys():
        if struct_in(value_type(hint_at(path))) is not None and isinstance(default, list):
            continue  # no text stands for a list of sections
        if ".*." in path:
            outer, inner = path.split(".*.")
            names = list(given.get(outer) or {})
            paths = [f"{outer}.{name}.{inner}" for name in names]
        else:
            paths = [path]
        for each in paths:
            known[ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", each).upper()] = (each, default)
    free = _free(given)
    for name, text in environ.items():
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        mapping = next((prefix for prefix in free if name.startswith(prefix)), "")
        if mapping:
            key = name.removeprefix(mapping)
            _put(found, [*free[mapping], _program(key) if free[mapping] == ["programs"] else key], text)
            continue
        if name not in known:
            # Compared without the prefix, which would make any two of them look alike.
            tails = [each.removeprefix(ENVIRONMENT_PREFIX) for each in known]
            near = difflib.get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), tails, n=1, cutoff=0.5)
            fix = f"did you mean {ENVIRONMENT_PREFIX}{near[0]}?" if near else "unset it"
            raise SettingsError(f"unknown setting in the environment: {name}", fix=fix)
        path, default = known[name]
        value: Any = text
        if isinstance(default, bool):
            value = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}.get(
                text.lower(), text
            )
        elif isinstance(default, int):
            value = int(text) if re.fullmatch(r"-?\d+", text) else text
        elif isinstance(default, list):
            value = [part.strip() for part in text.split(",") if part.strip()]
        _put(found, path.split("."), value)
    return found


def _program(name: str) -> str:
    """The program that a variable's end names: ``KUBECTL_AI`` is ``kubectl-ai``."""
    return name.lower().replace("_", "-")


def _put(nested: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *outer, last = path
    for step in outer:
        nested = nested.setdefault(step, {})
    nested[last] = value


def _free(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The beginnings of variables that set any key of a mapping, with the way to it."""
    found = {"CONFIG_": ["config"], "PROGRAMS_": ["programs"], "POD_TEMPLATES_": ["pod_templates"]}
    for name in given.get("services") or {}:
        found[f"SERVICES_{re.sub(r'[.-]', '_', name).upper()}_BUILD_ARGS_"] = ["services", name, "build_args"]
    return {ENVIRONMENT_PREFIX + name: path for name, path in found.items()}


def load(
    section: Any,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    locate: Locate = refusing.nowhere,
) -> Settings:
    """The settings: flags over environment over the chosen profile over the file over defaults.

    Args:
        section: the ``kubetasks`` section of Invoke's configuration; a mapping, or None.
        flags: dotted path to value, as given on the command line; None and "" count as not given.
        environ: the environment; this process's own where None.
        locate: finds a key's text and line in the file that ``section`` was read from.

    Raises:
        SettingsError: a key is unknown or ill-typed, with its path and, where there is one, the nearest known key; or
            values cannot work together.
        UsageError: a flag's value is not one of the possible ones.
    """
    file = _plain(section) if section is not None else {}
    if not isinstance(file, dict):
        raise SettingsError("setting `kubetasks`", why="it must be a mapping", fix="see docs/settings.md")
    environ = os.environ if environ is None else environ
    _normalise(file)
    _unknown(file, Settings, "kubetasks")
    overlays = dict(profiles.overlays(file))
    for each, overlay in overlays.items():
        _normalise(overlay)
        _unknown(overlay, Settings, f"kubetasks.profiles.{each}")
    profile = profiles.chosen(file, flags or {}, environ)
    if profile:
        file = _merge(file, profiles.pick(overlays, profile, flags or {}))
    over = from_environment(environ, file)
    merged = _merge(file, over)
    try:
        settings = msgspec.convert(merged, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise refusing.of_type(error, merged, over, locate) from None
    given = {path: value for path, value in (flags or {}).items() if value not in (None, "")}
    if given:
        nested: dict[str, Any] = {}
        for path, value in given.items():
            _put(nested, path.split("."), value)
        try:
            settings = msgspec.convert(_merge(merged, nested), Settings, strict=True)
        except msgspec.ValidationError as error:
            raise refusing.of_flag(error, given) from None
    for fault in checking.faults(settings):
        raise refusing.of_fault(fault, over, given)
    return settings


def check(faults: Iterable[Fault], section: Any = None, environ: Mapping[str, str] | None = None) -> None:
    """Refuse what is wrong with settings that ``load`` gave.

    Args:
        faults: from ``checking``; the first one counts.
        section: as for ``load``.
        environ: as for ``load``; says which variable is at fault.

    Raises:
        SettingsError: there is one.
    """
    for fault in faults:
        over = from_environment(os.environ if environ is None else environ, _plain(section or {}))
        raise refusing.of_fault(fault, over, {})
