"""The guard: which clusters may be touched.

A context is allowed when it is a known local cluster *and* its API server is at a loopback, private or container
address; any other only when it is named with ``--context`` *and* listed in ``allowed_contexts``. A name alone proves
nothing (anybody can call a context ``kind-prod``), and neither does an address alone (a VPN reaches production at
10.0.0.1). No name is looked up: DNS could answer differently a second later.
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from kubetasks.errors import ContextRefused
from kubetasks.tools.kubeconfig import MINIKUBE, Context

LOCAL_NAMES: Final = frozenset(
    {"minikube", "docker-desktop", "docker-for-desktop", "rancher-desktop", "orbstack", "colima", "microk8s", "k3s"}
)
LOCAL_PREFIXES: Final = ("kind-", "k3d-", "colima-")

# Names that the tools put into kubeconfigs themselves and that lead to this machine.
LOCAL_HOSTS: Final = frozenset(
    {
        "localhost",
        "host.docker.internal",
        "gateway.docker.internal",
        "kubernetes.docker.internal",
        "host.minikube.internal",
        "control-plane.minikube.internal",
        "host.k3d.internal",
        "host.rancher-desktop.internal",
        "k8s.orb.local",
    }
)

# Loopback, RFC 1918, RFC 4193, and "this host" (k3d writes 0.0.0.0). Not 100.64.0.0/10 (RFC 6598): carriers and mesh
# VPNs use it to reach other people's machines. Not link-local either: 169.254.169.254 is a cloud's metadata service.
LOCAL_NETWORKS: Final = tuple(
    ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "0.0.0.0/32",
        "::1/128",
        "::/128",
        "fc00::/7",
    )
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


def is_local_url(url: str) -> bool:
    """Whether a URL's host is at a loopback, private or container address; no name is looked up."""
    try:
        host = (urlsplit(url if "://" in url else f"//{url}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if host in LOCAL_HOSTS or host.endswith(".localhost"):
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in LOCAL_NETWORKS)


def is_local(context: Context, profiles: Collection[str] = ()) -> bool:
    """Whether a context is a known local cluster at a local address.

    One that goes through a proxy is not: its address is then one of the proxy's network, wherever that is.
    """
    return is_known_local(context, profiles) and is_local_url(context.server) and not context.proxy


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
    if context.proxy:
        return f"it is called like a local cluster, but goes through the proxy {context.proxy}"
    return (
        f"it is called like a local cluster, but its API server is {server}, no loopback, private or container address"
    )
