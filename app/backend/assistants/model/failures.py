"""What can go wrong with a model's endpoint, in words that are safe to show and to log."""

import time
from collections.abc import Callable

import openai
from agents.exceptions import MaxTurnsExceeded


class Failure(Exception):
    """The model does not get this turn done; the message says why, and never what was sent or received.

    Attributes:
        kind: of the error behind it, for the log.
    """

    def __init__(self, why: str, kind: str = "") -> None:
        super().__init__(why)
        self.kind = kind


def failure(error: Exception) -> Failure:
    """Say what went wrong. Neither a key, nor a URL, nor anything the endpoint wrote goes into it."""
    match error:
        case Failure():
            return error
        case openai.APIStatusError():
            why = f"it answered with status {error.status_code}"
        case openai.APITimeoutError():
            why = "it did not answer in time"
        case openai.APIConnectionError():
            why = "it cannot be reached"
        case MaxTurnsExceeded():
            why = "it would not come to an end"
        case _:
            why = "its answer made no sense"
    return Failure(why, type(error).__name__)


class Breaker:
    """After a few failures in a row, leaves the endpoint alone for a while."""

    def __init__(self, after: int = 3, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._after, self._seconds, self._clock = after, seconds, clock
        self._failures = 0
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether the endpoint is being left alone."""
        return self._clock() < self._until

    def failed(self) -> None:
        """Count a failure. One more after a pause is enough for the next pause."""
        self._failures += 1
        if self._failures >= self._after:
            self._until = self._clock() + self._seconds

    def worked(self) -> None:
        """Forget the failures."""
        self._failures = 0
