"""The program that runs inside the sandbox: it makes loopback ports out of Unix sockets, and runs a tool next to them.

``python -I -S relay.py [--most BYTES] [PORT=SOCKET …] -- ARGV…``

The sandbox has no network. Each port here leads to one socket, and nothing else leads anywhere. The tool's outputs are
cut after so many bytes; its exit code is the program's. It imports nothing of kubetasks and runs by its path alone.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

PIECE = 65_536
MOST = 1_000_000
BACKLOG = 64


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy one direction of a connection until it ends."""
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            sink.sendall(piece)
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        with contextlib.suppress(OSError):  # the other direction has closed it
            end.shutdown(how)


def join(one: socket.socket, other: socket.socket) -> None:
    """Copy both directions until both end, then close both."""
    back = threading.Thread(target=pump, args=(other, one), daemon=True)
    back.start()
    pump(one, other)
    back.join()
    one.close()
    other.close()


def serve(listener: socket.socket, path: str) -> None:
    """Join every connection to a port with one to a socket."""
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.connect(path)
        except OSError:
            client.close()
            server.close()
            continue
        threading.Thread(target=join, args=(client, server), daemon=True).start()


def listen(port: int, path: str) -> None:
    """Make a loopback port lead to a socket."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    threading.Thread(target=serve, args=(listener, path), daemon=True).start()


def hand_on(source: int, sink: int, most: int) -> None:
    """Copy what a child prints, up to a number of bytes; the rest is read and dropped, so that the child continues."""
    left = most
    while piece := os.read(source, PIECE):
        while piece[:left]:
            written = os.write(sink, piece[:left])
            piece, left = piece[written:], left - written


def main(argv: list[str]) -> int:
    """Open the ports, run the tool, and return its exit code."""
    most = MOST
    split = argv.index("--")
    options, tool_argv = argv[:split], argv[split + 1 :]
    if options[:1] == ["--most"]:
        most, options = int(options[1]), options[2:]
    os.umask(0o077)
    for option in options:
        port, _, path = option.partition("=")
        listen(int(port), path)
    with subprocess.Popen(tool_argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        pipes = [(pipe.fileno(), sink) for pipe, sink in ((child.stdout, 1), (child.stderr, 2)) if pipe is not None]
        threads = [threading.Thread(target=hand_on, args=(source, sink, most), daemon=True) for source, sink in pipes]
        for thread in threads:
            thread.start()
        code = child.wait()
        for thread in threads:
            thread.join(2)  # a grandchild may hold the pipe open; it ends with the sandbox
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        CODE = main(sys.argv[1:])
    except OSError as failed:
        sys.stderr.write(f"relay: {failed}\n")
        CODE = 125
    sys.stdout.flush()
    os._exit(CODE)
