"""What a person asks of the deploy lock: who holds it, and to release it for one who cannot."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from kubetasks.deployers import holder, lease
from kubetasks.deployers.holder import Holder, State
from kubetasks.errors import DeployLocked
from kubetasks.objects import is_leaving
from kubetasks.targets.base import Progress, Store

POLL = 1.0  # seconds between two looks


@dataclass(frozen=True)
class LockStatus:
    """The deploy lock as it is.

    Args:
        state: whether it is held, and whether its holder lives.
        holder: who holds it; None if it is free.
        leaving: the finalizers of a Lease that is being deleted and does not go.
    """

    state: State
    holder: Holder | None = None
    leaving: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The status in one line."""
        if self.leaving:
            return f"the Lease is being deleted and waits for finalizers: {', '.join(self.leaving)}"
        if self.holder is None:
            return "the deploy lock is free"
        said = f"the deploy lock is held for {self.holder.command or 'a command'} by {self.holder.line(lease.now())}"
        return said + {
            State.DEAD: "; that process has ended, and the next command takes the lock over",
            State.SILENT: f"; not renewed in time: the next command watches it for {self.holder.seconds:.0f} s and "
            "takes it over unless it is renewed",
        }.get(self.state, "")

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        held = self.holder
        return {
            "held": held is not None,
            "state": self.state.value,
            "holder": held.identity if held else "",
            "user": held.user if held else "",
            "command": held.command if held else "",
            "since": held.since.isoformat() if held and held.since else "",
            "renewed": held.renewed.isoformat() if held and held.renewed else "",
        }


def look(store: Store, project: str) -> LockStatus:
    """The status of a project's deploy lock.

    Raises:
        LockUnusable: the Lease may not be read, or belongs to another tool.
    """
    item = lease.read(store, project)
    if item is None:
        return LockStatus(State.FREE)
    if not lease.is_ours(item, project):
        raise lease.foreign(item)
    leaving = tuple(item["metadata"].get("finalizers") or ()) if is_leaving(item) else ()
    return LockStatus(holder.state(item, lease.now()), holder.of_lease(item), leaving)


def release(
    store: Store, project: str, *, force: bool, show: Progress, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Release the deploy lock of a holder that no longer exists; returns what was done.

    A holder that does not renew it is watched for as long as the lock counts.

    Args:
        store: where the Lease is.
        project: the project's name.
        force: release it although its holder lives. That one stops before its next change.
        show: called with a text about what it waits for.
        sleep: waits between two looks.

    Raises:
        DeployLocked: its holder lives.
        LockUnusable: the Lease may not be changed, or belongs to another tool.
    """
    version, changed = "", time.monotonic()
    while True:
        item = lease.read(store, project)
        if item is None:
            return "the deploy lock is free"
        if not lease.is_ours(item, project):
            raise lease.foreign(item)
        held, now = holder.of_lease(item), time.monotonic()
        renewed = bool(version) and item["metadata"]["resourceVersion"] != version
        if item["metadata"]["resourceVersion"] != version:
            version, changed = item["metadata"]["resourceVersion"], now
        state = holder.state(item, lease.now())
        lives = state is State.LIVING or renewed
        if held is not None and lives and not force:
            raise DeployLocked(
                f"the holder of the deploy lock lives: {held.line(lease.now())}",
                fix="end that process, or wait for it; --force releases the lock all the same, and it stops",
            )
        if held is None or force or state is State.DEAD or now - changed >= held.seconds:
            if lease.remove(store, item):
                return f"released; it was held by {held.line(lease.now())}" if held else "the deploy lock is free"
            continue
        show(f"watching the lock of {held.line(lease.now())}")
        sleep(POLL)
