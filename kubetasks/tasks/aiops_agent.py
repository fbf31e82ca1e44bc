"""An agent of kagent: ``aiops.agent.install``, ``status``, ``remove``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._agent import KAGENT, WHERE, kagent_of
from kubetasks.tasks._edge import Edge, command, edge, flags

if TYPE_CHECKING:
    from kubetasks.aiops.kagent.objects import Wanted
    from kubetasks.settings import Settings


def _place(settings: "Settings") -> str:
    """The Secret and key that the model's key goes to."""
    name = settings.aiops.key_secret
    default = f"{settings.secret_name}/{name}"
    if name not in settings.secrets:
        return default
    return "/".join(settings.secrets[name].places(default)[0])


def _wanted(found: Edge, key_secret: str, image: str, kagent: str, *, rollback: bool, schedule: str) -> "Wanted":
    """What the agent is to be, of settings and flags.

    Raises:
        UsageError: a flag's value cannot be used.
        SettingsError: no endpoint or model is set.
    """
    from kubetasks.aiops.kagent.objects import Wanted
    from kubetasks.errors import SettingsError, UsageError

    settings = found.settings
    if not settings.aiops.endpoint or not settings.aiops.model:
        raise SettingsError(
            "aiops.endpoint and aiops.model are not set", why="the agent needs a model", fix="set both in invoke.yaml"
        )
    secret, slash, key = (key_secret or _place(settings)).partition("/")
    if not (secret and slash and key):
        raise UsageError(
            f"--key-secret {key_secret}", why="it is not NAME/KEY", fix="give an existing Secret and its key"
        )
    if schedule and len(schedule.split()) != 5:
        raise UsageError(f"--schedule {schedule!r}", why="cron has five fields", fix='e.g. --schedule "0 7 * * *"')
    return Wanted(
        project=settings.project, namespace=settings.in_namespace, model=settings.aiops.model,
        endpoint=settings.aiops.endpoint, secret=secret, key=key, image=image, rollback=rollback, schedule=schedule,
        kagent=kagent,
    )  # fmt: skip


@command(
    help=flags(
        *WHERE,
        kagent_namespace=KAGENT,
        key_secret="the existing Secret with the model's key, as NAME/KEY; the project's own by default",  # noqa: S106
        image="the image of kubetasks' MCP server, which runs beside the agent",
        allow_rollback="let the agent roll back to a revision, with your approval each time",
        schedule='also ask it on this cron schedule: "0 7 * * *"; never by default',
        charts="install or upgrade kagent itself, too; use --no-charts if another tool does that",
        timeout="how many seconds to wait until the agent is ready",
    )
)
def install(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    kagent_namespace: str = "kagent",
    key_secret: str = "",
    image: str = "kubetasks/mcp:local",
    allow_rollback: bool = False,
    schedule: str = "",
    charts: bool = True,
    timeout: int = 300,
) -> None:
    """Install kagent 0.10 and the agent that explains this project's namespace."""
    from kubetasks.aiops.kagent import lines, objects

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    kagent = kagent_of(found, kagent_namespace)
    wanted = _wanted(found, key_secret, image, kagent_namespace, rollback=allow_rollback, schedule=schedule)
    items = objects.prepare(objects.read(found.root, schedule=bool(schedule)), wanted)
    with found.console.step("look") as shown:
        there = kagent.look()
        lines.check_line(there)
        lines.check_kubernetes(there.kubernetes)
        if not charts:
            lines.check_there(there)
        shown.done(f"kagent {there.controller or 'is not installed'}")
    if found.dry:
        from kubetasks.objects import identity

        found.would(
            *([f"install kagent {lines.PINNED} in namespace {kagent_namespace}"] if charts else []),
            *(f"apply {identity(item)}" for item in items),
        )
        return
    kagent.check_key(wanted)
    if charts:
        with found.console.step("kagent") as shown:
            kagent.install_charts(found.root, shown.update)
            shown.done(lines.PINNED)
    with found.console.step("agent") as shown:
        kagent.apply(items)
        shown.done(f"{len(items)} objects")
    with found.console.step("ready") as shown:
        kagent.wait(float(timeout))
        shown.done("the agent answers")
    found.console.line(
        "port 8083 of kagent has no authentication: use it by port-forward only, never expose it", mark="note"
    )
    found.console.finished(f"Installed the agent of {wanted.project}")


@command(help=flags(*WHERE, "json", kagent_namespace=KAGENT))
def status(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    kagent_namespace: str = "kagent",
    json: bool = False,
) -> None:
    """Show which kagent the cluster has, and whether the agent is ready."""
    from kubetasks.aiops.kagent import lines
    from kubetasks.aiops.kagent.cluster import condition, reason
    from kubetasks.errors import KagentMissing

    found = edge(c, target=target, cluster_context=context, namespace=namespace, as_json=json)
    kagent = kagent_of(found, kagent_namespace)
    there = kagent.look()
    agent = kagent.agent() if f"agents.{lines.GROUP}" in there.served else None
    ready = condition(agent, "Ready") == "True"
    if json:
        found.print_json(
            {
                "kubernetes": ".".join(map(str, there.kubernetes)),
                "kagent": there.controller,
                "controller_ready": there.ready,
                "served": {name: sorted(versions) for name, versions in there.served.items()},
                "agent": agent is not None,
                "agent_ready": ready,
                "reason": "" if ready else reason(agent),
            }
        )
    else:
        rows = [
            ["Kubernetes", ".".join(map(str, there.kubernetes))],
            ["kagent", there.controller or "not installed"],
            ["controller", "ready" if there.ready else "not ready"],
            ["agent", "ready" if ready else reason(agent)],
        ]
        found.console.table(["WHAT", "STATE"], rows)
    lines.check_line(there)
    lines.check_there(there)
    if agent is None:
        place = f"namespace {found.settings.in_namespace}"
        raise KagentMissing("the agent is not installed", why=f"it is not in {place}", fix=lines.INSTALL)


@command(help=flags(*WHERE, kagent_namespace=KAGENT, charts="uninstall kagent itself, too"))
def remove(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    kagent_namespace: str = "kagent",
    charts: bool = False,
) -> None:
    """Remove the agent; --charts also removes kagent itself."""
    from kubetasks.aiops.kagent import objects

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    kagent = kagent_of(found, kagent_namespace)
    items = objects.read(found.root, schedule=True)
    for item in items:
        item["metadata"]["namespace"] = found.settings.in_namespace
    if found.dry:
        from kubetasks.objects import identity

        found.would(*(f"delete {identity(item)}" for item in items), *(["uninstall kagent"] if charts else []))
        return
    with found.console.step("agent") as shown:
        kagent.remove(items)
        shown.done("removed")
    if charts:
        with found.console.step("kagent") as shown:
            kagent.remove_charts()
            shown.done("uninstalled")
    found.console.finished("Removed the agent")
