"""The pod that takes a Service's requests, by its EndpointSlices."""

import json
from collections.abc import Iterable
from typing import NamedTuple

from kubetasks.errors import Forbidden
from kubetasks.objects import Object, Objects
from kubetasks.targets.base import Cluster
from kubetasks.targets.calls import Calls
from kubetasks.tools.kubectl import Kubectl

SERVICE_NAME = "kubernetes.io/service-name"


class Pod(NamedTuple):
    """A pod and the port of its own that a Service's port leads to."""

    name: str
    port: int


def slices_of(items: Iterable[Object], service: str) -> Objects:
    """The EndpointSlices of a Service, among any objects."""
    return [item for item in items if (item["metadata"].get("labels") or {}).get(SERVICE_NAME) == service]


def terminating(endpoint: Object) -> bool:
    """Whether the pod behind an endpoint is being deleted."""
    return (endpoint.get("conditions") or {}).get("terminating") is True


def ready(endpoint: Object) -> bool:
    """Whether an endpoint takes requests; as the API says, unknown readiness counts as ready."""
    return not terminating(endpoint) and (endpoint.get("conditions") or {}).get("ready") is not False


def choose(items: Objects, service: str, port: int) -> Pod | None:
    """The pod to ask in a Service's place: a ready one, else one that is not ready yet, never one that is ending.

    Args:
        items: Services and EndpointSlices.
        service: the Service's name.
        port: the Service's port.
    """
    names = {
        each.get("name", "")
        for item in items
        if item["kind"] == "Service" and item["metadata"]["name"] == service
        for each in item.get("spec", {}).get("ports") or ()
        if each.get("port") == port
    }
    found: list[tuple[bool, Pod]] = []
    for item in slices_of(items, service):
        number = next((each.get("port") for each in item.get("ports") or () if (each.get("name") or "") in names), None)
        if number is None:
            continue
        for endpoint in item.get("endpoints") or ():
            reference = endpoint.get("targetRef") or {}
            if reference.get("kind") == "Pod" and not terminating(endpoint):
                found.append((not ready(endpoint), Pod(reference["name"], number)))
    return min(found)[1] if found else None


def pod_of(calls: Calls, cluster: Cluster, service: str, port: int) -> Pod | None:
    """The pod to ask in a Service's place, from the cluster; None where it has none or may not be asked.

    Raises:
        NoContact: the API server does not answer.
    """
    try:
        result = calls.call(Kubectl(cluster.context, cluster.namespace).get(["Service", "EndpointSlice"]))
    except Forbidden:
        return None
    return choose(json.loads(result.stdout)["items"], service, port) if result.ok and result.stdout.strip() else None
