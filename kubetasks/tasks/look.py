"""Looking: ``verify``, ``status``, ``logs``, ``open``, ``doctor``, ``completion``."""

from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from kubetasks.tasks._edge import Edge, command, edge, flags

if TYPE_CHECKING:
    from kubetasks.entry import Entry

WHERE = ("target", "context", "namespace")


@command(
    help=flags(
        *WHERE,
        "with",
        "offline",
        "json",
        "junit",
        "html",
        only="only these checks and what they need: NAME or LAYER/NAME, separated by commas",
        layer="only the checks of these layers and what they need, separated by commas",
        list="print the checks and stop",
        watch="repeat until Ctrl-C, and print only what changed",
        every="how many seconds to wait between two rounds of --watch",
    )
)
def verify(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    offline: bool = False,
    json: bool = False,
    junit: str = "",
    html: str = "",
    only: str = "",
    layer: str = "",
    list: bool = False,
    watch: bool = False,
    every: int = 5,
) -> None:
    """Verify that this checkout is deployed, healthy, and works for a user."""
    from kubetasks.tasks import _verify
    from kubetasks.verify.selection import Selection

    selection = Selection.parse(only, layer)
    files = _verify.files(junit, html)
    found = edge(
        c, target=target, cluster_context=context, namespace=namespace, deployer=with_, offline=offline, as_json=json
    )
    if watch:
        _verify.refuse_watch(json=json, listing=list, every=every)
    if list:
        _verify.show_list(found, selection)
    elif watch and not found.dry:
        _verify.watch(found, selection, files, every)
    else:
        _verify.once(found, selection, files)


@command(help=flags(*WHERE, "json"))
def status(c: Context, target: str = "", context: str = "", namespace: str = "", json: bool = False) -> None:
    """Show what is running, and what is wrong with it."""
    from kubetasks.deployers.status import look
    from kubetasks.diagnose.ours import ours

    found = edge(c, target=target, cluster_context=context, namespace=namespace, as_json=json)
    of_ours = ours(found.settings, found.target.name)
    seen = look(found.target.store, found.settings.project, found.target.cluster, of_ours, found.redactor)
    if json:
        found.print_json({"target": found.target.name, "namespace": found.settings.in_namespace, **seen.document()})
        return
    found.console.line(f"{found.target.name}: {found.target.reason}")
    if seen.terminating:
        found.console.line(f"namespace {found.settings.in_namespace} is being deleted, with everything in it")
    elif not seen.rows:
        found.console.line(f"nothing is deployed in {found.settings.in_namespace}; inv deploy deploys it")
    if seen.rows:
        columns = ["STATE", "WORKLOAD", "READY", "RESTARTS", "AGE", "IMAGE", "PROBLEM"]
        found.console.table(columns, [row.cells() for row in seen.rows])
    if seen.findings:
        found.console.line(seen.findings[0].line)
    for hold in seen.holds:
        found.console.line(f"held by {hold.line}" if seen.terminating else f"{hold.what} is being deleted: {hold.why}")
        found.console.line(f"    {hold.fix}")
    if seen.last:
        found.console.line(seen.line)


def pods_of(found: Edge, service: str = "") -> "list[str]":
    """The names of the project's pods, or of those of one service.

    Raises:
        UsageError: there is no such service.
    """
    from kubetasks.deployers.belonging import read
    from kubetasks.deployers.rollout import WATCHED
    from kubetasks.errors import UsageError
    from kubetasks.images.names import repository
    from kubetasks.objects import NAME, containers

    live = read(found.target.store, [*WATCHED, "CronJob"], found.settings.project)
    chosen = [pod for pod in live if pod["kind"] == "Pod"]
    if service:
        wanted = repository(found.target.repository(service))
        named = [pod for pod in chosen if (pod["metadata"].get("labels") or {}).get(NAME) == service]
        chosen = named or [
            pod
            for pod in chosen
            if service in found.settings.services
            and wanted in {repository(str(each.get("image", ""))) for each in containers(pod)}
        ]
        if not chosen and service not in found.settings.services:
            known = ", ".join(found.settings.services)
            raise UsageError(f"--service {service}", why="unknown value", fix=f"choose one of {known}")
    return [pod["metadata"]["name"] for pod in chosen]


@command(
    help=flags(*WHERE, service="only this service", follow="continue until Ctrl-C", tail="how many lines to start with")
)
def logs(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    service: str = "",
    follow: bool = False,
    tail: int = 50,
) -> None:
    """Print the pods' logs."""
    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    pods = pods_of(found, service)
    if not pods:
        found.console.line("no pod runs; inv status says why, inv deploy starts them")
        return
    if follow:
        found.target.store.follow(pods, found.console.line)
        return
    for pod in pods:
        for line in found.target.store.logs(pod, tail=tail).splitlines():
            found.console.line(f"{pod}: {line}")


def way_in(found: Edge, wanted: str) -> "Entry":
    """What is to be opened: the Service that is named, else the entry among what is deployed.

    Raises:
        UsageError: it is not clear.
    """
    from kubetasks import entry
    from kubetasks.deployers.belonging import read
    from kubetasks.errors import UsageError
    from kubetasks.objects import of_kind

    name, _, port = wanted.partition(":")
    if name and port.isdigit():
        return entry.Entry(name, int(port))
    kind = name.partition("/")[0] if "/" in name else ""
    more = [entry.ROUTE_KIND] if kind in ("HTTPRoute", "Gateway") else []
    live = read(found.target.store, [*entry.KINDS, *more], found.settings.project)
    way = entry.choose(live, wanted)
    if way is not None:
        return way
    if name and not kind and not port:
        return entry.Entry(name, 80)
    names = ", ".join(item["metadata"]["name"] for item in of_kind(live, "Service"))
    if not names:
        why, fix = f"nothing is deployed in {found.settings.in_namespace}", "inv deploy; or give NAME:PORT"
    else:
        why = entry.unclear(live) if not wanted else f"nothing deployed is {wanted}"
        fix = f"give NAME or NAME:PORT, of {names}"
    raise UsageError(f"--service {wanted}".rstrip(), why=why, fix=fix)


@command(
    name="open", help=flags(*WHERE, service="which Service, as NAME or NAME:PORT", browser="start the browser as well")
)
def open_(
    c: Context, target: str = "", context: str = "", namespace: str = "", service: str = "", browser: bool = False
) -> None:
    """Print an address of the application; a forwarded port stays open until Ctrl-C."""
    import contextlib
    import webbrowser

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    way = way_in(found, service or found.settings.verify.entry)

    def show(url: str) -> None:
        whole = url.rstrip("/") + way.path if way.path != "/" else url
        found.console.line(whole)
        if browser:
            webbrowser.open(whole)

    cluster, name, number = found.target.cluster, way.service, way.port
    if cluster is None:
        with found.target.endpoint(name, number) as url:
            show(url)
        return
    from kubetasks.targets import access
    from kubetasks.targets.forward import keep_forwarding

    url = access.direct(found.target.store, cluster, found.runner, name, number)
    if url:
        show(url)
        return

    def forwarded(url: str) -> None:
        show(url)
        why = access.pending(found.target.store, cluster, name)
        if why:
            found.console.line(why, mark="note")
        found.console.line("forwarded until Ctrl-C")

    with contextlib.suppress(KeyboardInterrupt):
        keep_forwarding(cluster, found.runner, name, number, forwarded, found.note)


@command(help=flags("target", "context", "json", schema="print the JSON Schema of the settings and stop"))
def doctor(c: Context, target: str = "", context: str = "", json: bool = False, schema: bool = False) -> None:
    """Check external programs, the engine, the cluster, disk and memory."""
    from kubetasks.diagnose.doctor import examine

    found = edge(c, target=target, cluster_context=context, as_json=json or schema)
    if schema:
        from kubetasks.settings import schema as settings_schema

        found.print_json(settings_schema())
        return
    found.note_redirect()
    findings = examine(found.settings, found.runner, found.root)
    if json:
        found.print_json([finding.document() for finding in findings])
    else:
        found.console.table(["STATUS", "WHAT", "FOUND", "NEEDED", "FIX"], [finding.row() for finding in findings])
    if any(finding.status == "missing" for finding in findings):
        raise Exit(code=1)


@command(help={"shell": "bash, zsh or fish"})
def completion(c: Context, shell: str = "bash") -> None:
    """Print a script that completes tasks and flags in a shell."""
    import contextlib
    import io
    import sys

    from invoke.completion.complete import print_completion_script

    from kubetasks.errors import UsageError

    if shell not in {"bash", "zsh", "fish"}:
        raise UsageError(f"--shell {shell}", why="unknown value", fix="choose one of bash, zsh, fish")
    script = io.StringIO()
    with contextlib.redirect_stdout(script):
        print_completion_script(shell=shell, names=["inv", "invoke", "./inv"])
    # The program that is being typed, which need not be on PATH: ./inv.
    sys.stdout.write(script.getvalue().replace("`inv --complete", "`${COMP_WORDS[0]} --complete"))
