"""Asking a container whether it is ready, at the moment when somebody wants to know."""

import http.client
from collections.abc import Mapping

from kubetasks.objects import Object
from kubetasks.targets.local import ports as loopback
from kubetasks.targets.local.environment import LOOPBACK


def _port(wanted: object, container: Object) -> int:
    """A probe's port, which may be the name of one of the container's."""
    if isinstance(wanted, int):
        return wanted
    listed = container.get("ports") or ()
    return next((int(port["containerPort"]) for port in listed if port.get("name") == wanted), 0)


def unready(container: Object, ports: Mapping[int, int]) -> str:
    """Why a running container is not ready, in the kubelet's words; empty when it is.

    An HTTP or TCP readiness probe is asked once. Without one, the first port must accept connections. A probe that runs
    a command is taken as passed.

    Args:
        container: with its ports and probes.
        ports: container port to loopback port.
    """
    probe = container.get("readinessProbe") or {}
    limit = float(probe.get("timeoutSeconds", 1))
    if "httpGet" in probe and str(probe["httpGet"].get("scheme", "HTTP")).upper() == "HTTP":
        wanted = _port(probe["httpGet"]["port"], container)
        return _get(probe["httpGet"], ports.get(wanted, wanted), limit)
    listed = container.get("ports") or ()
    spot = next((probe[kind] for kind in ("httpGet", "tcpSocket", "grpc") if kind in probe), None)
    if spot is not None:
        wanted = _port(spot["port"], container)
    elif "exec" in probe or not listed:
        return ""
    else:
        wanted = int(listed[0]["containerPort"])
    port = ports.get(wanted, wanted)
    if loopback.answers(port, limit):
        return ""
    return f"Readiness probe failed: dial tcp {LOOPBACK}:{port}: connect: connection refused"


def _get(spot: Object, port: int, limit: float) -> str:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=limit)
    path = str(spot.get("path") or "/")
    headers = {str(each["name"]): str(each["value"]) for each in spot.get("httpHeaders") or ()}
    try:
        connection.request("GET", path if path.startswith("/") else f"/{path}", headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f'Readiness probe failed: Get "http://{LOOPBACK}:{port}{path}": {error}'
    finally:
        connection.close()
    return "" if 200 <= status < 400 else f"Readiness probe failed: HTTP probe failed with statuscode: {status}"
