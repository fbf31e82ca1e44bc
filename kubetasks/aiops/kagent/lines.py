"""The two living lines of kagent, and which one a cluster has. Pure.

0.10 serves ``kagent.dev/v1alpha2`` and runs on Kubernetes up to 1.36. 1.0 serves ``api.kagent.dev/v1alpha3``, runs
every agent on Agent Substrate and needs Kubernetes 1.37; there is no upgrade from one to the other, and its CRDs take
the place of those of 0.10. https://kagent.dev/docs/kagent/latest/setup/installation/
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kubetasks.errors import KagentMissing, KagentUnsupported

SUPPORTED: Final = "0.10"
PINNED: Final = "0.10.4"
NEWEST_KUBERNETES: Final = (1, 36)
GROUP: Final = "kagent.dev"
NEXT_GROUP: Final = "api.kagent.dev"
VERSION: Final = "v1alpha2"
KINDS: Final = ("agents", "modelconfigs", "remotemcpservers")
INSTALL: Final = "inv aiops.agent.install"


@dataclass(frozen=True)
class Found:
    """What a cluster has of kagent.

    Args:
        kubernetes: major and minor version.
        served: each CRD of kagent and the versions that it serves, ``{"agents.kagent.dev": {"v1alpha2"}}``.
        controller: the controller's version, ``0.10.4``; empty if there is none.
        ready: whether the controller has a ready pod.
    """

    kubernetes: tuple[int, int]
    served: Mapping[str, frozenset[str]]
    controller: str = ""
    ready: bool = False

    @property
    def installed(self) -> bool:
        """Whether there is anything of kagent."""
        return bool(self.served or self.controller)


def served(crds: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """The CRDs of kagent among CustomResourceDefinitions, with the versions that each serves."""
    return {
        str(item["metadata"]["name"]): frozenset(
            str(each["name"]) for each in item["spec"].get("versions") or () if each.get("served")
        )
        for item in crds
        if item.get("spec", {}).get("group") in {GROUP, NEXT_GROUP}
    }


def version_of(deployment: Mapping[str, Any]) -> str:
    """The controller's version: of its label, else of its image's tag."""
    label = (deployment["metadata"].get("labels") or {}).get("app.kubernetes.io/version", "")
    image = deployment["spec"]["template"]["spec"]["containers"][0].get("image", "")
    for text in (str(label), str(image).rpartition(":")[2]):
        found = re.match(r"v?(\d+\.\d+(?:\.\d+)?(?:-[\w.]+)?)", text)
        if found:
            return found[1]
    return ""


def check_kubernetes(kubernetes: tuple[int, int]) -> None:
    """Reject a cluster that kagent 0.10 does not run on.

    Raises:
        KagentUnsupported: with the versions.
    """
    if kubernetes > NEWEST_KUBERNETES:
        newest = ".".join(map(str, NEWEST_KUBERNETES))
        raise KagentUnsupported(
            f"kagent {SUPPORTED} does not run on Kubernetes {'.'.join(map(str, kubernetes))}",
            why=f"it supports Kubernetes up to {newest}, and kagent 1.0, which needs 1.37, is not supported here",
            fix=f"use a cluster of Kubernetes {newest} or earlier; inv diagnose and inv aiops.ask work on any",
        )


def check_line(found: Found) -> None:
    """Refuse what is installed unless it is nothing or 0.10.

    Raises:
        KagentUnsupported: it is 1.0, an earlier line, or another controller than the CRDs.
    """
    if any(name.endswith(f".{NEXT_GROUP}") for name in found.served) or found.controller.startswith("1."):
        raise KagentUnsupported(
            f"kagent 1.0 is installed{f' ({found.controller})' if found.controller else ''}",
            why="our agent needs kagent.dev/v1alpha2; 1.0 serves api.kagent.dev/v1alpha3, with no upgrade path",
            fix=f"use a cluster with kagent {SUPPORTED} or none; inv diagnose and inv aiops.ask work on any",
        )
    agents = found.served.get(f"agents.{GROUP}")
    if agents is not None and VERSION not in agents:
        raise KagentUnsupported(
            f"the installed CRDs of kagent serve {', '.join(sorted(agents)) or 'nothing'}",
            why=f"{GROUP}/{VERSION} is needed, which kagent {SUPPORTED} serves",
            fix=f"upgrade kagent to {PINNED}: {INSTALL}",
        )
    if found.controller and not found.controller.startswith(f"{SUPPORTED}.") and found.controller != SUPPORTED:
        raise KagentUnsupported(
            f"kagent {found.controller} is installed",
            why=f"only {SUPPORTED} is supported",
            fix=f"upgrade it as its release notes say, or use a cluster without it: {INSTALL}",
        )


def check_there(found: Found) -> None:
    """Reject a cluster in which kagent is not installed whole.

    Raises:
        KagentMissing: CRDs or the controller do not exist.
    """
    missing = [f"{kind}.{GROUP}" for kind in KINDS if f"{kind}.{GROUP}" not in found.served]
    if missing:
        raise KagentMissing("kagent is not installed", why=f"there is no CRD {missing[0]}", fix=INSTALL)
    if not found.controller:
        raise KagentMissing("kagent is not installed", why="its controller does not exist", fix=INSTALL)
