"""The guard: which clusters may be touched.

A context is allowed when it is a known local cluster *and* its API server is at a loopback, private or container
address *and* nothing in it says that the address is only a door to somewhere else; any other only when it is named with
``--context`` *and* listed in ``allowed_contexts``. A name alone proves nothing (anybody can call a context
``kind-prod``), and neither does an address alone (a VPN reaches production at 10.0.0.1, a tunnel at 127.0.0.1). No name
is looked up: DNS could answer differently a second later.

What is checked is what is used: the private kubeconfig of every child is written from the same entries.
"""

from collections.abc import Collection
from typing import Final

from kubetasks.addresses import LOCAL_HOSTS, is_local_url, without_password
from kubetasks.errors import ContextRefused
from kubetasks.tools.kubeconfig import MINIKUBE, Context

LOCAL_NAMES: Final = frozenset(
    {"minikube", "docker-desktop", "docker-for-desktop", "rancher-desktop", "orbstack", "colima", "microk8s", "k3s"}
)
LOCAL_PREFIXES: Final = ("kind-", "k3d-", "colima-")

# Names that the certificate of any API server has; a tunnel to a cluster far away is called by its own.
# https://kubernetes.io/docs/setup/best-practices/certificates/
CERTIFICATE_NAMES: Final = frozenset(
    {
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster",
        "kubernetes.default.svc.cluster.local",
        "minikube",
        "minikubeCA",
    }
)


def is_known_local(context: Context, profiles: Collection[str] = ()) -> bool:
    """Whether a context has the name of a local cluster.

    Args:
        context: the context.
        profiles: names of minikube profiles.
    """
    name = context.name
    return (
        name in LOCAL_NAMES
        or name in profiles
        or any(name.startswith(prefix) and name != prefix for prefix in LOCAL_PREFIXES)
        or context.provider == MINIKUBE
    )


def is_near(context: Context, profiles: Collection[str] = ()) -> bool:
    """Whether a context has the name and the address of a local cluster, and no proxy: it is reached directly."""
    return is_known_local(context, profiles) and is_local_url(context.server) and not context.proxy


def is_local(context: Context, profiles: Collection[str] = ()) -> bool:
    """Whether a context is a known local cluster at a local address, and nothing in it leads elsewhere."""
    return is_near(context, profiles) and not _elsewhere(context)


def _elsewhere(context: Context) -> str:
    """What in a context says that its local address is a door to somewhere else; empty for nothing.

    No tool that makes local clusters writes any of these.
    """
    name = context.tls_server_name
    if name and name not in CERTIFICATE_NAMES and name not in LOCAL_HOSTS and not is_local_url(name):
        return f"its certificate is checked against the name {name} (tls-server-name)"
    if context.insecure:
        return "its certificate is not checked (insecure-skip-tls-verify), so nothing proves which cluster it is"
    if context.plugin:
        return f"its credentials come from the program {context.plugin}"
    return ""


def check(context: Context, *, allowed: Collection[str], named: str = "", profiles: Collection[str] = ()) -> None:
    """Refuse a context that may not be touched.

    Args:
        context: the context.
        allowed: the setting ``allowed_contexts``.
        named: what ``--context`` named; empty when it was not given.
        profiles: names of minikube profiles.

    Raises:
        ContextRefused: with what is missing, and what to type.
    """
    if is_local(context, profiles):
        return
    listed, given = context.name in allowed, named == context.name
    if listed and given:
        return
    todo = [
        *([] if listed else [f"add `{context.name}` to kubetasks.allowed_contexts in invoke.yaml"]),
        *([] if given else [f"add --context {context.name} to the command"]),
    ]
    raise ContextRefused(
        f"context {context.name} may not be touched",
        why=f"{_why(context, profiles)}; another one must be both named with --context and listed in allowed_contexts",
        fix=f"if you mean it, {' and '.join(todo)}",
    )


def _why(context: Context, profiles: Collection[str]) -> str:
    server = context.server or "no address"
    if not is_known_local(context, profiles):
        return f"it is not a known local cluster (its API server: {server})"
    if not is_local_url(context.server):
        return (
            f"it is called like a local cluster, but its API server is {server}, not a loopback, private or container "
            "address"
        )
    if context.proxy:
        return f"it is called like a local cluster, but goes through the proxy {without_password(context.proxy)}"
    return f"it is called like a local cluster, but {_elsewhere(context)}"
