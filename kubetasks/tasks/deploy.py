"""Deploying: ``deploy``, ``plan``, ``diff``, ``rollback``, ``destroy``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags

if TYPE_CHECKING:
    from kubetasks.deploy import Deploy

COMMON = ("target", "context", "namespace", "with", "env-file", "offline")


def _deploy(found: Edge, *, check: bool, force: bool) -> "Deploy":
    from kubetasks.deploy import Deploy

    survey = found.survey()
    if force:
        from dataclasses import replace

        survey = replace(survey, forced=True)
    return Deploy(found.settings, found.root, found.runner, found.console, found.deployer, survey, check)


@command(
    help=flags(
        *COMMON,
        "json",
        dry_run="print the plan and stop",
        force="build the images anew, without the builder's cache, and go through every step",
        verify="prove at the end that the application works",
    )
)
def deploy(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    env_file: str = "",
    offline: bool = False,
    dry_run: bool = False,
    force: bool = False,
    verify: bool = True,
    json: bool = False,
) -> None:
    """Build, deliver, deploy and verify the application."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, deployer=with_, env_file=env_file,
        offline=offline, as_json=json,
    )  # fmt: skip
    work = _deploy(found, check=verify, force=force)
    if dry_run or found.dry:
        _show_plan(found, work)
        return
    work.run()
    unchanged = work.survey.unchanged
    if json:
        revision = work.revision or work.survey.last
        found.print_json(
            {
                "target": found.target.name,
                "namespace": found.settings.in_namespace,
                "revision": revision.number if revision else 0,
                "changed": not unchanged,
                "verified": bool(revision and revision.verified),
                "images": dict(work.survey.release.images),
            }
        )
    for line in found.left_out() if not unchanged else []:
        found.console.line(line, mark="note")
    found.console.finished(
        f"Nothing to do for {found.settings.project}" if unchanged else f"Deployed {found.settings.project}"
    )


def _show_plan(found: Edge, work: "Deploy") -> None:
    steps = work.plan()
    if found.as_json:
        found.print_json([dict(zip(("step", "action", "what"), step.row(), strict=True)) for step in steps])
        return
    found.console.table(["STEP", "ACTION", "WHAT"], [step.row() for step in steps])


@command(help=flags(*COMMON, "json"))
def plan(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    env_file: str = "",
    offline: bool = False,
    json: bool = False,
) -> None:
    """Print what deploy would do and why, and change nothing."""
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, deployer=with_, env_file=env_file,
        offline=offline, as_json=json,
    )  # fmt: skip
    _show_plan(found, _deploy(found, check=True, force=False))


@command(help=flags(*COMMON, exit_code="exit with 1 when there is a difference"))
def diff(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    env_file: str = "",
    offline: bool = False,
    exit_code: bool = False,
) -> None:
    """Print what deploy would change in the live objects."""
    from invoke.exceptions import Exit

    from kubetasks.deployers.diff import differences

    found = edge(
        c,
        target=target,
        cluster_context=context,
        namespace=namespace,
        deployer=with_,
        env_file=env_file,
        offline=offline,
    )
    survey, objects = found.rendered()
    lines = differences(found.target.store, found.settings, survey, objects)
    for line in lines or ["no difference"]:
        found.console.line(line)
    if lines and exit_code:
        raise Exit(code=1)


@command(help=flags("target", "context", "namespace", to="the revision to go back to; the last good one by default"))
def rollback(c: Context, target: str = "", context: str = "", namespace: str = "", to: int = 0) -> None:
    """Go back to the last good revision."""
    from kubetasks.deployers.back import choose, roll_back

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    survey = found.survey(ask=False)
    if found.dry:
        goal = choose(survey, to)
        found.would(f"roll back to revision {goal.number} of {goal.at}, deployed with {goal.deployer}")
        return
    roll_back(found.settings, found.console, survey, found.deployer_named, to)
    found.console.finished(f"Rolled back {found.settings.project}")


def _doomed(found: Edge) -> list[str]:
    """What ``destroy`` would delete, one line each."""
    from kubetasks.deployers import ownership
    from kubetasks.objects import PART_OF, identity
    from kubetasks.survey import SURVEYED

    name, project = found.settings.in_namespace, found.settings.project
    namespace = found.target.store.get(["Namespace"])
    if not namespace:
        return [f"delete nothing: there is no namespace {name}"]
    if ownership.owned(namespace[0], project):
        return [f"delete namespace {name} with everything in it, volumes included"]
    kinds = [*(kind for kind in SURVEYED if kind != "Pod"), "PersistentVolumeClaim"]
    live = found.target.store.get(kinds, selector=f"{PART_OF}={project}")
    return [f"delete {identity(item)}" for item in live] or ["delete nothing: no object of the project is there"]


@command(help=flags("target", "context", "namespace"))
def destroy(c: Context, target: str = "", context: str = "", namespace: str = "") -> None:
    """Take back everything that deploy brought, the namespace and its data included."""
    from kubetasks.deployers.back import take_down

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    if found.dry:
        found.would(*_doomed(found))
        return
    take_down(found.settings, found.console, found.target, found.deployer_named)
    found.console.finished(f"Destroyed {found.settings.project}")
