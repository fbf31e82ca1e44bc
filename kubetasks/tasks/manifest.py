"""Raw manifests: ``manifest.render``, ``manifest.validate``, ``manifest.apply``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags, waiting

if TYPE_CHECKING:
    from kubetasks.objects import Objects
    from kubetasks.survey import Survey

COMMON = ("target", "context", "namespace", "env-file", "offline")


def would_apply(found: Edge, survey: "Survey", objects: "Objects") -> list[str]:
    """What applying would do, one line each."""
    from kubetasks.deployers.manifests import orphans
    from kubetasks.objects import identity

    spare = orphans(survey.live, objects, found.settings.project)
    wanted = without_finished(objects, survey)
    return [*(f"apply {identity(item)}" for item in wanted), *(f"delete {identity(item)}" for item in spare)]


def without_finished(objects: "Objects", survey: "Survey") -> "Objects":
    """The objects without the Jobs that have completed and no longer exist: applied again, they would run again."""
    from kubetasks.deployers.finished import gone
    from kubetasks.objects import identity

    finished = gone(objects, survey.live, survey.finished)
    return [item for item in objects if identity(item) not in finished]


@command(help=flags(*COMMON))
def render(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Print the manifests as they are applied."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    survey, objects = found.rendered()
    found.print_objects(objects, survey)


@command(help=flags(*COMMON))
def validate(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Check the manifests on the cluster without applying them."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    _, objects = found.rendered()
    found.target.store.apply(objects, dry_run=True)
    judge = "the API server" if found.target.cluster else "the renderer (the local target has no API server)"
    found.console.line(f"{len(objects)} objects accepted by {judge}", mark="done")


@command(help=flags(*COMMON, "lock-wait"))
def apply(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    env_file: str = "",
    offline: bool = False,
    lock_wait: int = 0,
) -> None:
    """Apply the manifests and prune, without building, waiting or verifying."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    wait, survey = waiting(lock_wait), found.survey(ask=False)
    if found.dry:
        found.would(*would_apply(found, survey, found.deployer.render(survey.release)))
        return
    with found.changing("manifest.apply", survey, wait) as now, found.console.step("apply") as shown:
        objects = found.deployer.render(now.release)
        wanted = without_finished(objects, now)
        found.deployer.apply(now.release, wanted, shown.update)
        found.deployer.prune(objects, shown.update)
        shown.done(f"{len(objects)} objects")
