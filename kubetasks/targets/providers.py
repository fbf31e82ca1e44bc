"""What makes local clusters: one file each, found through this table and the entry points ``kubetasks.targets``.

A package adds one with an entry point that names a ``Provider``::

    [project.entry-points."kubetasks.targets"]
    microk8s = "my_package.microk8s:PROVIDER"
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from kubetasks.errors import KubetasksError
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster, Target
from kubetasks.tools.kubeconfig import Context

GROUP: Final = "kubetasks.targets"
# The first one that matches counts; `context` matches every context.
BUILT_IN: Final = ("kind", "minikube", "docker_desktop", "k3d", "context")


@dataclass(frozen=True)
class Provider:
    """What makes clusters of one kind.

    Args:
        name: the target's name in output: ``kind``, ``docker-desktop`` …
        match: whether a context is one of its clusters, given the names of the minikube profiles in the settings.
        make: makes the target for a context that the guard let through; the last argument says why it was chosen.
    """

    name: str
    match: Callable[[Context, Collection[str]], bool]
    make: Callable[[Settings, Runner, Cluster, str], Target]


@cache
def providers() -> tuple[Provider, ...]:
    """All of them, those of installed packages first.

    Raises:
        KubetasksError: a package's entry point cannot be used.
    """
    return (*_installed(), *(import_module(f"kubetasks.targets.{name}").PROVIDER for name in BUILT_IN))


def _installed() -> list[Provider]:
    found = []
    for point in entry_points(group=GROUP):
        try:
            provider = point.load()
        except Exception as error:  # noqa: BLE001  (whatever a package does at import)
            raise _unusable(point.name, f"{type(error).__name__}: {error}") from None
        if not isinstance(provider, Provider):
            raise _unusable(point.name, f"{point.value} is not a kubetasks.targets.providers.Provider")
        found.append(provider)
    return found


def _unusable(name: str, why: str) -> KubetasksError:
    return KubetasksError(
        f"the entry point {name} of {GROUP} cannot be used", why=why, fix="fix or uninstall the package that has it"
    )


def provider_of(context: Context, profiles: Collection[str] = ()) -> Provider:
    """The provider of a context.

    Args:
        context: the context.
        profiles: names of minikube profiles.
    """
    return next(each for each in providers() if each.match(context, profiles))


def named(name: str) -> Provider:
    """The provider of that name.

    Raises:
        LookupError: there is none.
    """
    return next(each for each in providers() if each.name == name)
