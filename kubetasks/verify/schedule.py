"""Runs checks in parallel: each once what it needs has passed, each within its limit, whatever another one does."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kubetasks.errors import NoContact
from kubetasks.verify.check import CAPABILITIES, Check, CheckFailed, NotTried
from kubetasks.verify.client import Stopped
from kubetasks.verify.context import Context
from kubetasks.verify.report import LAYERS
from kubetasks.verify.results import Layer
from kubetasks.verify.silence import OURS, failure_of

WORKERS: Final = 8
# Seconds in which a check that has to end may delete what it made.
CLEANUP: Final = 10.0

Ending = Literal["passed", "failed", "not tried"]
MakeContext = Callable[[Layer, threading.Event], Context]


@dataclass
class Running:
    """A check while it runs."""

    check: Check
    results: Layer
    until: float
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


@dataclass
class Schedule:
    """One run of some checks.

    Args:
        checks: the checks, with unique ids.
        context: makes what a check gets.
        lacks: says why a capability is missing; empty if it exists.
        hide: replaces known secrets in all evidence.
        origin: the monotonic time at which the report began.
        ended: called when a check has ended, with its results.
    """

    checks: Sequence[Check]
    context: MakeContext
    lacks: Callable[[str], str]
    hide: Callable[[str], str] = str
    origin: float = field(default_factory=time.monotonic)
    ended: Callable[[Check, Layer], None] = lambda _, __: None
    results: dict[str, Layer] = field(default_factory=dict)
    endings: dict[str, Ending] = field(default_factory=dict)
    _running: dict[str, Running] = field(default_factory=dict)
    _left: list[Running] = field(default_factory=list)
    _done: "queue.SimpleQueue[tuple[str, BaseException | None]]" = field(default_factory=queue.SimpleQueue)

    def run(self) -> None:
        """Run them all.

        Raises:
            NoContact: the connection to the cluster is lost.
            KeyboardInterrupt: it was interrupted; checks that changed something had time to clean up.
        """
        waiting = list(self.checks)
        try:
            while waiting or self._running:
                waiting = self._begin(waiting)
                if self._running:
                    self._await()
                elif waiting and not self._can_begin(waiting):
                    self._circle(waiting)
                    waiting = []
        finally:
            self._stop()

    def needed(self, check: Check) -> Iterator[list[Check]]:
        """The other checks that each need of a check means."""
        for need in check.needs:
            if need not in CAPABILITIES:
                yield [each for each in self.checks if matches(each, need) and each.id != check.id]

    def _begin(self, waiting: list[Check]) -> list[Check]:
        """Begin what can begin; returns what still waits."""
        left = []
        for check in waiting:
            reason, unknown = self._blocked(check), self._unknown(check)
            if unknown or reason:
                results = Layer(check.layer, self.hide, self.origin)
                results.add(check.name, "fail" if unknown else "skip", unknown or reason)
                self._end(check, results, "failed" if unknown else "not tried")
            elif len(self._running) < WORKERS and self._ready(check):
                self._start(check)
            else:
                left.append(check)
        return left

    def _can_begin(self, waiting: list[Check]) -> bool:
        return any(self._unknown(check) or self._blocked(check) or self._ready(check) for check in waiting)

    def _unknown(self, check: Check) -> str:
        """What a check needs that is nowhere, in words; a layer may be empty. Empty if all of it is known."""
        for need in check.needs:
            if need not in {*CAPABILITIES, *LAYERS} and not any(matches(each, need) for each in self.checks):
                return f"it needs {need}, and there is no such check"
        return ""

    def _blocked(self, check: Check) -> str:
        """Why a check cannot be tried any more; empty if it can."""
        for need in check.needs:
            if need in CAPABILITIES and self.lacks(need):
                return self.lacks(need)
        for meant in self.needed(check):
            if any(each.id not in self.endings for each in meant):
                continue  # so that the reason does not depend on which one was quicker
            bad = [each for each in meant if self.endings[each.id] != "passed"]
            failed = [each for each in bad if self.endings[each.id] == "failed"] or bad
            if failed:
                first = failed[0]
                more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
                word = "failed" if self.endings[first.id] == "failed" else "could not run"
                return f"not tried: {first.id}{more} {word}"
        return ""

    def _ready(self, check: Check) -> bool:
        if check.last and any(each.id not in self.endings for each in self.checks if not each.last):
            return False
        if check.changes and any(each.check.changes for each in self._running.values()):
            return False
        return all(each.id in self.endings for meant in self.needed(check) for each in meant)

    def _start(self, check: Check) -> None:
        results = Layer(check.layer, self.hide, self.origin)
        running = Running(check, results, time.monotonic() + check.limit)
        name = check.id if check.source else f"{OURS}{check.id}"
        running.thread = threading.Thread(target=self._carry_out, args=(running,), name=name, daemon=True)
        self._running[check.id] = running
        running.thread.start()

    def _carry_out(self, running: Running) -> None:
        """The body of a check's thread. Nothing that a check raises leaves it."""
        check, results, lost = running.check, running.results, None
        try:
            evidence = check.run(self.context(results, running.stop))
            if not results.checks:
                results.passed(check.name, evidence if isinstance(evidence, str) else "")
        except NotTried as error:
            results.skipped(check.name, str(error) or "it says so")
        except (CheckFailed, AssertionError) as error:
            results.failed(check.name, str(error) or failure_of(error))
        except NoContact as error:
            lost = error
        except Stopped:
            pass  # its time is over, which is reported elsewhere
        except BaseException as error:  # noqa: BLE001  (whatever someone else's code raises, SystemExit too)
            results.failed(check.name, failure_of(error))
        self._done.put((check.id, lost))

    def _await(self) -> None:
        """Wait until a check has ended or its time is over."""
        until = min(each.until for each in self._running.values())
        try:
            name, lost = self._done.get(timeout=max(until - time.monotonic(), 0.01))
        except queue.Empty:
            for running in [each for each in self._running.values() if each.until <= time.monotonic()]:
                self._expire(running)
            return
        if lost is not None:
            raise lost
        found = self._running.pop(name, None)
        if found is not None:
            found.results.close()
            self._end(found.check, found.results, "passed" if found.results.ok else "failed")

    def _expire(self, running: Running) -> None:
        """Go on without a check whose time is over. Its thread ends with the process at the latest."""
        running.stop.set()
        running.results.failed(running.check.name, f"not finished after {running.check.limit:g} s, its time limit")
        running.results.close()
        self._left.append(self._running.pop(running.check.id))
        self._end(running.check, running.results, "failed")

    def _circle(self, waiting: list[Check]) -> None:
        """Fail checks that wait for each other."""
        names = {check.id for check in waiting}
        for check in waiting:
            others = [each.id for meant in self.needed(check) for each in meant if each.id in names]
            results = Layer(check.layer, self.hide, self.origin)
            results.failed(check.name, f"it needs {', '.join(others) or 'itself'}, which waits for it")
            self._end(check, results, "failed")

    def _end(self, check: Check, results: Layer, ending: Ending) -> None:
        self.results[check.id], self.endings[check.id] = results, ending
        self.ended(check, results)

    def _stop(self) -> None:
        """End what still runs, and give what changed something time to clean up."""
        left = [*self._left, *self._running.values()]
        until = time.monotonic() + CLEANUP
        for running in left:
            running.stop.set()
        for running in left:
            if running.check.changes and running.thread is not None:
                running.thread.join(max(until - time.monotonic(), 0))


def matches(check: Check, need: str) -> bool:
    """Whether a check is what a need, or a name that a user typed, means."""
    return need in {check.id, check.name, check.layer}
