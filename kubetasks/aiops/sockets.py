"""The way out of the sandbox to the API server: a Unix socket that leads to one address and no other."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubetasks.addresses import endpoint
from kubetasks.aiops.relay import join
from kubetasks.errors import UsageError
from kubetasks.targets.base import Cluster

CONNECT: Final = 10.0  # seconds
LONGEST_REPLY: Final = 16_384


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The API server did not take the connection, or a side hung up: the tool sees that itself."""


class _Handler(socketserver.BaseRequestHandler):
    cluster: Cluster

    def handle(self) -> None:
        """Join the connection with one to the API server."""
        join(self.request, connect(self.cluster))


def connect(cluster: Cluster) -> socket.socket:
    """A connection to the API server, through the proxy that its context names.

    Raises:
        OSError: there is none.
    """
    _, host, port = endpoint(cluster.server)
    if not cluster.proxy:
        made = socket.create_connection((host, port), CONNECT)
    else:
        way = urlsplit(cluster.proxy)
        made = socket.create_connection((way.hostname or "", way.port or 80), CONNECT)
        made.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        reply = b""
        while b"\r\n\r\n" not in reply and len(reply) < LONGEST_REPLY:
            piece = made.recv(1)  # nothing of what comes after the head may be lost
            if not piece:
                break
            reply += piece
        if reply.split(b" ")[1:2] != [b"200"]:
            made.close()
            raise ConnectionRefusedError(f"the proxy answered {reply[:40]!r}")
    made.settimeout(None)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@contextlib.contextmanager
def to_api_server(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """A Unix socket that leads to the API server until the block ends.

    Args:
        cluster: the cluster.
        folder: a private folder for the socket.

    Raises:
        UsageError: the cluster's proxy is not an HTTP proxy.
    """
    if cluster.proxy and (urlsplit(cluster.proxy).scheme != "http" or urlsplit(cluster.proxy).username):
        raise UsageError(
            "kubectl-ai cannot reach this cluster from the sandbox",
            why="its proxy is not a plain HTTP proxy",
            fix="ask with --tool direct",
        )
    path = folder / "api.sock"
    with _Server(str(path), type("Handler", (_Handler,), {"cluster": cluster})) as server:
        path.chmod(0o600)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield path
        finally:
            server.shutdown()
            path.unlink(missing_ok=True)
