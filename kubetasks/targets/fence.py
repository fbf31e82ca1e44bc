"""What must hold before this process changes anything on a target.

Whoever holds the deploy lock puts its check here. Every store calls ``check`` before each change, so that a process
that lost the lock while it was suspended or cut off stops before its next write. A context variable carries the checks:
a store is made anew for each use, and a thread of its own (the one that renews the lock) starts without any.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Check = Callable[[], None]

_checks: ContextVar[tuple[Check, ...]] = ContextVar("checks", default=())


def check() -> None:
    """Call every check.

    Raises:
        LockLost: the deploy lock that this process held is no longer its own.
    """
    for each in _checks.get():
        each()


@contextlib.contextmanager
def fenced(by: Check) -> Iterator[None]:
    """Call ``by`` before each change inside the block."""
    token = _checks.set((*_checks.get(), by))
    try:
        yield
    finally:
        _checks.reset(token)


@contextlib.contextmanager
def lifted() -> Iterator[None]:
    """Call no check inside the block: for what a check itself has to write."""
    token = _checks.set(())
    try:
        yield
    finally:
        _checks.reset(token)
