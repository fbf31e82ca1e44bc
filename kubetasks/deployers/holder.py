"""Who holds a lock: this process as others see it, and whether the process that a Lease names still lives."""

import contextlib
import datetime as dt
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

from kubetasks.objects import DOMAIN, Object

COMMAND: Final = f"{DOMAIN}/command"
USER: Final = f"{DOMAIN}/user"
# Says on which machine (since which boot) and in which process the holder runs. Host names are not unique.
PROCESS: Final = f"{DOMAIN}/process"

DURATION: Final = 30  # seconds that a Lease counts without being renewed
LONGEST: Final = 300  # of those that another version of kubetasks, or a person, wrote into it
AHEAD: Final = 5.0  # seconds by which another machine's clock may be ahead


class State(Enum):
    """What a Lease says of its holder."""

    FREE = "free"  # there is none
    LIVING = "living"
    DEAD = "dead"  # its process, on this machine, has ended
    SILENT = "silent"  # not renewed in time, as this machine's clock sees it: it has to be watched for a while


@dataclass(frozen=True)
class Holder:
    """Who holds a Lease, as the Lease says.

    Args:
        identity: what tells one holding from every other.
        command: what it does (``deploy``); empty if it does not say.
        user: the user's name; empty if it does not say.
        since: when it was taken; None if that cannot be read.
        renewed: when it was last renewed.
        seconds: how long it counts without being renewed.
    """

    identity: str
    command: str
    user: str
    since: dt.datetime | None
    renewed: dt.datetime | None
    seconds: float

    @property
    def who(self) -> str:
        """The user, the machine and the process."""
        name, _, number = self.identity.partition(":")
        number = number.partition(":")[0]
        who = f"{self.user}@{name}" if self.user else name
        return f"{who} (process {number})" if number else who

    def line(self, now: dt.datetime) -> str:
        """Who holds it and since when, in one line."""
        words = [self.who]
        if self.since:
            words.append(f"began at {self.since:%Y-%m-%dT%H:%M:%SZ}")
        if self.renewed:
            words.append(f"renewed the lock {ago(self.renewed, now)}")
        return ", ".join(words)


def ago(then: dt.datetime, now: dt.datetime) -> str:
    """How long ago, in seconds; a time to come is the difference between two clocks."""
    seconds = (now - then).total_seconds()
    if seconds < -AHEAD:
        return f"at {then:%Y-%m-%dT%H:%M:%SZ}, which is {-seconds:.0f} s from now by this machine's clock"
    return f"{max(seconds, 0):.0f} s ago"


def identity() -> str:
    """A new identity for one holding of a lock: ``host:process:random``."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


def annotations(command: str) -> dict[str, str]:
    """What else a Lease of this process says."""
    import getpass  # noqa: PLC0415  (most deploys change nothing and take no lock)

    found = {COMMAND: command, PROCESS: process()}
    with contextlib.suppress(OSError, KeyError, ImportError):  # a user ID without a name
        found[USER] = getpass.getuser()
    return {key: value for key, value in found.items() if value}


@cache
def machine() -> str:
    """What tells this machine, since its last start, from every other; empty if the system does not say.

    On Linux the boot ID (``proc(5)``, /proc/sys/kernel/random/boot_id) with the namespace of process numbers: two
    containers on one machine do not see each other's processes. Elsewhere the hardware address of a network card.
    """
    if sys.platform == "win32":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except (OSError, ValueError):
        import uuid  # noqa: PLC0415

        return f"{uuid.getnode():x}"


def began(number: int) -> str:
    """When a process started, in ticks since boot (``proc(5)``, field 22 of stat); empty when it has ended.

    Process numbers are given again; with its start a process is unique. ``?`` where the system does not say.
    """
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _answers(number) else "?"
    fields = text.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in {"Z", "X"} else ""


def _answers(number: int) -> bool:
    """Whether there is a process of this number, of whichever user."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def process() -> str:
    """This process, as ``is_gone`` reads it; empty if the system does not say enough."""
    return f"{machine()}/{os.getpid()}/{began(os.getpid())}" if machine() else ""


def is_gone(mark: str) -> bool | None:
    """Whether the process that ``process`` described has ended; None if this machine cannot tell."""
    place, _, rest = mark.rpartition("/")
    place, _, number = place.rpartition("/")
    if not place or place != machine() or not number.isdecimal():
        return None
    return began(int(number)) != rest


def time_of(value: Any) -> dt.datetime | None:
    """A time as Kubernetes or a person writes it: any fraction, any offset, UTC without one. None for others."""
    try:
        found = dt.datetime.fromisoformat(str(value))
        return (found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def of_lease(item: Object) -> Holder | None:
    """The holder of a Lease; None when it has none."""
    spec: Mapping[str, Any] = item.get("spec") or {}
    name = str(spec.get("holderIdentity") or "")
    if not name:
        return None
    said = item["metadata"].get("annotations") or {}
    try:
        seconds = float(spec.get("leaseDurationSeconds") or DURATION)
    except (TypeError, ValueError):
        seconds = DURATION
    return Holder(
        identity=name,
        command=str(said.get(COMMAND, "")),
        user=str(said.get(USER, "")),
        since=time_of(spec.get("acquireTime")),
        renewed=time_of(spec.get("renewTime")),
        seconds=min(max(seconds, 1.0), LONGEST),
    )


def state(item: Object, now: dt.datetime) -> State:
    """What a Lease says of its holder.

    The clocks of two machines differ. A Lease that looks fresh is taken at its word. One that looks expired, or
    renewed in time to come, is not: who wants it has to watch it for as long as it counts.
    """
    held = of_lease(item)
    if held is None:
        return State.FREE
    if is_gone(str((item["metadata"].get("annotations") or {}).get(PROCESS, ""))):
        return State.DEAD
    if held.renewed is None or not -AHEAD <= (now - held.renewed).total_seconds() <= held.seconds:
        return State.SILENT
    return State.LIVING
