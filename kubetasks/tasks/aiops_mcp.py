"""The MCP server: ``aiops.mcp``."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._edge import Edge, command, edge, flags

if TYPE_CHECKING:
    from kubetasks.aiops.mcp.server import Server

PORT = 8747


@command(
    help=flags(
        "target",
        "context",
        "namespace",
        "with",
        http="answer over HTTP on 127.0.0.1 with a bearer token, not over standard input and output",
        token_file="the file with the bearer token for --http; created in the state folder by default",  # noqa: S106
        port="the port for --http; 0 selects a free one",
        allow_changes="also offer deploy and rollback; the user is asked before each",
        approved_by_client="do not ask before a change: only for a client that asks its user itself, such as kagent",
    )
)
def mcp(
    c: Context,
    target: str = "",
    context: str = "",
    namespace: str = "",
    with_: str = "",
    http: bool = False,
    port: int = PORT,
    token_file: str = "",
    allow_changes: bool = False,
    approved_by_client: bool = False,
) -> None:
    """Let an assistant inspect the deployment, as an MCP (Model Context Protocol) server."""
    from kubetasks.errors import UsageError

    if approved_by_client and not allow_changes:
        raise UsageError("--approved-by-client", why="nothing can be changed", fix="add --allow-changes")
    if not 0 <= port <= 65535:
        raise UsageError(f"--port {port}", why="it is not a port", fix="give 0 to 65535")

    def make() -> Edge:
        # Standard output belongs to the protocol, so nothing is printed there.
        return edge(
            c, target=target, cluster_context=context, namespace=namespace, deployer=with_, as_json=True,
        )  # fmt: skip

    first = make()
    _ = first.settings
    if first.dry:
        what = "read" + (", deploy and rollback" if allow_changes else "")
        edge(c).would(f"serve an MCP client over {'HTTP' if http else 'standard input and output'} ({what})")
        return
    _check_extra()
    serve = _serve_http if http else _serve_stdio
    serve(first, _server(make, allow_changes=allow_changes, trusted=approved_by_client), token_file, port)


def _check_extra() -> None:
    """Refuse to start without the SDK.

    Raises:
        ExtraMissing: it is not installed, or an older one is.
    """
    import importlib.metadata

    from kubetasks.errors import ExtraMissing

    fix = "pip install 'kubetasks[aiops]'; from a checkout: ./inv aiops.mcp"
    try:
        version = importlib.metadata.version("mcp")
    except importlib.metadata.PackageNotFoundError:
        raise ExtraMissing("the package mcp is not installed", fix=fix) from None
    if int(version.partition(".")[0]) < 2:
        raise ExtraMissing(f"the package mcp is version {version}", why="2.3 or later is needed", fix=fix)


def _server(make: Callable[[], Edge], *, allow_changes: bool, trusted: bool) -> "Server":
    from kubetasks import __version__
    from kubetasks.aiops.mcp.codes import Codes
    from kubetasks.aiops.mcp.server import Server
    from kubetasks.tasks._operations import ProjectOperations

    operations = ProjectOperations(make, offer_changes=allow_changes)
    codes = Codes(_show_at_terminal)
    return Server(operations, __version__, allow_changes=allow_changes, codes=codes, trusted=trusted)


def _serve_stdio(first: Edge, server: "Server", token_file: str, port: int) -> None:
    import anyio

    anyio.run(server.mcp.run_stdio_async)


def _serve_http(first: Edge, server: "Server", token_file: str, port: int) -> None:
    from pathlib import Path

    import anyio

    from kubetasks.aiops.mcp import http as over_http
    from kubetasks.aiops.mcp import token as tokens

    file = Path.cwd() / token_file if token_file else None
    token, file = (tokens.read_given(file), file) if file else tokens.read_or_make(first.root)
    first.redactor.add([token])
    with over_http.listening(port) as listener:
        at = f"http://{over_http.HOST}:{listener.getsockname()[1]}{over_http.PATH}"
        console = edge(first.context).console
        console.line(f"MCP at {at} until Ctrl-C; the bearer token is in {file}")
        if server.trusted:
            console.line("changes need no approval here: anyone with the token can deploy and roll back", mark="note")
        anyio.run(over_http.serve, server, token, listener)


def _show_at_terminal(line: str) -> bool:
    """Show a line at the terminal that the server was started from; False if there is none.

    Not on standard error: a client that starts the server reads that, and may show it to its model.
    """
    import contextlib
    from pathlib import Path

    with contextlib.suppress(OSError), Path("/dev/tty").open("w", encoding="utf-8") as terminal:
        terminal.write(f"\n{line}\n")
        return True
    return False
