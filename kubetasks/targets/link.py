"""The connection to a cluster: how long a request is tried again when the connection is lost.

A lost connection says nothing about what was asked. So a request that may be sent again is sent again, with pauses that
grow, until it is answered or the patience is used up: briefly at the first contact (a cluster that was never there is
not waited for), for as long as a deploy may take once it has answered. Whoever measures how long something takes on the
cluster uses ``clock``: it stands still while the connection is lost.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from kubetasks.errors import Interrupted, KubetasksError

FIRST_CONTACT: Final = 8.0  # seconds; an API server that has just been started needs a few
AFTERWARDS: Final = 2.0  # seconds, when the patience is used up or the user wants to stop: for cleaning up
PAUSES: Final = (0.2, 0.4, 0.8, 1.5, 3.0)
SAID_AFTER: Final = 2.0  # seconds of trying before it is said

T = TypeVar("T")


@dataclass
class Attempt:
    """One request on its way, over all its attempts.

    Args:
        left: seconds that are left for this attempt and those after it.
        number: 1 for the first attempt.
        elapsed: seconds since the first attempt began.
        lost: whether an earlier attempt got no answer: it may have been carried out all the same.
    """

    left: float = FIRST_CONTACT
    number: int = 1
    elapsed: float = 0.0
    lost: bool = False


class Lost(Exception):
    """An attempt got no answer; carries the error to raise when there is no further one.

    Args:
        error: the error.
        passing: whether it makes sense to try again.
    """

    def __init__(self, error: KubetasksError, *, passing: bool = True) -> None:
        self.error = error
        self.passing = passing
        super().__init__(error.why or error.what)


@dataclass
class Link:
    """What is known of the connection in this run. One for each cluster, shared by everything that talks to it.

    Args:
        patience: seconds to go on trying once the cluster has answered.
        notify: called with one line when trying takes a while, and when the connection is back.
        monotonic: seconds.
        sleep: waits.
        answered: whether the cluster has answered in this run.
        given_up: whether the patience was used up, and nothing was answered since.
        stopping: whether the user wants to stop.
        waited: seconds in which the connection was lost.
    """

    patience: float = 120.0
    notify: Callable[[str], None] = lambda _: None
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    answered: bool = False
    given_up: bool = False
    stopping: bool = False
    waited: float = 0.0
    _notified: bool = False

    def clock(self) -> float:
        """Seconds, monotonic, without those in which the connection was lost."""
        return self.monotonic() - self.waited

    def _allowed(self) -> float:
        if self.stopping or self.given_up:
            return AFTERWARDS  # whatever is still to be cleaned up need not wait as long again
        return self.patience if self.answered else min(FIRST_CONTACT, self.patience)

    def until_answered(self, attempt: Callable[[Attempt], T], *, repeat: bool = True) -> T:
        """Make a request, again and again while the connection is lost.

        Args:
            attempt: makes one attempt; raises ``Lost`` where there was no answer.
            repeat: whether it may be made again.

        Raises:
            KubetasksError: what the last ``Lost`` carries, or what ``attempt`` raises of an answer.
        """
        began, before = self.monotonic(), self.waited
        state = Attempt(self._allowed())
        said = False
        try:
            while True:
                try:
                    result = attempt(state)
                except Lost as lost:
                    state.elapsed = self.monotonic() - began
                    pause = _pause(state.number)
                    state.left = self._allowed() - state.elapsed
                    if not (repeat and lost.passing) or state.left <= pause:
                        self.given_up = self.given_up or lost.passing
                        self._count(before, state.elapsed)
                        raise lost.error from None
                    if not (said or self._notified) and state.elapsed >= SAID_AFTER:
                        said = self._notified = True
                        self.notify(f"no connection to the cluster ({lost}); trying again for {state.left:.0f} s")
                    state.number, state.lost = state.number + 1, True
                    self._wait(pause)
                    state.elapsed = self.monotonic() - began
                except (KeyboardInterrupt, Interrupted):
                    self.stopping = True
                    raise
                else:
                    self.answered, self.given_up = True, False
                    if state.lost:
                        self._count(before, self.monotonic() - began)
                    if said:
                        self.notify(f"the cluster answers again after {self.monotonic() - began:.0f} s")
                    return result
        finally:
            if said:
                self._notified = False

    def _wait(self, seconds: float) -> None:
        try:
            self.sleep(seconds)
        except KeyboardInterrupt:
            self.stopping = True
            raise

    def _count(self, before: float, seconds: float) -> None:
        """Only the main thread measures anything by ``clock``; others wait beside it.

        An attempt may make requests of its own, which have counted their part by then.
        """
        if threading.current_thread() is threading.main_thread():
            self.waited = max(self.waited, before + seconds)


def _pause(number: int) -> float:
    # With a little chance in it: two clients that lost the same server should not come back together.
    return PAUSES[min(number, len(PAUSES)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311  (no secret)
