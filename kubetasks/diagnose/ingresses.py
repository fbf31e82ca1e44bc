"""Ingresses: the Services that they lead to, and where in the object each is named."""

from collections.abc import Iterator
from typing import Any

from kubetasks.objects import Object


def paths(ingress: Object) -> Iterator[tuple[str, Any]]:
    """The JSON pointer of each Service that an Ingress leads to, and the value there: its name and port."""
    spec = ingress.get("spec") or {}
    if (spec.get("defaultBackend") or {}).get("service"):
        yield "/spec/defaultBackend/service", spec["defaultBackend"]["service"]
    for number, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            service = (path.get("backend") or {}).get("service")
            if service:
                yield f"/spec/rules/{number}/http/paths/{index}/backend/service", service


def backends(ingress: Object) -> list[str]:
    """The names of the Services that an Ingress leads to."""
    return list(dict.fromkeys(str(service.get("name")) for _, service in paths(ingress)))
