"""One writer at a time: a Lease in the namespace, held while objects are changed.

Every write of the Lease is made only as it was last read (its resourceVersion), so that of two that want it one gets it
and a holder that was replaced notices. Time is never compared between two machines: a Lease that looks expired is
watched for as long as it counts, and taken over only if it did not change meanwhile. A holder whose process has ended
on this machine is replaced at once.
"""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kubetasks.console import Console
from kubetasks.deployers import clocks, holder, lease
from kubetasks.deployers.holder import DURATION, State
from kubetasks.errors import (
    ApplyFailed,
    DeployLocked,
    Forbidden,
    KubetasksError,
    LockLost,
    NamespaceTerminating,
)
from kubetasks.objects import Object, is_leaving
from kubetasks.targets import fence
from kubetasks.targets.base import Progress, Store

RENEW: Final = 10.0  # seconds between two renewals
CONFIRM: Final = 1.0  # seconds for which a holder that has just looked may write without looking again
POLL: Final = 1.0  # seconds between two looks at a lock that is held
LEAVING: Final = 20.0  # seconds within which a Lease that is being deleted should be deleted


@dataclass
class Lock:
    """The deploy lock of one project in one namespace.

    Args:
        store: where the Lease is.
        project: the project's name.
        namespace: the namespace.
        command: what holds it, for others to read: ``deploy``, ``destroy``, …
        show: called with a text about what it waits for.
        sleep: waits between two looks.
    """

    store: Store
    project: str
    namespace: str
    command: str = ""
    show: Progress = lambda _text: None
    sleep: Callable[[float], None] = time.sleep
    waited: bool = False
    _identity: str = ""
    _version: str = ""
    _uid: str = ""
    _taken: dt.datetime = field(default_factory=lease.now)
    _looked: clocks.Reading = ()  # the clocks when the Lease was last seen to be ours
    _renewed: clocks.Reading = ()  # the clocks when it was last renewed
    _lost: str = ""
    _let_go: bool = False
    _busy: threading.RLock = field(default_factory=threading.RLock)

    def acquire(self, wait: float = 0.0) -> None:
        """Take the lock.

        Args:
            wait: how many seconds to wait for one that another process holds.

        Raises:
            DeployLocked: another process holds it, or the namespace no longer exists.
            LockUnusable: Leases may not be written, or the Lease belongs to another tool.
            NamespaceTerminating: the namespace is being deleted.
            DeletionHeld: the Lease is being deleted, and something holds it.
        """
        self._identity, self._taken = holder.identity(), lease.now()
        began = changed = time.monotonic()
        version = ""
        living = False
        while not self._create():
            item = lease.read(self.store, self.project)
            if item is None:
                continue  # released in between
            if not lease.is_ours(item, self.project):
                raise lease.foreign(item)
            held, now = holder.of_lease(item), time.monotonic()
            if held is not None and held.identity == self._identity:
                self._took(item, clocks.read())  # created, although the answer was lost
                return
            if item["metadata"]["resourceVersion"] != version:
                living = bool(version)  # renewed while it was watched, whatever the clocks say
                version, changed = item["metadata"]["resourceVersion"], now
            if is_leaving(item):
                if now - began > max(wait, LEAVING):
                    raise lease.held_back(item)
            elif _may_take(item, unchanged=now - changed):
                self._read(item)
                if self._write(version):
                    return
                continue
            elif (living or holder.state(item, lease.now()) is State.LIVING) and now - began >= wait:
                raise lease.refused(item)
            self.waited = True
            self.show(f"waiting for {held.line(lease.now())}" if held else "waiting for the Lease to be deleted")
            self.sleep(POLL)

    def _wanted(self, version: str = "") -> Object:
        made = lease.made(
            self.project,
            self.namespace,
            identity=self._identity,
            command=self.command,
            since=self._taken,
            at=lease.now(),
        )
        if version:
            # With the UID, one that was deleted meanwhile is not created again: another process may have held it.
            made["metadata"].update({"resourceVersion": version, "uid": self._uid})
        return made

    def _create(self) -> bool:
        at = clocks.read()
        try:
            if not self.store.create(self._wanted()):
                return False
        except NamespaceTerminating:
            raise
        except KubetasksError as error:
            if lease.namespace_is_missing(error):
                raise DeployLocked(
                    f"there is no namespace {self.namespace}",
                    why="another command has deleted it, or nothing was ever deployed there",
                    fix="inv deploy",
                ) from None
            raise lease.forbidden(error) or error from None
        self._looked = self._renewed = at
        return True

    def _write(self, version: str) -> bool:
        """Write the Lease as ours if it still has this version; False when it has not."""
        at = clocks.read()
        try:
            [item] = self.store.apply([self._wanted(version)])
        except (ApplyFailed, Forbidden) as error:
            found = lease.read(self.store, self.project)
            if found is not None and found["metadata"].get("resourceVersion") == version:
                raise lease.forbidden(error) or error from None
            return False
        self._took(item, at)
        return True

    def _took(self, item: Object, at: clocks.Reading) -> None:
        self._read(item)
        self._looked = self._renewed = at

    def renew(self) -> None:
        """Renew the Lease.

        Raises:
            LockLost: it is no longer ours.
            ClusterUnreachable: the API server does not answer.
        """
        with self._busy:
            self._refuse_lost()
            if self._let_go:
                return
            if not (self._version and self._write(self._version)):
                self._look()
                self._write(self._version)

    def _look(self) -> Object:
        """The Lease as it is now, which is ours.

        Raises:
            LockLost: it is no longer ours.
        """
        at = clocks.read()
        item = lease.read(self.store, self.project)
        held = holder.of_lease(item) if item is not None else None
        if item is None or is_leaving(item):
            self._lost = "its Lease was deleted"
        elif held is None:
            self._lost = "it was released by another process"
        elif held.identity != self._identity:
            self._lost = f"it was taken over by {held.line(lease.now())}"
        self._refuse_lost()
        assert item is not None  # noqa: S101  (that is rejected above)
        self._read(item)
        self._looked = at
        return item

    def _read(self, item: Object) -> None:
        self._version = str(item["metadata"]["resourceVersion"])
        self._uid = str(item["metadata"]["uid"])

    def _refuse_lost(self) -> None:
        if self._lost:
            raise LockLost(
                "the deploy lock was lost while this command ran, and it wrote nothing after that",
                why=self._lost,
                fix="see inv lock.status and inv status, then run the same command again",
            )

    def check(self) -> None:
        """Make sure, before a change, that the lock is still ours.

        Raises:
            LockLost: it is not: another process took it over, or it was released or deleted.
            ClusterUnreachable: the API server does not answer.
        """
        if self._let_go:
            return
        with self._busy, fence.lifted():
            self._refuse_lost()
            if clocks.since(self._renewed) > DURATION - RENEW:
                self.renew()  # suspended, or cut off: it may count no longer
            elif clocks.since(self._looked) > CONFIRM:
                self._look()

    def keep(self, stop: threading.Event) -> None:
        """Renew it until ``stop`` is set or it is lost. A loss is raised by the next ``check``."""
        pause = RENEW
        while not stop.wait(pause) and not self._let_go:
            try:
                self.renew()
                pause = RENEW
            except LockLost:
                return
            except KubetasksError:
                pause = RENEW / 5  # not reached; the check before the next write decides

    @contextlib.contextmanager
    def ending(self) -> Iterator[None]:
        """Delete the namespace inside the block, and the Lease with it; after that nothing is held or renewed.

        No renewal runs meanwhile: on the local target it would create the state folder again.
        """
        with self._busy:
            yield
            self._let_go = True

    def release(self) -> None:
        """Give the lock back, unless it is no longer ours. A failure does not matter: the Lease expires."""
        with contextlib.suppress(KubetasksError), fence.lifted(), self._busy:
            if not self._lost and not self._let_go:
                lease.remove(self.store, self._look())


def _may_take(item: Object, *, unchanged: float) -> bool:
    """Whether a Lease may be taken over that did not change for ``unchanged`` seconds."""
    held, state = holder.of_lease(item), holder.state(item, lease.now())
    if held is None or state is State.DEAD:
        return True
    return state is State.SILENT and unchanged >= held.seconds


def noted(console: Console) -> Progress:
    """Tells a person once that the lock is waited for, and by whom it is held."""
    shown: list[str] = []

    def show(text: str) -> None:
        if not shown:
            console.line(f"lock: {text}", mark="note")
        shown.append(text)

    return show


@contextlib.contextmanager
def locked(
    store: Store, project: str, namespace: str, command: str = "", *, wait: float = 0.0, show: Progress | None = None
) -> Iterator[Lock]:
    """Hold the deploy lock; every change inside the block is made only while it is held.

    Args:
        store: where the Lease is.
        project: the project's name.
        namespace: the namespace.
        command: what holds it, for others to read.
        wait: how many seconds to wait for one that another process holds.
        show: called with a text about what it waits for.

    Raises:
        DeployLocked: another process holds it.
        LockUnusable: Leases may not be written, or the Lease belongs to another tool.
        LockLost: it was lost inside the block.
    """
    lock = Lock(store, project, namespace, command, show or (lambda _text: None))
    lock.acquire(wait)
    stop = threading.Event()
    thread = threading.Thread(target=lock.keep, args=(stop,), daemon=True)
    thread.start()
    try:
        with fence.fenced(lock.check):
            yield lock
    finally:
        stop.set()
        thread.join(timeout=30)
        lock.release()
