"""How a cluster is reached: whether anything listens there, through which proxy, and the private kubeconfig for it."""

import contextlib
import os
import socket
from typing import Final

from kubetasks.addresses import InvalidUrl, bypasses, endpoint
from kubetasks.environment import NO_PROXY
from kubetasks.settings import Settings
from kubetasks.targets import guard, kubeconfigs
from kubetasks.targets.base import Cluster
from kubetasks.targets.link import Link
from kubetasks.tools.kubeconfig import Context, Kubeconfig

# A local API server takes a connection within milliseconds, or nothing listens there. A paused one takes it, too, and
# never answers.
PATIENCE: Final = 1.0
ANSWER_WITHIN: Final = 5.0


def answers(server: str) -> bool:
    """Whether something at an API server's address answers. Only ever asked of loopback and private addresses.

    It is asked in plain HTTP: an HTTPS server says at once, without a handshake, that this is wrong.
    """
    try:
        _, host, port = endpoint(server)
        host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  (k3d writes that; nothing is bound)
        with socket.create_connection((host, port), timeout=PATIENCE) as connection:
            connection.settimeout(ANSWER_WITHIN)
            connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                connection.recv(1)
            return True
    except (OSError, InvalidUrl, UnicodeError):  # UnicodeError: a name that cannot be a host name
        return False


def proxy_for(server: str) -> str:
    """The proxy of the environment that requests to an API server go through; empty for none."""
    try:
        scheme, host, port = endpoint(server)
    except InvalidUrl:
        return ""
    names = (f"{scheme}_proxy".upper(), f"{scheme}_proxy")
    proxy = next((os.environ[name] for name in names if os.environ.get(name)), "")
    exceptions = next((os.environ[name] for name in NO_PROXY if os.environ.get(name)), "")
    return "" if bypasses(exceptions, host, port) else proxy


def reach(settings: Settings, config: Kubeconfig, context: Context, kind: str) -> Cluster:
    """The cluster behind a context that the guard let through, with a private kubeconfig for it alone.

    Args:
        settings: the namespace, the deadline, the names of minikube profiles.
        config: the user's kubeconfig.
        context: the context.
        kind: ``kind``, ``minikube`` or ``context``.

    Raises:
        KubeconfigError: the context's entries cannot be used; each reason has a class of its own.
        PluginFailed: its credentials come from a provider that kubectl has no more.
    """
    near = guard.is_near(context, (settings.minikube.profile,))
    return Cluster(
        context.name,
        settings.in_namespace,
        context.server,
        str(kubeconfigs.copied(config, context)),
        kind=kind,
        plugin=context.plugin,
        proxy=context.proxy or ("" if near else proxy_for(context.server)),
        local=near,
        link=Link(float(settings.deadline)),
    )
