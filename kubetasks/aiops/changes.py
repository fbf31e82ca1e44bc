"""Carrying out a command that a person has said yes to, and waiting until what it changed has settled."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from kubetasks.deployers.rollout import WATCHED_WORKLOADS, progress
from kubetasks.errors import KubetasksError, ToolFailed
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster
from kubetasks.targets.calls import Calls
from kubetasks.tools import kubectl as tool

INTERVAL: Final = 1.0  # seconds
LONGEST: Final = 60.0


def carry_out(cluster: Cluster, runner: Runner, argv: Sequence[str]) -> str:
    """Run one command with the user's own rights; returns what kubectl printed.

    Raises:
        ToolFailed: kubectl refused it, with its reason.
        Forbidden: the user may not do this.
    """
    result = Calls(cluster, runner).change(argv)
    if not result.ok:
        raise ToolFailed(f"kubectl could not {tool.verb(argv)}", why=runner.redactor(tool.reason(result.stderr)))
    return runner.redactor(result.stdout.strip())


def settle(
    look: Callable[[Sequence[str]], Sequence[dict[str, object]]],
    longest: float = LONGEST,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until every workload has what it wants; False if that takes too long.

    Args:
        look: the live objects of some kinds: ``Store.get``.
        longest: seconds.
        sleep: waits.
        clock: seconds, monotonic.
    """
    kinds = [kind for kind in WATCHED_WORKLOADS if kind != "Job"]
    end = clock() + longest
    while True:
        with contextlib.suppress(KubetasksError):
            if all(progress(item).done for item in look(kinds)):
                return True
        if clock() >= end:
            return False
        sleep(INTERVAL)
