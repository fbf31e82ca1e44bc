"""Checking the configuration that is proposed, and writing it without overwriting anything."""

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from kubetasks import documents
from kubetasks.errors import InitExists, InitUnusable, SettingsError
from kubetasks.init import text
from kubetasks.init.proposal import Proposal
from kubetasks.settings import Settings, check, checking, load

CONFIGURATION = "invoke.yaml"
TASKS = "tasks.py"
# Invoke reads the first of these that exists.
CONFIGURATIONS = ("invoke.yaml", "invoke.yml", "invoke.json", "invoke.py")


def existing(root: Path) -> str:
    """The configuration file that already exists; empty for none."""
    return next((name for name in CONFIGURATIONS if os.path.lexists(root / name)), "")


def refuse_existing(root: Path) -> None:
    """Refuse to write a configuration beside an existing one.

    Raises:
        InitExists: there is one.
    """
    name = existing(root)
    if name:
        raise InitExists(
            f"{name} already exists", why="init overwrites nothing", fix="see what it would write: inv init --print"
        )


def checked(proposal: Proposal, root: Path, generated: Collection[str] = ()) -> tuple[Proposal, Settings]:
    """A proposal that the settings' own reader accepts, with the settings; without its entry where only that is wrong.

    Raises:
        InitUnusable: it is refused.
    """
    try:
        return proposal, _load(proposal, root, generated)
    except SettingsError as error:
        if not (proposal.entry and "verify.entry" in error.what):
            raise InitUnusable(
                "what was read makes no valid configuration",
                why=error.line,
                fix="write invoke.yaml by hand; docs/settings.md has the keys",
            ) from None
    return checked(replace(proposal, entry=""), root, generated)


def _load(proposal: Proposal, root: Path, generated: Collection[str]) -> Settings:
    section = documents.load(text.configuration(proposal), invoke=True)["kubetasks"]
    settings = load(section, environ={})
    if not generated:  # else the manifests do not exist yet
        check(checking.missing(settings, root), section, {})
    return settings


def write(root: Path, files: dict[str, str], changed: Callable[[str], None]) -> list[str]:
    """Write files that do not exist yet; each is complete or absent. Returns the existing ones, which stay.

    Args:
        root: the folder.
        files: path to text.
        changed: called with the path of each file that was written.
    """
    kept = []
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            kept.append(path)
            continue
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(content)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        changed(path)
    return kept
