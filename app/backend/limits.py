"""How often someone may ask: fixed windows, counted in this process."""

import math
import time
from collections.abc import Callable

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from app.backend.settings import Settings

SWEEP_SECONDS = 60.0


class TooManyError(Exception):
    """Someone asks too often.

    Attributes:
        retry_after: whole seconds after which it is worth another try.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many requests")
        self.retry_after = retry_after


class _Memory(Storage):
    """Counters in memory. The library's own starts a thread (or a task) for every few hits to throw old ones away."""

    STORAGE_SCHEME = ["todo"]  # noqa: RUF012 - the base class registers it

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._swept = clock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What counting may raise: nothing in particular."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count a hit in the window that began with the first one."""
        now = self._clock()
        if now - self._swept > SWEEP_SECONDS:
            self._swept = now
            self._counts = {name: value for name, value in self._counts.items() if value[1] > now}
        count, until = self._counts.get(key, (0, 0.0))
        if until <= now:
            count, until = 0, now + expiry
        self._counts[key] = (count + amount, until)
        return count + amount

    def get(self, key: str) -> int:
        """Return the hits of the present window."""
        count, until = self._counts.get(key, (0, 0.0))
        return count if until > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the present window ends."""
        return max(self._counts.get(key, (0, 0.0))[1], self._clock())

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        count = len(self._counts)
        self._counts.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._counts.pop(key, None)


class Limits:
    """The limits of the settings. Each process counts by itself: with n of them, up to n times as much gets through."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._storage = _Memory(clock)
        self._window = FixedWindowRateLimiter(self._storage)
        self._user = _parsed(settings.rate_limit)
        self._chat = _parsed(settings.chat_rate_limit)
        self._login = _parsed(settings.login_rate_limit)

    def user(self, user_id: str) -> None:
        """Count a request of a user.

        Raises:
            TooManyError: It is one too many; so also the others.
        """
        self._count(self._user, "user", user_id)

    def chat(self, user_id: str) -> None:
        """Count a turn of a user's."""
        self._count(self._chat, "chat", user_id)

    def login(self, name: str) -> None:
        """Count an attempt to log in under a name, or to take it."""
        self._count(self._login, "login", name)

    def _count(self, limit: RateLimitItem | None, kind: str, who: str) -> None:
        if limit is None or self._window.hit(limit, kind, who):
            return
        until = self._storage.get_expiry(limit.key_for(kind, who))
        raise TooManyError(max(1, math.ceil(until - self._clock())))


def _parsed(limit: str | None) -> RateLimitItem | None:
    return None if limit is None else parse(limit)
