"""Profiles: settings for one environment, such as staging or production, over those for all of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubetasks.errors import SettingsError, UsageError
from kubetasks.settings.fault import nearest

VARIABLE: Final = "KUBETASKS_PROFILE"
OWN: Final = ("profile", "profiles")


def chosen(file: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """The name of the profile that applies: by the flag, the variable or the file; empty for none."""
    for name in (flags.get("profile"), environ.get(VARIABLE), file.get("profile")):
        if name and isinstance(name, str):  # anything else is refused by its type
            return name
    return ""


def overlays(file: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each profile of a file, by name.

    Raises:
        SettingsError: one is not a mapping, or chooses a profile itself.
    """
    held = file.get("profiles") or {}
    if not isinstance(held, Mapping):
        raise SettingsError("setting `kubetasks.profiles`", why="it is not a mapping", fix="name each profile")
    for name, overlay in held.items():
        at = f"kubetasks.profiles.{name}"
        if not isinstance(overlay, Mapping):
            raise SettingsError(f"setting `{at}`", why="it is not a mapping", fix="give it settings, or remove it")
        for key in OWN:
            if key in overlay:
                raise SettingsError(f"setting `{at}.{key}`", why="a profile cannot choose a profile", fix="remove it")
        yield str(name), dict(overlay)


def pick(found: Mapping[str, dict[str, Any]], name: str, flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a profile.

    Raises:
        UsageError: a flag names one that does not exist.
        SettingsError: a variable or a file does.
    """
    if name in found:
        return found[name]
    fix = nearest(name, found, "profiles")
    if flags.get("profile") == name:
        raise UsageError(f"--profile {name}", why="there is no such profile", fix=fix)
    raise SettingsError(f"setting `kubetasks.profile` is {name}", why="there is no such profile", fix=fix)
