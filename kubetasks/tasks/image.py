"""Images: ``image.build``, ``image.list``, ``image.load``, ``image.prune``, ``image.scan``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags
from kubetasks.tasks._scan import HELP as SCAN_HELP

if TYPE_CHECKING:
    from kubetasks.images.plan import Image

COMMON = ("target", "context", "offline")


def images_of(found: Edge, service: str) -> "list[Image]":
    """The images of all services or of one.

    Raises:
        UsageError: there is no such service.
    """
    from kubetasks.errors import UsageError
    from kubetasks.images.plan import plan

    images = plan(found.settings, found.root, found.target.repository)
    if found.target.cluster is not None:
        for image in images.values():
            image.check()
    if service and service not in images:
        raise UsageError(f"--service {service}", why="unknown value", fix=f"choose one of {', '.join(images)}")
    return [images[service]] if service else list(images.values())


@command(help=flags(*COMMON, service="only this one", force="build even if the image exists"))
def build(
    c: Context, target: str = "", context: str = "", offline: bool = False, service: str = "", force: bool = False
) -> None:
    """Build the images that do not exist yet."""
    from kubetasks.images import architecture, room
    from kubetasks.images.build import build as run
    from kubetasks.images.engine import view
    from kubetasks.images.ledger import Ledger

    found = edge(c, target=target, cluster_context=context, offline=offline)
    images = images_of(found, service)
    if found.target.cluster is None:
        found.console.line("the local target needs no images; name another with --target", mark="skipped")
        return
    found.target.preflight()
    env, ledger = found.target.build_env(), Ledger.of(found.root, found.target)
    there = view(images, ledger, found.runner, env)
    absent = [image for image in images if there.of(image, image.built_as) is None]
    replaced = [image for image in images if image not in absent and (force or there.moved(image))]
    architecture.check((*absent, *replaced), found.target.store)
    for note in (note for image in (*absent, *replaced) for note in image.notes()):
        found.console.line(note, mark="note")
    short = room.shortage((*absent, *replaced), found.target, found.runner)
    if short:
        found.console.line(short, mark="note")
    if found.dry:
        found.would(*(f"build {image.built_as}" for image in (*absent, *replaced)))
        return
    with found.console.step("build") as shown:
        if not absent and not replaced:
            shown.skip("all there")
            return

        def progress(name: str, line: str) -> None:
            shown.update(f"{name}: {line}")

        run(absent, found.settings, found.runner, env, progress, ledger, cache=not force)
        run(replaced, found.settings, found.runner, env, progress, ledger, cache=not force, pending=True)
        shown.done(", ".join(image.built_as for image in (*absent, *replaced)))


@command(name="list", help=flags(*COMMON, "json"))
def list_(c: Context, target: str = "", context: str = "", offline: bool = False, json: bool = False) -> None:
    """List the images, and show whether they are built and on the target."""
    from kubetasks.images.arrival import is_right
    from kubetasks.images.engine import view
    from kubetasks.images.ledger import Ledger

    found = edge(c, target=target, cluster_context=context, offline=offline, as_json=json)
    images = images_of(found, "")
    if found.target.cluster is None:
        rows = [[image.service, image.reference, "not needed", "not needed"] for image in images]
    else:
        ledger = Ledger.of(found.root, found.target)
        engine = view(images, ledger, found.runner, found.target.build_env())
        contents = found.target.contents([image.reference for image in images])
        rows = [
            [
                image.service,
                image.reference,
                "no" if engine.of(image) is None or engine.moved(image) else "yes",
                "yes" if is_right(image, contents.get(image.reference), (), ledger) else "no",
            ]
            for image in images
        ]
    columns = ["SERVICE", "IMAGE", "BUILT", "ON TARGET"]
    if json:
        found.print_json([dict(zip(("service", "image", "built", "on_target"), row, strict=True)) for row in rows])
    else:
        found.console.table(columns, rows)


@command(help=flags(*COMMON))
def load(c: Context, target: str = "", context: str = "", offline: bool = False) -> None:
    """Deliver the built images to the target."""
    from kubetasks.images.arrival import is_right
    from kubetasks.images.ledger import Ledger

    found = edge(c, target=target, cluster_context=context, offline=offline)
    images, ledger = images_of(found, ""), Ledger.of(found.root, found.target)
    with found.console.step("load") as shown:
        if found.target.cluster is None:
            shown.skip("the local target needs no images")
            return
        contents = found.target.contents([image.reference for image in images])
        missing = [
            image.reference for image in images if not is_right(image, contents.get(image.reference), (), ledger)
        ]
        if not missing:
            shown.skip("the target already has all of them")
            return
        if found.dry:
            shown.skip(f"would load {', '.join(missing)}")
            return
        found.target.preflight()
        found.target.deliver(missing, shown.update)
        shown.done(", ".join(missing))


@command(help=flags(*COMMON))
def prune(c: Context, target: str = "", context: str = "", offline: bool = False) -> None:
    """Remove old images that no revision needs from engine and nodes (setting `images.keep`)."""
    from kubetasks.deployers import history
    from kubetasks.deployers.belonging import read
    from kubetasks.images.prune import built, spare
    from kubetasks.images.prune import prune as run
    from kubetasks.objects import PART_OF, PROJECT, containers

    found = edge(c, target=target, cluster_context=context, offline=offline)
    images = images_of(found, "")
    if found.target.cluster is None:
        found.console.line("the local target has no images", mark="skipped")
        return
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "ConfigMap")
    project = found.settings.project
    live = read(found.target.store, kinds, project)
    # Another namespace may run the same images, with pull policy Never.
    elsewhere = [found.on_cluster.get_everywhere(kinds, selector=f"{label}={project}") for label in (PROJECT, PART_OF)]
    nodes = None
    if None in elsewhere:
        found.note("the nodes keep their images: you may not list what other namespaces need")
    else:
        nodes = found.on_cluster.nodes_with_images
    live = [*live, *(item for items in elsewhere for item in items or ())]
    paths = found.settings.pod_templates
    used = {str(container.get("image")) for item in live for container in containers(item, paths)}
    # What `rollback --to` may go back to.
    used |= {reference for revision in history.revisions(live) for reference in revision.images}
    env = found.target.build_env()
    repositories = [image.repository for image in images]
    if found.dry:
        old = spare(images, found.settings, found.runner, env, in_use=used)
        stay = {each.reference for each in built(images, found.runner, env)} - set(old)
        on_nodes = nodes.spare(repositories, stay | used) if nodes is not None else {}
        lines = [f"remove {name} from {node}" for node, names in on_nodes.items() for name in names]
        found.would(*(f"remove {reference}" for reference in old), *lines)
        return
    with found.console.step("prune") as shown:
        removed = run(images, found.settings, found.runner, env, in_use=used)
        gone: list[str] = []
        if nodes is not None:
            stay = {each.reference for each in built(images, found.runner, env)}
            gone = nodes.remove(nodes.spare(repositories, stay | used))
        counts = [f"{len(removed)} removed"] * bool(removed) + [f"{len(gone)} removed from the nodes"] * bool(gone)
        shown.done(", ".join(counts) or "nothing to remove")


@command(
    help=flags(
        *COMMON,
        "json",
        service="only this one",
        **SCAN_HELP,
    )
)
def scan(
    c: Context,
    target: str = "",
    context: str = "",
    offline: bool = False,
    service: str = "",
    fail_on: str = "error",
    tool: str = "",
    json: bool = False,
) -> None:
    """Scan the Dockerfiles and the built images: user, size, caches, secrets, age of the base."""
    from kubetasks.tasks._scan import check_level, chosen, image_scan, show

    check_level(fail_on)
    wanted = chosen(tool, ("hadolint", "checkov", "image"))
    found = edge(c, target=target, cluster_context=context, offline=offline, as_json=json)
    if found.dry:
        found.would("scan the Dockerfiles and the built images")
        return
    show(
        found, image_scan(found, images_of(found, service) if "image" in wanted or not wanted else [], wanted), fail_on
    )
