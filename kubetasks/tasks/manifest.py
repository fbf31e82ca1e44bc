"""Raw manifests: ``manifest.render``, ``manifest.validate``, ``manifest.apply``."""

import sys

from invoke.context import Context

from kubetasks.tasks._edge import command, edge, flags

COMMON = ("target", "context", "namespace", "env-file", "offline")


@command(help=flags(*COMMON))
def render(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Print the manifests as they are applied."""
    import yaml

    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    _, objects = found.rendered()
    sys.stdout.write(found.redactor(yaml.safe_dump_all(objects, sort_keys=False)))


@command(help=flags(*COMMON))
def validate(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Let the cluster check the manifests without applying them."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    _, objects = found.rendered()
    found.target.store.apply(objects, dry_run=True)
    judge = "the API server" if found.target.cluster else "the renderer (the local target has no API server)"
    found.console.line(f"{len(objects)} objects accepted by {judge}", mark="done")


@command(help=flags(*COMMON))
def apply(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", offline: bool = False
) -> None:
    """Apply the manifests and prune, without building, waiting or verifying."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, deployer="manifests",
        offline=offline,
    )  # fmt: skip
    survey, objects = found.rendered()
    with found.console.step("apply") as shown:
        found.deployer.apply(survey.release, objects, shown.update)
        shown.done(f"{len(objects)} objects")
