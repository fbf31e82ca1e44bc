"""What a fix may name of the project that is deployed, and the diagnosis of a target's namespace."""

from collections.abc import Callable

from kubetasks.diagnose.collect import take
from kubetasks.diagnose.engine import diagnose
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.snapshot import Ours, Snapshot
from kubetasks.errors import KubetasksError
from kubetasks.objects import Objects, identity
from kubetasks.settings import Settings
from kubetasks.targets.base import Target


def ours(settings: Settings, target: str = "") -> Ours:
    """The settings that a fix may name.

    Args:
        settings: the settings.
        target: the target's name.
    """
    cluster = {"kind": settings.kind.name, "minikube": settings.minikube.profile}.get(target, "")
    return Ours(
        project=settings.project,
        target=target,
        deployer=settings.deployer,
        services=list(settings.services),
        images=settings.images.repository,
        secret=settings.secret_name,
        secrets=list(settings.secrets),
        config=f"{settings.project}-config",
        manifests=settings.manifests.path.split("/")[0] if settings.services else "",
        chart=settings.chart.path if settings.services else "",
        cluster=cluster,
        offline=settings.offline,
    )


def snapshot(settings: Settings, target: Target, known: Callable[[str], str] = str) -> Snapshot:
    """A snapshot of the target's namespace.

    Raises:
        ClusterUnreachable: the API server does not answer.
    """
    return take(target.store, ours(settings, target.name), known, settings.in_namespace)


def cause(settings: Settings, target: Target, objects: Objects, known: Callable[[str], str] = str) -> Finding | None:
    """The root cause that keeps deployed objects from working; None if unknown, or if the cluster no longer exists.

    Args:
        settings: the settings.
        target: where they are deployed.
        objects: the objects; what is wrong with others in the same namespace is not of them.
        known: replaces the secrets that are known.
    """
    names = {identity(item) for item in objects}
    try:
        findings = diagnose(snapshot(settings, target, known))
    except KubetasksError:
        return None
    return next((each for each in findings if names & {each.subject, *each.affects}), None)
