"""The checks that installed packages offer, as entry points of the group ``kubetasks.checks``.

Whatever is wrong with one becomes a failed result of its own; the others run.
"""

import math
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from kubetasks.verify.check import CUSTOM, Check
from kubetasks.verify.results import Layer
from kubetasks.verify.silence import failure_of

GROUP: Final = "kubetasks.checks"
# Seconds in which a package has to be imported.
LOADING: Final = 20.0
LONGEST_NAME: Final = 120


def installed() -> list[EntryPoint]:
    """The entry points of all installed packages, in the order of their names."""
    return sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value))


def checks(results: Layer, taken: Iterable[str] = (), points: Iterable[EntryPoint] | None = None) -> list[Check]:
    """The usable checks of installed packages.

    Args:
        results: gets a failed result for each entry point or check that cannot be used.
        taken: names that other checks in the layer have.
        points: the entry points; those of all installed packages where None.
    """
    found: list[Check] = []
    names = {*taken}
    for point in dict.fromkeys(installed() if points is None else points):
        where = f"the entry point `{point.name} = {point.value}` of {GROUP}"
        for offered in _offered(point, where, results):
            why = _unusable(offered)
            if why:
                results.failed(point.name, f"{where}: {why}")
            elif offered.name in names:
                results.failed(f"{offered.name} ({point.name})", f"{where}: another check has the name {offered.name}")
            else:
                names.add(offered.name)
                needs = tuple(offered.needs)
                found.append(replace(offered, layer=CUSTOM, needs=needs, last=False, source=where))
    return found


def _offered(point: EntryPoint, where: str, results: Layer) -> Iterator[Any]:
    """What an entry point offers, one by one."""
    loaded: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def load() -> None:
        try:
            offered = point.load()
            loaded.put(("", list(offered) if isinstance(offered, (list, tuple)) else [offered]))
        except BaseException as error:  # noqa: BLE001  (whatever someone else's code raises, SystemExit too)
            loaded.put((failure_of(error), None))

    # A thread, as an import may take forever.
    threading.Thread(target=load, name=where, daemon=True).start()
    try:
        why, offered = loaded.get(timeout=LOADING)
    except queue.Empty:
        why, offered = f"it is not loaded after {LOADING:g} s", None
    if why:
        results.failed(point.name, f"{where} cannot be loaded: {why}")
        return
    yield from offered


def _unusable(offered: object) -> str:
    """Why something cannot be run as a check; empty if it can."""
    if not isinstance(offered, Check):
        return f"it is {_a(type(offered).__name__)}, not a kubetasks.verify.Check or a list of them"
    # Nothing of it need have the type that it should have.
    name: Any = offered.name
    needs: Any = offered.needs
    limit: Any = offered.limit
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        return f"its name must be a printable text of at most {LONGEST_NAME} characters"
    run: Any = offered.run
    if not callable(run):
        return f"the check {name} has no function to run"
    if isinstance(needs, str) or not isinstance(needs, (list, tuple)) or not all(isinstance(n, str) for n in needs):
        return f"the check {name} must name what it needs as a list of texts"
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not math.isfinite(limit) or limit <= 0:
        return f"the check {name} must have a time limit above 0 seconds"
    return ""


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
