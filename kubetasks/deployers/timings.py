"""When the steps of the last deploy ran, kept on this machine: a report of ``inv verify`` shows them too.

One file for all checkouts of this user, beside the one of the builds. It is a help: without it a report shows less.
"""

import contextlib
import datetime as dt
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from kubetasks import state
from kubetasks.deployers.history import Revision
from kubetasks.errors import StateUnavailable
from kubetasks.settings import Settings
from kubetasks.targets.base import Target
from kubetasks.verify.timeline import Span

NAME: Final = "timings.json"
# How many deployments are remembered.
KEPT: Final = 50
# Seconds after which a deploy is no longer what led to a verification.
RECENT: Final = 900.0


def _key(root: Path, target: Target, settings: Settings) -> str:
    context = target.cluster.context if target.cluster is not None else ""
    return " ".join([str(root), target.name, context, settings.in_namespace])


def _read() -> dict[str, Any]:
    try:
        found = json.loads((state.home() / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, StateUnavailable):
        return {}
    return found if isinstance(found, dict) else {}


def save(root: Path, target: Target, settings: Settings, revision: Revision, spans: Sequence[Span]) -> None:
    """Keep the steps of a deploy that ended. A folder that cannot be written is no error."""
    key = _key(root, target, settings)
    kept = {name: value for name, value in _read().items() if name != key}
    steps = [{**asdict(each), "started": each.started.isoformat()} for each in spans]
    kept[key] = {"revision": revision.number, "at": revision.at, "steps": steps}
    _write(kept)


def forget(root: Path, target: Target, settings: Settings) -> None:
    """Keep nothing of a deployment that was destroyed."""
    known, key = _read(), _key(root, target, settings)
    if known.pop(key, None) is not None:
        _write(known)


def _write(kept: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError, StateUnavailable):
        path = state.home() / NAME
        if not kept:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{NAME}.{os.getpid()}")
        part.write_text(json.dumps(dict(list(kept.items())[-KEPT:]), indent=1), encoding="utf-8")
        part.chmod(0o600)
        part.replace(path)


def before(
    root: Path, target: Target, settings: Settings, last: Revision | None, *, now: dt.datetime | None = None
) -> list[Span]:
    """The steps of the deploy that made the newest revision; none where it was not made here, or not just before."""
    found = _read().get(_key(root, target, settings))
    if last is None or not isinstance(found, Mapping):
        return []
    if (found.get("revision"), found.get("at")) != (last.number, last.at):
        return []
    try:
        spans = [Span(**{**each, "started": dt.datetime.fromisoformat(each["started"])}) for each in found["steps"]]
        ended = max(each.ended for each in spans)
        age = ((now or dt.datetime.now(dt.UTC)) - ended).total_seconds()
    except (KeyError, TypeError, ValueError):
        return []
    return spans if 0 <= age <= RECENT else []
