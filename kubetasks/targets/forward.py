"""A way from loopback to a Service's port in a cluster, through ``kubectl port-forward``.

Asked for a Service, kubectl takes the pod that has been ready for longest, even while it is being deleted: right after
a rollout that is a pod of the revision before. So the pod is chosen here.
"""

import contextlib
import queue
import re
import threading
import time
from collections.abc import Iterator
from typing import IO, Final

from kubetasks.errors import ContextNotFound, Forbidden, KubetasksError, ToolFailed
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster
from kubetasks.targets.calls import Calls
from kubetasks.targets.contact import error_for
from kubetasks.targets.link import Attempt, Lost
from kubetasks.targets.serving import pod_of
from kubetasks.tools.kubectl import Kubectl, reason
from kubetasks.tools.trouble import classify

# kubectl prints it once the port is open: in a tenth of a second when a pod runs. Without one it waits for a minute.
PATIENCE: Final = 10.0
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

        def attempt(_: Attempt) -> str:
            with contextlib.ExitStack() as opened:
                url = opened.enter_context(_opened(cluster, runner, service, port, patience))
                stack.push(opened.pop_all())
            return url

        yield cluster.link.until_answered(attempt)


@contextlib.contextmanager
def _opened(cluster: Cluster, runner: Runner, service: str, port: int, patience: float) -> Iterator[str]:
    """One kubectl port-forward while the block lasts; raises Lost where the API server does not answer."""
    pod = pod_of(Calls(cluster, runner), cluster, service, port)
    kubectl = Kubectl(cluster.context, cluster.namespace)
    argv = (
        kubectl.port_forward(f"pod/{pod.name}", pod.port) if pod else kubectl.port_forward(f"service/{service}", port)
    )
    reader: threading.Thread | None = None
    try:
        with runner.spawn(argv, env=cluster.env, merge=True) as process:
            lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
            reader = threading.Thread(target=_read, args=(process.stdout, lines), name="port-forward", daemon=True)
            reader.start()
            yield _address(lines, cluster, f"{service}:{port}", patience)
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
