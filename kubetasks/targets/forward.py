"""A way from loopback to a Service's port in a cluster, through ``kubectl port-forward``.

Asked for a Service, kubectl takes the pod that has been ready for longest, even while it is being deleted: right after
a rollout that is a pod of the revision before. So the pod is chosen here.
"""

import contextlib
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Final

from kubetasks.errors import ContextNotFound, Forbidden, KubetasksError, ToolFailed
from kubetasks.runner import Process, Runner
from kubetasks.targets.base import Cluster
from kubetasks.targets.calls import Calls
from kubetasks.targets.contact import error_for
from kubetasks.targets.link import Attempt, Lost
from kubetasks.targets.serving import pod_of
from kubetasks.tools.kubectl import Kubectl, reason
from kubetasks.tools.trouble import classify

# kubectl prints it once the port is open: in a tenth of a second when a pod runs. Without one it waits for a minute.
PATIENCE: Final = 10.0
POLL: Final = 1.0
FORWARDING: Final = re.compile(r"^Forwarding from (127\.0\.0\.1:\d+) -> ")


@contextlib.contextmanager
def forward(cluster: Cluster, runner: Runner, service: str, port: int, *, patience: float = PATIENCE) -> Iterator[str]:
    """Forward a free loopback port to a Service's port while the block lasts.

    Args:
        cluster: the context and namespace.
        runner: starts kubectl.
        service: the Service's name.
        port: the Service's port (not the container's).
        patience: how long to wait for the port, in seconds.

    Yields:
        The base URL, ``http://127.0.0.1:PORT``.

    Raises:
        ToolMissing: kubectl is not there.
        ContextNotFound: the kubeconfig has no such context.
        NoContact: the API server does not answer.
        ToolFailed: kubectl opened no port, with its reason (no such Service, no running pod).
    """
    with contextlib.ExitStack() as stack:
        yield _enter(stack, cluster, runner, service, port, patience)[0]


def keep_forwarding(
    cluster: Cluster,
    runner: Runner,
    service: str,
    port: int,
    ready: Callable[[str], None],
    notify: Callable[[str], None],
    *,
    stopped: Callable[[], bool] = lambda: False,
    poll: float = POLL,
) -> None:
    """Forward a loopback port to a Service's port, and connect again at the same port whenever its pod goes.

    kubectl notices that a pod is gone only when something connects. So a connection is opened now and then.

    Args:
        cluster: the context and namespace.
        runner: starts kubectl.
        service: the Service's name.
        port: the Service's port (not the container's).
        ready: called with the base URL once, when it can be used.
        notify: called with one line when the connection is lost, and when it is back.
        stopped: whether to end; asked every ``poll`` seconds. By default only Ctrl-C ends it.
        poll: seconds between two looks.

    Raises:
        ToolFailed: there was no way to the Service at first, with kubectl's reason.
        NoContact: the API server does not answer.
    """
    local, lost = 0, False
    while not stopped():
        try:
            with contextlib.ExitStack() as stack:
                url, process = _enter(stack, cluster, runner, service, port, PATIENCE, local)
                if local == 0:
                    ready(url)
                elif lost:
                    notify("connected again")
                local, lost = int(url.rpartition(":")[2]), False
                while process.poll() is None and not stopped():
                    time.sleep(poll)
                    _touch(local)
        except ToolFailed as error:
            if local == 0:
                raise
            if not lost:
                notify(f"no pod answers ({error.why or error.what}); trying again until Ctrl-C")
            lost = True
            time.sleep(poll)
        else:
            if not stopped():
                notify("the connection to the pod was lost; connecting to another one")
                lost = True


def _enter(
    stack: contextlib.ExitStack,
    cluster: Cluster,
    runner: Runner,
    service: str,
    port: int,
    patience: float,
    local: int = 0,
) -> tuple[str, Process]:
    """Open a way that lasts as long as ``stack``; tried again while the API server does not answer."""

    def attempt(_: Attempt) -> tuple[str, Process]:
        with contextlib.ExitStack() as opened:
            way = opened.enter_context(_opened(cluster, runner, service, port, patience, local))
            stack.push(opened.pop_all())
        return way

    return cluster.link.until_answered(attempt)


def _touch(port: int) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        pass


@contextlib.contextmanager
def _opened(
    cluster: Cluster, runner: Runner, service: str, port: int, patience: float, local: int = 0
) -> Iterator[tuple[str, Process]]:
    """One kubectl port-forward while the block lasts; raises Lost where the API server does not answer."""
    pod = pod_of(Calls(cluster, runner), cluster, service, port)
    kubectl = Kubectl(cluster.context, cluster.namespace)
    argv = (
        kubectl.port_forward(f"pod/{pod.name}", pod.port, local)
        if pod
        else kubectl.port_forward(f"service/{service}", port, local)
    )
    reader: threading.Thread | None = None
    try:
        with runner.spawn(argv, env=cluster.env, merge=True) as process:
            lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
            reader = threading.Thread(target=_read, args=(process.stdout, lines), name="port-forward", daemon=True)
            reader.start()
            yield _address(lines, cluster, f"{service}:{port}", patience), process
    finally:
        if reader is not None:
            reader.join(1.0)


def _read(stream: IO[bytes] | None, lines: "queue.SimpleQueue[str | None]") -> None:
    """Hand on every line up to the address, then go on reading: a full pipe would stop kubectl."""
    found = False
    # The pipe is closed under us when the block ends.
    with contextlib.suppress(OSError, ValueError):
        for raw in stream or ():
            if not found:
                line = raw.decode(errors="replace").rstrip()
                found = FORWARDING.match(line) is not None
                lines.put(line)
    lines.put(None)


def _address(lines: "queue.SimpleQueue[str | None]", cluster: Cluster, place: str, patience: float) -> str:
    deadline = time.monotonic() + patience
    printed: list[str] = []
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise ToolFailed(
                f"no way to service {place}",
                why=f"kubectl port-forward opened no port in {patience:g} s; no pod of the Service may be running",
                fix="see the pods: inv status",
                detail="\n".join(printed),
            ) from None
        if line is None:
            raise _refused("\n".join(printed), cluster, place)
        found = FORWARDING.match(line)
        if found:
            return f"http://{found[1]}"
        printed.append(line)


def _refused(text: str, cluster: Cluster, place: str) -> KubetasksError | Lost:
    trouble = classify(text, cluster.server)
    if trouble is None:
        return ToolFailed(f"no way to service {place}", why=reason(text), fix="see the pods: inv status", detail=text)
    error = error_for(cluster, trouble)
    return error if isinstance(error, (ContextNotFound, Forbidden)) else Lost(error, passing=trouble.passing)
