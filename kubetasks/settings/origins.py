"""Where the value of a setting comes from: a flag, an environment variable, a line of a file, or the default."""

from collections.abc import Collection, Mapping
from typing import Any

from kubetasks.documents import Located
from kubetasks.settings import refusing

DEFAULT = "default"


def origin(path: str, flags: Collection[str], over: Mapping[str, Any], found: Located | None, *, named: bool) -> str:
    """The place that decides on a setting, in words.

    Args:
        path: the dotted path.
        flags: the paths that flags of this command set.
        over: what the environment sets, nested.
        found: the place of the value in the file that decides, where that is known.
        named: whether a file gives the setting.
    """
    if path in flags:
        return f"flag {refusing.flag(path)}"
    if refusing.at(over, path) is not None:
        return f"environment {refusing.variable(path)}"
    if found is not None:
        return f"{found.name}, line {found.line}"
    return "a configuration file" if named else DEFAULT
