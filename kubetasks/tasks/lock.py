"""The deploy lock: ``lock.status``, ``lock.release``."""

from invoke.context import Context

from kubetasks.tasks._edge import command, edge, flags

COMMON = ("target", "context", "namespace")


@command(help=flags(*COMMON, "json"))
def status(c: Context, target: str = "", context: str = "", namespace: str = "", json: bool = False) -> None:
    """Show who holds the deploy lock, since when, and whether that process is alive."""
    from kubetasks.deployers.unlock import look

    found = edge(c, target=target, cluster_context=context, namespace=namespace, as_json=json)
    seen = look(found.target.store, found.settings.project)
    if json:
        found.print_json({"target": found.target.name, "namespace": found.settings.in_namespace, **seen.document()})
        return
    found.console.line(seen.line)


@command(help=flags(*COMMON, force="release it even if its holder is alive; the holder stops before its next change"))
def release(c: Context, target: str = "", context: str = "", namespace: str = "", force: bool = False) -> None:
    """Release the deploy lock of a process that no longer exists."""
    from kubetasks.deployers.unlock import look
    from kubetasks.deployers.unlock import release as free

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    if found.dry:
        seen = look(found.target.store, found.settings.project)
        found.console.line(seen.line)
        found.would("release the deploy lock" if seen.holder else "release nothing")
        return
    with found.console.step("release") as shown:
        shown.done(free(found.target.store, found.settings.project, force=force, show=shown.update))
