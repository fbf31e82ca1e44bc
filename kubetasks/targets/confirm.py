"""Whether a change is there: what was sent, what was answered, and what the cluster shows afterwards. Pure.

A program that was started with other defaults, or something in its place, may report a change that was never made.
"""

from collections.abc import Iterator
from typing import Any

from kubetasks.objects import Object, Objects, by_identity, identity, is_leaving

# What an object may lose or gain between the answer and the look without having been changed.
NOT_OURS = frozenset({"status"})


def unapplied(sent: Objects, answered: Objects, live: Objects) -> list[str]:
    """What was applied and is not there, a reason each; empty where all of it is.

    Only fields that were sent, and that the API server answered as they were sent, are compared: it may have written
    others in its own way (``1000m`` as ``1``).

    Args:
        sent: the objects that were sent.
        answered: what the API server said they are then.
        live: what it shows afterwards.
    """
    answers, there = by_identity(answered), by_identity(live)
    found = []
    for item in sent:
        name = identity(item)
        answer, now = answers.get(name), there.get(name)
        if answer is None:
            found.append(f"{name} was not answered")
        elif now is None:
            found.append(f"{name} is not there")
        elif is_leaving(now):
            found.append(f"{name} is being deleted")
        else:
            path = next(_different(item, answer, now), None)
            if path is not None:
                found.append(f"{name} has another {path}")
    return found


def _different(sent: Any, answer: Any, now: Any, path: str = "") -> Iterator[str]:
    """The paths of values that were answered as sent, and are others now. Never the values: they may be secret."""
    if isinstance(sent, dict):
        if isinstance(answer, dict):
            for key, value in sent.items():
                if path or key not in NOT_OURS:
                    below = now.get(key) if isinstance(now, dict) else None
                    yield from _different(value, answer.get(key), below, f"{path}.{key}".lstrip("."))
    elif isinstance(sent, list):
        if isinstance(answer, list) and len(sent) == len(answer):
            held = now if isinstance(now, list) and len(now) == len(sent) else [None] * len(sent)
            for index, value in enumerate(sent):
                yield from _different(value, answer[index], held[index], f"{path}[{index}]")
    elif sent == answer and sent is not None and sent != now and path != "metadata.resourceVersion":
        yield path


def undeleted(deleted: Objects, live: Objects, *, waited: bool) -> list[str]:
    """What was deleted and is still there, a reason each; empty where all of it is gone.

    Args:
        deleted: the objects, with their UID where it is known: another object of that name is another one.
        live: what the API server shows afterwards.
        waited: whether they must be gone by now; else they may be on their way.
    """
    there = by_identity(live)
    found = []
    for item in deleted:
        name = identity(item)
        now = there.get(name)
        if now is None or not _same(item, now):
            continue
        if not is_leaving(now):
            found.append(f"{name} is still there")
        elif waited:
            held = ", ".join(now["metadata"].get("finalizers") or ()) or "its dependents"
            found.append(f"{name} is still being deleted (held by {held})")
    return found


def _same(one: Object, other: Object) -> bool:
    uid = one["metadata"].get("uid")
    return not uid or uid == other["metadata"].get("uid")
