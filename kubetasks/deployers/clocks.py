"""Time as this machine alone sees it, for what must not depend on another one's clock."""

import time

Reading = tuple[float, ...]


def read() -> Reading:
    """Every clock that this machine has. One stops while it is suspended, another is set by people and programs."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic(), time.time(), *([time.clock_gettime(boot)] if boot is not None else [])


def since(then: Reading) -> float:
    """Seconds since ``read`` gave this, by the clock that went furthest."""
    return max(now - before for now, before in zip(read(), then, strict=True))
