"""Local clusters: ``cluster.up``, ``cluster.down``, ``cluster.env``, ``cluster.list``."""

from invoke.context import Context

from kubetasks.settings import check, checking
from kubetasks.tasks._edge import Edge, command, edge, flags


def _kind_of_cluster(target: str) -> str:
    from kubetasks.errors import UsageError

    if target not in {"kind", "minikube"}:
        raise UsageError(
            f"--target {target or '(none)'}", why="which kind of cluster?", fix="choose one of kind, minikube"
        )
    return target


def _machine() -> tuple[int, int]:
    """This machine's CPUs, and its memory in MiB; 0 if the system does not say."""
    import os

    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, OSError, ValueError):  # Windows
        memory = 0
    return os.cpu_count() or 0, memory


def _state(found: Edge, target: str) -> tuple[str, str]:
    """The cluster that the settings name, for people, and its state; no state where there is none."""
    from kubetasks.targets.cluster import listing

    name = found.settings.kind.name if target == "kind" else found.settings.minikube.profile
    states = [
        each.state for each in listing(found.settings, found.runner) if (each.target, each.name) == (target, name)
    ]
    return f"{target} cluster {name}", states[0] if states else ""


@command(help=flags("target", "offline"))
def up(c: Context, target: str = "", offline: bool = False) -> None:
    """Create a local cluster (kind or minikube), or keep an existing one."""
    from kubetasks.targets.cluster import up as create

    kind = _kind_of_cluster(target)
    found = edge(c, target=target, offline=offline)
    found.check_paths()
    found.note_redirect()

    def before_create() -> None:
        check(checking.too_large(found.settings, *_machine()), found.section, found.environ)

    if found.dry:
        name, state = _state(found, kind)
        if kind == "minikube" and not state:
            before_create()
        found.would({"Running": f"keep {name}, which runs", "": f"create {name}"}.get(state, f"start {name} ({state})"))
        return
    context = create(
        found.settings, found.runner, found.console, found.root, kind, found.settings.offline, before_create
    )
    found.console.finished(f"Cluster ready, context {context},")


@command(help=flags("target"))
def down(c: Context, target: str = "") -> None:
    """Delete the local cluster that cluster.up created."""
    from kubetasks.targets.cluster import down as delete

    kind = _kind_of_cluster(target)
    found = edge(c, target=target)
    found.note_redirect()
    if found.dry:
        name, state = _state(found, kind)
        found.would(f"delete {name} ({state})" if state else f"delete nothing: there is no {name}")
        return
    delete(found.settings, found.runner, found.console, kind)
    found.console.finished("Cluster deleted")


@command(name="list", help=flags("json"))
def list_(c: Context, json: bool = False) -> None:
    """List the local clusters; * marks those that the settings name."""
    from dataclasses import asdict

    from kubetasks.targets.cluster import listing

    found = edge(c, as_json=json)
    found.note_redirect()
    rows = listing(found.settings, found.runner)
    if json:
        found.print_json([asdict(row) for row in rows])
        return
    shown = [[row.target, row.name + (" *" if row.ours else ""), row.state, row.context] for row in rows]
    found.console.table(["TARGET", "NAME", "STATE", "CONTEXT"], shown)


@command(help=flags("target", "context"))
def tunnel(c: Context, target: str = "", context: str = "") -> None:
    """Give the LoadBalancers of a minikube profile addresses until Ctrl-C; it asks for root where it needs it."""
    import contextlib
    import os
    import sys

    from kubetasks.targets.tunnel import run

    found = edge(c, target=target, cluster_context=context)
    root = getattr(os, "geteuid", lambda: 0)() == 0
    if found.dry:
        found.would("run minikube tunnel")
        return
    with contextlib.suppress(KeyboardInterrupt):
        run(found.target.cluster, found.runner, found.console.line, root=root, terminal=sys.stdin.isatty())


@command(help=flags("target", "context"))
def env(c: Context, target: str = "", context: str = "") -> None:
    """Print the environment for the engine that builds: eval "$(inv cluster.env)"."""
    import os
    import shlex
    import sys

    from kubetasks.environment import ACTIVE_PROFILE, REDIRECTED, redirected_to

    # A shell evaluates standard output: notes go to standard error.
    found: Edge = edge(c, target=target, cluster_context=context, as_json=True)
    variables = dict(found.target.build_env())
    if not variables and redirected_to(os.environ):
        variables = dict.fromkeys((ACTIVE_PROFILE, *REDIRECTED))
    lines: list[str] = []
    for name, value in sorted(variables.items()):
        lines.append(f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}")
    cluster = found.target.cluster
    if cluster is not None:
        lines.append(f"# {found.on_cluster.strategy}")
        lines.append(f"# kubectl --context {shlex.quote(cluster.context)} --namespace {cluster.namespace} …")
    sys.stdout.write("".join(f"{line}\n" for line in lines))
