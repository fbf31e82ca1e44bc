"""One child process: started in its own group, fed, read, and ended with everything that it started."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from kubetasks.errors import Interrupted

GO_ON = "run the same command again; it continues where it stopped"


def end_group(process: subprocess.Popen[bytes], grace: float = 3.0, *, orphans: bool = False) -> None:
    """End a child and everything it started: SIGTERM, then after ``grace`` seconds SIGKILL.

    Args:
        process: the leader of the group.
        grace: seconds between the two.
        orphans: end the rest of the group although its leader has ended.
    """
    if process.poll() is not None and not orphans:
        return
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.terminate()
            else:
                os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
            if not orphans:
                return


def close(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a child."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


@contextlib.contextmanager
def _ctrl_c_held_back() -> Iterator[list[int]]:
    """Hold Ctrl-C back while a child is started: raised in the middle of that, the child would be lost.

    Yields what was pressed meanwhile. Only in the main thread, where it is raised, and only instead of Python's own
    handler; the child has the system's default whatever is set here.
    """
    pressed: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return
    signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write to a child's standard input and close it; a child that does not read is no error."""
    if process.stdin is not None:
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(data)
            process.stdin.close()


def start(
    path: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path, *, stdin: int, stderr: int
) -> subprocess.Popen[bytes]:
    """Start a child with exactly this environment, in a process group of its own.

    Plumbum's command objects put the environment that they are given on top of a snapshot that plumbum took when it
    was imported; a variable that was removed would come back. So the child is started one level below them.

    Raises:
        OSError: it cannot be started.
        Interrupted: Ctrl-C came while it was started; it is ended by then.
    """
    from plumbum.machines.local import PlumbumLocalPopen  # noqa: PLC0415  (a fifth of a second `inv --list` need not pay)

    with _ctrl_c_held_back() as pressed:
        started = PlumbumLocalPopen(
            [path, *argv[1:]],
            env=dict(env),
            cwd=str(cwd),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )
    process = cast("subprocess.Popen[bytes]", started)
    if pressed:
        end_group(process, orphans=True)
        close(process)
        raise Interrupted("interrupted", fix=GO_ON)
    return process


def stream(process: subprocess.Popen[bytes], data: bytes | None, timeout: float, on_line: Callable[[str], None]) -> str:
    """Feed a child and hand on its lines until it ends; returns all of them.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout`` seconds; its group is ended, ``output`` is what it
            printed until then.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        end_group(process, orphans=True)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    kept: list[str] = []
    try:
        if data is not None:
            # From a thread: a program may well write before it has read everything.
            threading.Thread(target=feed, args=(process, data), daemon=True).start()
        for raw in process.stdout or ():
            line = raw.decode(errors="replace").rstrip("\r\n")
            kept.append(line)
            on_line(line)
        process.wait()
    finally:
        timer.cancel()
    if expired.is_set():
        raise subprocess.TimeoutExpired(process.args, timeout, "\n".join(kept).encode())
    return "\n".join(kept)
