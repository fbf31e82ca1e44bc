"""What this machine built under each name: the engine's own word for it is only the name, which anyone can move.

One file for all checkouts of this user: equal sources have equal names in each. Without it (another machine, a folder
that was cleaned) an image counts by its label alone.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubetasks import state
from kubetasks.errors import StateUnavailable
from kubetasks.targets.base import Target

NAME: Final = "images.json"
# How many references are kept, and how many contents of each.
_REFERENCES: Final = 300
_CONTENTS: Final = 6


@dataclass(frozen=True)
class Ledger:
    """The builds on this machine.

    Args:
        root: the project's root; its copies of contexts go to its state folder.
        engine: which engine: empty for the host's own, else the name of the target that has one.
    """

    root: Path
    engine: str = ""

    @classmethod
    def of(cls, root: Path, target: Target) -> "Ledger":
        """The builds for one target."""
        return cls(root, "" if target.own_engine else target.name)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((state.home() / NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError, StateUnavailable):
            return {}
        return found if isinstance(found, dict) else {}

    def _key(self, name: str) -> str:
        return f"{name} {self.engine}".strip()

    def _section(self, name: str) -> dict[str, Any]:
        found = self._read().get(self._key(name))
        return found if isinstance(found, dict) else {}

    def _write(self, sections: Mapping[str, Any]) -> None:
        """Notes are a help, not a condition: a folder that cannot be written is no error."""
        change = {self._key(name): section for name, section in sections.items()}
        with contextlib.suppress(OSError, StateUnavailable):
            path = state.home() / NAME
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = path.with_name(f".{NAME}.{os.getpid()}")
            part.write_text(json.dumps({**self._read(), **change}, indent=1), encoding="utf-8")
            part.chmod(0o600)
            part.replace(path)

    def built(self, reference: str) -> dict[str, dict[str, str]]:
        """Identity to the bases (name to the engine's ID) of each content that was built under a name."""
        found = self._section("built").get(reference)
        return {key: dict(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def pending(self, reference: str) -> bool:
        """Whether a content was rebuilt under a name and is not deployed yet."""
        return reference in self._section("pending")

    def note(self, reference: str, identity: str, bases: Mapping[str, str], *, pending: bool = False) -> None:
        """Note what was built.

        Args:
            reference: ``repository:tag``.
            identity: the content.
            bases: the images that it was built from, each with its ID.
            pending: whether it replaces an earlier content that may be deployed.
        """
        built = self._section("built")
        contents = {**self.built(reference)}
        contents.pop(identity, None)
        contents[identity] = dict(bases)
        built.pop(reference, None)
        built[reference] = dict(list(contents.items())[-_CONTENTS:])
        change: dict[str, Any] = {"built": dict(list(built.items())[-_REFERENCES:])}
        if pending:
            change["pending"] = {**self._section("pending"), reference: identity}
        self._write(change)

    def settle(self, references: Iterable[str]) -> None:
        """These names are deployed with what was built last."""
        pending, settled = self._section("pending"), {*references}
        if not settled.isdisjoint(pending):
            self._write({"pending": {key: value for key, value in pending.items() if key not in settled}})
