"""Time as the deploy lock sees it."""

import datetime as dt
import time
from collections.abc import Callable

import pytest

from kubetasks.deployers import clocks, lease

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time that goes on only when a test says so; for all clocks of the lock, and for a sleep."""
    now = [1000.0]
    wall = [NOW]

    def go(seconds: float) -> None:
        now[0] += seconds
        wall[0] += dt.timedelta(seconds=seconds)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(clocks, "read", lambda: (now[0],))
    monkeypatch.setattr(lease, "now", lambda: wall[0])
    return go
