"""Invoke's configuration files, read strictly: a duplicate key, or one that is not a string, is rejected."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from invoke.config import Config

from kubetasks import documents
from kubetasks.errors import SettingsError

# The levels that are files, the one that goes first first; what Invoke's configuration calls each.
FILES: Final = ("runtime", "project", "user", "system")
YAML: Final = (".yaml", ".yml")


def read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file.

    Raises:
        SettingsError: it is not valid, gives a key twice, or is not a mapping.
        OSError: it cannot be read.
        UnicodeDecodeError: it is not UTF-8.
    """
    text = path.read_text(encoding="utf-8")
    try:
        found = documents.load(text, invoke=True) if path.suffix in YAML else json.loads(text, object_pairs_hook=_once)
    except documents.NotYamlError as error:
        where = f"{path}, line {error.line}" if error.line else str(path)
        raise SettingsError(f"{where} cannot be used", why=error.why, fix="fix that line") from None
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path}, line {error.lineno} is not valid JSON", why=error.msg, fix="fix it") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SettingsError(f"{path} cannot be used", why="it is not a mapping", fix="docs/settings.md lists the keys")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise documents.NotYamlError(f"key `{key}` is defined twice in one object")
        found[key] = value
    return found


class Configuration(Config):
    """Invoke's configuration with files that are read strictly."""

    def _load_yaml(self, path: Any) -> Any:
        return read(Path(path))

    _load_yml = _load_yaml
    _load_json = _load_yaml

    def set_runtime_path(self, path: Any) -> None:
        """As Invoke; an empty path (an empty INVOKE_RUNTIME_CONFIG) counts as none."""
        super().set_runtime_path(path or None)


def files(config: Config) -> Iterator[Path]:
    """The files that a configuration was read from, the one that goes first first."""
    for level in FILES:
        if getattr(config, f"_{level}_found"):
            yield Path(getattr(config, f"_{level}_path"))


def check(config: Config) -> None:
    """Refuse files that Invoke itself has read and that ``read`` would not take.

    Raises:
        SettingsError: as ``read``.
    """
    if not isinstance(config, Configuration):
        for path in files(config):
            if path.suffix in {*YAML, ".json"}:
                read(path)


def locate(config: Config, keys: Sequence[str]) -> documents.Located | None:
    """Where a key stands, in the file that decides on it; None if no YAML file has it."""
    for path in files(config):
        if path.suffix in YAML:
            found = documents.locate(path.read_text(encoding="utf-8"), keys, path.name)
            if found is not None:
                return found
    return None


def given(section: Any, keys: Sequence[str]) -> Sequence[str]:
    """The part of a key's way that the files give: all of it, or up to a value that stands for all below it.

    Empty where no file gives the key.
    """
    for depth, key in enumerate(keys):
        if not hasattr(section, "keys"):
            return keys[:depth] if section is not None else ()
        if key not in section:
            return ()
        section = section[key]
    return keys
