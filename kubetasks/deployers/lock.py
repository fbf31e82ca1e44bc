"""One deploy at a time: a Lease in the namespace, held while objects are changed.

The Lease is created atomically; a holder that died on this machine, or has not renewed in time, is replaced.
"""

import contextlib
import datetime as dt
import os
import socket
import threading
from collections.abc import Iterator

from kubetasks.deployers.history import RECORD_LABEL
from kubetasks.errors import ApplyFailed, DeployLocked, KubetasksError
from kubetasks.objects import MANAGED_BY, PART_OF, Object
from kubetasks.targets.base import Store

DURATION = 60  # seconds that a Lease counts without being renewed
RENEW = 20.0
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def holder() -> str:
    """Who holds it: ``host:pid``."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lease(project: str, namespace: str, *, now: dt.datetime, started: str = "", version: str = "") -> Object:
    """The Lease object. ``version``: the resourceVersion that it must still have."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": f"{project}-deploy",
            "namespace": namespace,
            "labels": {PART_OF: project, MANAGED_BY: "kubetasks", RECORD_LABEL: "lock"},
            **({"resourceVersion": version} if version else {}),
        },
        "spec": {
            "holderIdentity": holder(),
            "leaseDurationSeconds": DURATION,
            "acquireTime": started or now.strftime(TIME),
            "renewTime": now.strftime(TIME),
        },
    }


def is_stale(item: Object, now: dt.datetime) -> bool:
    """Whether a Lease's holder is gone: dead on this machine, or silent for longer than the Lease lasts."""
    spec = item.get("spec", {})
    host, _, pid = str(spec.get("holderIdentity", "")).rpartition(":")
    if host == socket.gethostname() and pid.isdigit():
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        else:
            if int(pid) == os.getpid():
                return True
    try:
        renewed = dt.datetime.strptime(str(spec.get("renewTime")), TIME).replace(tzinfo=dt.UTC)
    except ValueError:
        return True
    return (now - renewed).total_seconds() > float(spec.get("leaseDurationSeconds") or DURATION)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@contextlib.contextmanager
def locked(store: Store, project: str, namespace: str) -> Iterator[None]:
    """Hold the deploy lock.

    Raises:
        DeployLocked: somebody else holds it.
    """
    mine = lease(project, namespace, now=_now())
    if not store.create(mine):
        _take_over(store, mine)
    stop = threading.Event()

    def renew() -> None:
        started = mine["spec"]["acquireTime"]
        while not stop.wait(RENEW):
            with contextlib.suppress(KubetasksError):
                store.apply([lease(project, namespace, now=_now(), started=started)])

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
        with contextlib.suppress(KubetasksError):
            store.delete([mine], wait=False)


def _take_over(store: Store, mine: Object) -> None:
    name = mine["metadata"]["name"]
    held = next((item for item in store.get(["Lease"]) if item["metadata"]["name"] == name), None)
    if held is None:  # released in between
        if store.create(mine):
            return
        held = {}  # and taken by somebody faster
    spec = held.get("spec", {})
    refused = DeployLocked(
        "another deploy is under way in this namespace",
        why=f"{spec.get('holderIdentity')} began at {spec.get('acquireTime')}" if spec else "",
        fix="wait for it to end and run the same command again",
    )
    if not held or not is_stale(held, _now()):
        raise refused
    mine["metadata"]["resourceVersion"] = held["metadata"]["resourceVersion"]
    try:
        store.apply([mine])
    except ApplyFailed:  # somebody else took it over first
        raise refused from None
    finally:
        mine["metadata"].pop("resourceVersion")
