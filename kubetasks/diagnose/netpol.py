"""NetworkPolicies: which one keeps two pods from talking.

Whether a policy is enforced is the network plugin's business; what it says is not.
Source of the rules: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from kubetasks.diagnose.graph import World, labels_match
from kubetasks.objects import Object

Direction = Literal["Ingress", "Egress"]
DNS_PORT = 53


def selecting(world: World, labels: Mapping[str, str], direction: Direction) -> list[Object]:
    """The policies that isolate pods with these labels in one direction."""
    found = []
    for item in world.all("NetworkPolicy"):
        spec = item.get("spec") or {}
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        if direction in types and labels_match(spec.get("podSelector"), labels):
            found.append(item)
    return found


def _rules(policies: list[Object], direction: Direction) -> Iterator[Mapping[str, Any]]:
    for item in policies:
        yield from (item.get("spec") or {}).get(direction.lower()) or ()


def _port_fits(rule: Mapping[str, Any], port: int, names: Mapping[str, int]) -> bool:
    ports = rule.get("ports")
    if not ports:
        return True
    for each in ports:
        first = each.get("port")
        if first is None:
            return True
        number = names.get(first) if isinstance(first, str) else first
        if number is not None and number <= port <= int(each.get("endPort") or number):
            return True
    return False


def _peer_fits(world: World, peer: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a peer of a rule is a pod of this namespace with these labels."""
    if "ipBlock" in peer:
        return False  # pods have addresses of their own; no one allows them by block
    if "namespaceSelector" in peer:
        here = world.get("Namespace", world.snapshot.namespace)
        known = {"kubernetes.io/metadata.name": world.snapshot.namespace}
        own = {**known, **(((here or {}).get("metadata") or {}).get("labels") or {})}
        if not labels_match(peer.get("namespaceSelector"), own):
            return False
    return labels_match(peer.get("podSelector"), labels)


def _lets(
    world: World, rule: Mapping[str, Any], side: str, labels: Mapping[str, str], port: int, names: Mapping[str, int]
) -> bool:
    peers = rule.get(side)
    if not _port_fits(rule, port, names):
        return False
    return not peers or any(_peer_fits(world, peer, labels) for peer in peers)


def blocking(
    world: World, client: Mapping[str, str], server: Mapping[str, str], port: int, names: Mapping[str, int]
) -> tuple[Object, Direction] | None:
    """The policy that keeps a client from a server's port; None if none does.

    Args:
        world: the snapshot.
        client: the labels of the pod that asks.
        server: the labels of the pod that is asked.
        port: the port of the server's container.
        names: the named ports of the server's container.
    """
    sides: tuple[tuple[Direction, Mapping[str, str], str, Mapping[str, str]], ...] = (
        ("Ingress", server, "from", client),
        ("Egress", client, "to", server),
    )
    for direction, isolated, side, peer in sides:
        policies = selecting(world, isolated, direction)
        if policies and not any(_lets(world, rule, side, peer, port, names) for rule in _rules(policies, direction)):
            return policies[0], direction
    return None


def without_dns(world: World, labels: Mapping[str, str]) -> Object | None:
    """The policy that keeps a pod from the cluster's DNS; None if none does."""
    policies = selecting(world, labels, "Egress")
    if not policies:
        return None
    for rule in _rules(policies, "Egress"):
        if not _port_fits(rule, DNS_PORT, {"dns": DNS_PORT, "dns-tcp": DNS_PORT}):
            continue
        peers = rule.get("to")
        if not peers or any("namespaceSelector" in peer or "ipBlock" in peer for peer in peers):
            return None
    return policies[0]


def outside(world: World, labels: Mapping[str, str], port: int) -> Object | None:
    """The policy that keeps a pod from a port of a host outside the cluster; None if none does."""
    policies = selecting(world, labels, "Egress")
    for rule in _rules(policies, "Egress"):
        peers = rule.get("to")
        if _port_fits(rule, port or 443, {}) and (not peers or any("ipBlock" in peer for peer in peers)):
            return None
    return policies[0] if policies else None
