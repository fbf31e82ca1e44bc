"""Deploying: ``deploy``, ``plan``, ``diff``, ``rollback``, ``destroy``."""

from typing import TYPE_CHECKING, Any

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags, waiting

if TYPE_CHECKING:
    from kubetasks.deploy import Deploy
    from kubetasks.deployers.back import Rollback
    from kubetasks.hooks import Hooks
    from kubetasks.objects import Objects
    from kubetasks.tasks._verify import Files

COMMON = ("target", "context", "namespace", "with", "env-file", "offline")


def work_of(found: Edge, *, check: bool = True, force: bool = False, lock_wait: int = 0, ask: bool = True) -> "Deploy":
    """A deploy that has not begun; see ``Deploy`` for the flags. ``ask``: prompt for secrets that have no value."""
    from kubetasks.deploy import Deploy

    wait = waiting(lock_wait)
    survey = found.survey(ask=ask, force=force)
    return Deploy(
        found.settings, found.root, found.runner, found.console, found.deployer, survey, check,
        lock_wait=wait, again=lambda: found.survey(ask=False, force=force), hooks=hooks_of(found),
    )  # fmt: skip


def hooks_of(found: Edge) -> "Hooks":
    """The application's own steps; none in a deploy that a hook has started."""
    from kubetasks.hooks import Hooks

    return Hooks(found.settings, found.root, found.runner, found.target, nested=found.in_hook)


def prepare_build(found: Edge) -> None:
    """Run the hook before the build. It may make files that images are built from, so it comes before their tags.

    Raises:
        HookFailed: it failed; nothing was changed.
    """
    from kubetasks.hooks import BEFORE_BUILD

    hooks = hooks_of(found)
    if hooks.of(BEFORE_BUILD):
        with found.console.step(BEFORE_BUILD) as shown:
            shown.done(hooks.run(BEFORE_BUILD, shown.update))


@command(
    help=flags(
        *COMMON,
        "json",
        "junit",
        "html",
        "lock-wait",
        dry_run="print the plan and stop",
        force="rebuild the images without the builder's cache, and run every step",
        verify="verify at the end that the application works",
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
    lock_wait: int = 0,
    json: bool = False,
    junit: str = "",
    html: str = "",
) -> None:
    """Build, deliver, deploy and verify the application."""
    files = _files(junit, html, verify=verify)
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, deployer=with_, env_file=env_file,
        offline=offline, as_json=json,
    )  # fmt: skip
    if not (dry_run or found.dry):
        prepare_build(found)
    work = work_of(found, check=verify, force=force, lock_wait=lock_wait)
    if dry_run or found.dry:
        _show_plan(found, work)
        return
    try:
        work.run()
    finally:
        if files is not None and work.report is not None:
            files.write(work.report)
    if files is not None and work.report is None:
        found.note("no report was written, as nothing had to be verified; inv verify writes one")
    unchanged = work.survey.unchanged
    if json:
        place = {"target": found.target.name, "namespace": found.settings.in_namespace}
        found.print_json({**place, **result_of(work)})
    for line in found.left_out() if not unchanged else []:
        found.console.line(line, mark="note")
    found.console.finished(
        f"Nothing to do for {found.settings.project}" if unchanged else f"Deployed {found.settings.project}"
    )


def _files(junit: str, html: str, *, verify: bool) -> "Files | None":
    """Where reports go; None if none was asked for.

    Raises:
        UsageError: a file cannot be written, or nothing would be verified.
    """
    if not junit and not html:
        return None
    from kubetasks.errors import UsageError
    from kubetasks.tasks._verify import files

    if not verify:
        raise UsageError("--no-verify with a report", why="there is nothing to report", fix="remove --no-verify")
    return files(junit, html)


def result_of(work: "Deploy") -> dict[str, Any]:
    """What came of a deploy, as data."""
    revision = work.revision or work.survey.last
    return {
        "revision": revision.number if revision else 0,
        "changed": not work.survey.unchanged,
        "verified": bool(revision and revision.verified),
        "images": dict(work.survey.release.images),
    }


def rows_of(work: "Deploy") -> list[dict[str, str]]:
    """The plan of a deploy, as data."""
    from kubetasks.hooks import BEFORE_BUILD

    first = work.hooks.shown(BEFORE_BUILD) if work.hooks is not None else ""
    before = [{"step": BEFORE_BUILD, "action": "run", "what": first}] if first else []
    return before + [dict(zip(("step", "action", "what"), step.row(), strict=True)) for step in work.plan()]


def _show_plan(found: Edge, work: "Deploy") -> None:
    from kubetasks.tasks import _values

    rows = [*rows_of(work), *_values.security(found, work), *_values.rows(found, work.survey)]
    if found.as_json:
        found.print_json(rows)
        return
    found.console.table(["STEP", "ACTION", "WHAT"], [list(row.values()) for row in rows])


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
    work = work_of(found)
    _ = work.survey.autoscaled  # a plan says what is left to an autoscaler, also where nothing is to be done
    _show_plan(found, work)


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


@command(
    help=flags(
        "target",
        "context",
        "namespace",
        "lock-wait",
        to="the revision to roll back to; the last verified one by default",
        verify="verify at the end that the application works",
    )
)
def rollback(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    to: int = 0,
    verify: bool = True,
    lock_wait: int = 0,
) -> None:
    """Roll back to the last verified revision, and verify it."""
    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    work = back_of(found, to, check=verify, lock_wait=lock_wait)
    if found.dry:
        from kubetasks.deployers.back import choose

        goal = choose(work.survey, to)
        found.would(f"roll back to revision {goal.number} of {goal.at}, deployed with {goal.deployer}")
        return
    work.run()
    found.console.finished(f"Rolled back {found.settings.project}")


def back_of(found: Edge, to: int = 0, *, check: bool = True, lock_wait: int = 0) -> "Rollback":
    """A rollback that has not begun; see ``Rollback``. ``check``: verify at the end."""
    from kubetasks.deployers.back import Rollback

    wait, survey = waiting(lock_wait), found.survey(ask=False)
    return Rollback(
        found.settings,
        found.console,
        survey,
        found.deployer_named,
        to,
        wait,
        lambda: found.survey(ask=False),
        (lambda objects: _prove(found, objects)) if check else None,
    )


def _prove(found: Edge, objects: "Objects") -> str:
    """Verify objects as they are deployed; returns how it went.

    Raises:
        VerifyFailed: a check failed.
    """
    from kubetasks.deploy import failure
    from kubetasks.deployers.concealed import without_secrets
    from kubetasks.diagnose.ours import cause
    from kubetasks.verify import verify

    shown = without_secrets(objects)
    report = verify(found.settings, found.root, found.target, shown, found.console)
    if not report.ok:
        raise failure(report, cause(found.settings, found.target, shown, found.redactor))
    return f"{sum(1 for check in report.checks if check.status == 'pass')} checks passed"


def _doomed(found: Edge) -> list[str]:
    """What ``destroy`` would delete, one line each."""
    from kubetasks.deployers import ownership
    from kubetasks.deployers.belonging import read
    from kubetasks.deployers.manifests import live_of
    from kubetasks.objects import CLUSTER_SCOPED, identity, is_controlled, is_leaving
    from kubetasks.targets import departure

    name, project, store = found.settings.in_namespace, found.settings.project, found.target.store
    namespace = departure.namespaces(store)
    if namespace == []:
        return [f"delete nothing: there is no namespace {name}"]
    if namespace and is_leaving(namespace[0]):
        return [f"wait until namespace {name}, which is being deleted, is removed"]
    if namespace and ownership.owned(namespace[0], project):
        outside = [item for item in live_of(store, project, []) if item["kind"] in CLUSTER_SCOPED]
        more = [f"delete {identity(item)}" for item in outside]
        return [*more, f"delete namespace {name} with everything in it, volumes included"]
    held = read(store, ["StatefulSet", "Secret", "PersistentVolumeClaim"], project)
    live = [*live_of(store, project, []), *(item for item in held if item["kind"] != "StatefulSet")]
    names = dict.fromkeys(identity(item) for item in live if item["kind"] != "Pod" and not is_controlled(item))
    return [f"delete {name}" for name in names] or ["delete nothing: there is no object of the project"]


@command(help=flags("target", "context", "namespace", "lock-wait"))
def destroy(c: Context, target: str = "", context: str = "", namespace: str = "", lock_wait: int = 0) -> None:
    """Delete everything that deploy created, including the namespace and its data."""
    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    waiting(lock_wait)
    if found.dry:
        found.would(*_doomed(found))
        return
    destruction_of(found, lock_wait)
    found.console.finished(f"Destroyed {found.settings.project}")


def destruction_of(found: Edge, lock_wait: int = 0) -> None:
    """Delete what was deployed; see ``Destroy``."""
    from kubetasks.deployers import timings
    from kubetasks.deployers.destroy import Destroy

    Destroy(found.settings, found.console, found.target, found.deployer_named, waiting(lock_wait)).run()
    timings.forget(found.root, found.target, found.settings)
