"""Hosts and URLs: which of them are on this machine or its private networks. No name is looked up."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

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
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class InvalidUrl(ValueError):
    """A URL that no program can connect to; says why."""


def with_scheme(url: str) -> str:
    """The URL with a scheme; kubectl too takes ``host:port`` for ``https://host:port``."""
    return url if "://" in url else f"https://{url}"


def host_of(url: str) -> str:
    """The host of a URL, without a trailing dot; empty if there is none."""
    try:
        return (urlsplit(with_scheme(url)).hostname or "").rstrip(".")
    except ValueError:
        return ""


def endpoint(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL.

    Raises:
        InvalidUrl: the scheme is neither http nor https, there is no host, or the port is not between 1 and 65535.
    """
    try:
        parts = urlsplit(with_scheme(url))
        host = parts.hostname or ""
    except ValueError as error:
        raise InvalidUrl(str(error)) from None
    if any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidUrl("it contains a space or a control character")
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidUrl(f"its scheme is {parts.scheme}, not https or http")
    if not host:
        raise InvalidUrl("it has no host")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port is None:
        port = DEFAULT_PORTS[parts.scheme]
    if not 1 <= port <= 65535:
        shown = parts.netloc.rpartition("@")[2].rpartition(":")[2]
        raise InvalidUrl(f"its port is {shown}, not a number between 1 and 65535")
    return parts.scheme, host, port


def without_password(url: str) -> str:
    """The URL as it may be shown: without a user name and a password."""
    head, separator, rest = url.partition("://")
    if not separator:
        head, rest = "", url
    authority, slash, path = rest.partition("/")
    return f"{head}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def is_local_url(url: str) -> bool:
    """Whether a URL's host is at a loopback, private or container address; no name is looked up."""
    host = host_of(url)
    if host in LOCAL_HOSTS or host.endswith(".localhost"):
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address.version == network.version and address in network for network in LOCAL_NETWORKS)


def bypasses(exceptions: str, host: str, port: int) -> bool:
    """Whether a host is reached without a proxy, by the rules of Go's ``golang.org/x/net/http/httpproxy``.

    Args:
        exceptions: what $NO_PROXY says.
        host: the host, an address or a name.
        port: its port.
    """
    try:
        address: IPv4Address | IPv6Address | None = ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for each in (part.strip().lower() for part in exceptions.split(",")):
        if each == "*":
            return True
        name, _, wanted = each.rpartition(":") if re.search(r"[^:]:\d+$", each) else (each, "", "")
        if name and wanted in {"", str(port)} and _covers(name, host, address):
            return True
    return False


def _covers(exception: str, host: str, address: IPv4Address | IPv6Address | None) -> bool:
    if address is not None:
        try:
            return address in ip_network(exception, strict=False)
        except ValueError:
            return False
    domain = exception.removeprefix("*").removeprefix(".")
    return host.endswith(f".{domain}") or (host == domain and not exception.startswith((".", "*")))
