"""Leaves an endpoint alone that is down, and finds out when it is back.

    closed ── several failures in a row ──> open ── a while later ──> half open ── an answer ──> closed
                                             ^                            │
                                             └──────── a failure ─────────┘

Only what says that the endpoint is down counts (`Failure.down`). Half open, one turn asks the endpoint, and the others
continue without it. What a turn says counts only in the state in which the turn began to ask: a time-out of a turn from
before must not open the breaker again.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turn:
    """One turn's leave to ask the endpoint."""

    def __init__(self, breaker: "Breaker", *, probe: bool) -> None:
        """Begin to ask."""
        self._breaker = breaker
        self._period = breaker.period
        self.probe = probe
        """Whether this turn is the one that finds out if the endpoint is back."""
        self._told = False

    def ended(self, *, down: bool) -> None:
        """Tell whether the endpoint was down."""
        if not self._told and self._period == self._breaker.period:
            self._breaker.heard(down=down)
        self._told = True

    @property
    def reported(self) -> bool:
        """Whether it has said how it ended."""
        return self._told


class Breaker:
    """The state of one endpoint, for this process."""

    def __init__(self, after: int = 3, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin closed.

        Args:
            after: how many failures in a row open it.
            seconds: how long it stays open.
            clock: the time, in seconds.
        """
        self._after, self._seconds, self._clock = after, seconds, clock
        self._failures = 0
        self._until: float | None = None  # when it is open, until then
        self._probing = False
        self.period = 0
        """Counts how often it opened or closed."""

    @contextmanager
    def asking(self) -> Iterator[Turn | None]:
        """Ask the endpoint within the block; None while it is paused."""
        if self._until is not None and (self._clock() < self._until or self._probing):
            yield None
            return
        turn = Turn(self, probe=self._until is not None)
        self._probing = turn.probe
        try:
            yield turn
        finally:
            if turn.probe and not turn.reported:  # its user left: the next turn finds out
                self._probing = False

    def heard(self, *, down: bool) -> None:
        """Take the word of a turn that began in this period."""
        if not down:
            self._failures = 0
            self._change(None)
            return
        self._failures += 1
        if self._until is not None or self._failures >= self._after:
            self._change(self._clock() + self._seconds)

    def _change(self, until: float | None) -> None:
        self._probing = False
        if (until, self._until) != (None, None):
            self.period += 1
        self._until = until
