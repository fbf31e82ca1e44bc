"""One supervisord for a namespace: its start, and control over it through XML-RPC.

It runs detached, with the state folder as working directory; the paths in its configuration are relative to that. Its
socket lives in a short private folder, because a socket's path may have no more than about a hundred bytes.
"""

import contextlib
import hashlib
import os
import re
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kubetasks.environment import Exact
from kubetasks.errors import SupervisorFailed
from kubetasks.runner import Runner
from kubetasks.targets.local import entry, files
from kubetasks.targets.local.configuration import DEFAULT_GRACE, LOG, PID, configuration, grace, longest_grace
from kubetasks.targets.local.workloads import Pod

LONGEST_SOCKET: Final = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS
LIMIT: Final = 15.0  # seconds for one XML-RPC call
START_LIMIT: Final = 30.0  # seconds
POLL: Final = 0.02  # seconds; each call also wakes supervisord, which else looks once a second
CONFIG: Final = "supervisord.conf"
SOCKET: Final = "supervisord.socket"  # a file that says where the socket is
# Process states: http://supervisord.org/subprocess.html#process-states
STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN = 0, 10, 20, 30, 40, 100, 200, 1000
ENDED: Final = (STOPPED, EXITED, FATAL, UNKNOWN)
ACTIVE: Final = 1  # supervisord's own state while it is not shutting down
Info = Mapping[str, Any]


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; False when it does not hold after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def socket_folder() -> Path:
    """The private folder for sockets.

    Raises:
        SupervisorFailed: somebody else made it, or others can open it.
    """
    name = f"kubetasks-{os.getuid()}"
    folder = Path(tempfile.gettempdir()) / name
    too_long = len(os.fsencode(folder)) > LONGEST_SOCKET - 22  # what "/0123456789abcdef.sock" takes
    # Supervisord expands a % in a path, and takes " #" for a comment.
    if too_long or not re.fullmatch(r"[A-Za-z0-9_./-]+", str(folder)):
        folder = Path("/tmp") / name  # noqa: S108  (made private, and refused below where it is not)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise SupervisorFailed(
            f"{folder} is not private to you", why="the supervisor's socket goes there", fix=f"remove {folder}"
        )
    return folder


@dataclass(frozen=True)
class Supervisor:
    """The supervisord of one state folder.

    Args:
        folder: the state folder.
        runner: starts it.
        base: its whole environment.
    """

    folder: Path
    runner: Runner
    base: Mapping[str, str] = field(default_factory=dict)

    @property
    def socket(self) -> Path | None:
        """Its socket, as noted at its start (TMPDIR may be another one today); None where it was not started."""
        try:
            return Path((self.folder / SOCKET).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    @property
    def pid(self) -> int:
        """Its process id by its pid file; 0 where there is none."""
        try:
            return int((self.folder / PID).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0

    @contextlib.contextmanager
    def _calls(self) -> Iterator[Any]:
        """Its XML-RPC interface, or None when it does not run.

        Raises:
            SupervisorFailed: it is there and does not answer.
        """
        socket = self.socket
        if socket is None or not socket.exists():
            yield None
            return
        import xmlrpc.client  # noqa: PLC0415  (a tenth of a second, not needed where nothing runs)

        from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415

        transport = SupervisorTransport(None, None, f"unix://{socket}")  # type: ignore[no-untyped-call]
        # Connected here, not at the first call: to tell "not there" from "does not answer", and to limit the wait.
        transport.connection = transport._get_connection()  # type: ignore[no-untyped-call]
        transport.headers = {"User-Agent": "kubetasks", "Content-Type": "text/xml", "Accept": "text/xml"}
        try:
            try:
                transport.connection.connect()
            except (ConnectionError, FileNotFoundError):  # left behind by one that was killed
                yield None
                return
            transport.connection.sock.settimeout(LIMIT)
            yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
        except (OSError, xmlrpc.client.Error) as error:
            raise SupervisorFailed(
                "the process supervisor does not answer as it should",
                why=str(error),
                fix="run inv destroy --target local, then deploy again",
                detail=self.last_words(),
            ) from None
        finally:
            transport.close()  # type: ignore[no-untyped-call]

    def info(self) -> dict[str, Info] | None:
        """Each program's state by its name; None when supervisord does not run."""
        with self._calls() as calls:
            if calls is None or calls.getState()["statecode"] != ACTIVE:
                return None
            return {str(each["name"]): each for each in calls.getAllProcessInfo()}

    def last_words(self) -> str:
        """The end of its log."""
        try:
            text = (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-10:])

    def exits(self) -> dict[str, int]:
        """Each program's last exit code, as a shell gives it, from supervisord's log (its interface does not tell)."""
        found: dict[str, int] = {}
        for path in (self.folder / f"{LOG}.1", self.folder / LOG):
            with contextlib.suppress(FileNotFoundError):
                text = path.read_text(encoding="utf-8", errors="replace")
                pattern = r"(?:exited|stopped): (\S+) \((?:exit status (\d+)|terminated by (SIG\w+))"
                for name, code, name_of_signal in re.findall(pattern, text):
                    found[name] = int(code) if code else 128 + int(getattr(signal, name_of_signal, 0))
        return found

    def apply(self, pods: list[Pod]) -> None:
        """Make it run these pods: what did not change keeps running.

        Raises:
            SupervisorFailed: it does not start or does not answer.
        """
        if not any(pod.programs for pod in pods):
            self.shut_down()
        elif self.info() is None:
            self._start(pods)
        else:
            patience = max(self._patience(), max(map(grace, pods), default=DEFAULT_GRACE) + LIMIT)
            files.write(self.folder / CONFIG, configuration(pods, self.socket or Path()))
            self._reload(pods, patience)

    def _start(self, pods: list[Pod]) -> None:
        self.shut_down()  # whatever a killed one left
        files.make_private(self.folder / "logs")
        files.make_private(self.folder / files.DATA)
        name = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]
        socket = socket_folder() / f"{name}.sock"
        socket.unlink(missing_ok=True)
        files.write(self.folder / CONFIG, configuration(pods, socket))
        files.write(self.folder / SOCKET, str(socket))
        (self.folder / LOG).touch(mode=0o600)  # it opens its log before it sets its umask
        # Warnings are not for its log, nor errors (PYTHONWARNINGS=error): it uses what Python is about to drop.
        argv = [sys.executable, "-W", "ignore", "-P", "-m", "supervisor.supervisord", "-c", CONFIG]
        result = self.runner.run(argv, cwd=self.folder, env=Exact(self.base), timeout=START_LIMIT, check=False)
        if not result.ok or self.info() is None:  # asking also wakes it: it starts its programs when it first wakes
            raise SupervisorFailed(
                "the process supervisor did not start",
                why=(result.lines or ["it printed nothing"])[-1],
                fix="see the lines below, and inv doctor",
                detail="\n".join([*result.lines[-10:], self.last_words()]),
            )

    def _reload(self, pods: list[Pod], patience: float) -> None:
        jobs = {program.name for pod in pods if pod.workload["kind"] == "Job" for program in pod.programs}
        with self._calls() as calls:
            if calls is None:
                raise SupervisorFailed("the process supervisor ended just now", fix="run the same command again")
            [[added, changed, removed]] = calls.reloadConfig()
            leaving = {*changed, *removed}
            for name in leaving:
                calls.stopProcessGroup(name, False)

            def stopped() -> bool:
                return all(each["state"] in ENDED for each in calls.getAllProcessInfo() if each["group"] in leaving)

            if leaving and not until(stopped, patience):
                raise SupervisorFailed(f"{', '.join(sorted(leaving))} did not stop", fix="run the same command again")
            for name in leaving:
                calls.removeProcessGroup(name)
            for name in (*changed, *added):
                calls.addProcessGroup(name)
            # A Kubernetes workload never gives up; this also wakes supervisord to start what was added.
            for each in calls.getAllProcessInfo():
                if each["state"] in {FATAL, EXITED} and each["name"] not in jobs:
                    calls.startProcess(f"{each['group']}:{each['name']}", False)

    def shut_down(self) -> None:
        """End every program and supervisord itself, and wait until they are gone."""
        pid, socket, patience = self.pid, self.socket, self._patience()
        # Where it does not answer, it is ended below.
        with contextlib.suppress(SupervisorFailed), self._calls() as calls:
            if calls is not None and socket is not None:
                calls.stopAllProcesses(False)
                # Asking wakes it; once told to shut down it would look only once a second.
                until(lambda: all(each["state"] in ENDED for each in calls.getAllProcessInfo()), patience)
                calls.shutdown()
                until(lambda: not socket.exists() and not entry.alive(pid), patience)
        self.end_strays()
        if socket is not None:
            socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the sockets of others are in it
                socket.parent.rmdir()
        for name in (SOCKET, PID):
            (self.folder / name).unlink(missing_ok=True)

    def _patience(self) -> float:
        """How many seconds what runs now may take to end, with a margin."""
        with contextlib.suppress(FileNotFoundError):
            return longest_grace((self.folder / CONFIG).read_text(encoding="utf-8")) + LIMIT
        return LIMIT

    def end_strays(self) -> None:
        """End what was left behind: a supervisord without its socket, and programs without their supervisord."""
        pid = self.pid
        if entry.alive(pid) and self._is_ours(pid):
            os.kill(pid, signal.SIGTERM)
            if not until(lambda: not entry.alive(pid), self._patience()):
                os.kill(pid, signal.SIGKILL)
                until(lambda: not entry.alive(pid), LIMIT)
        for lock in (self.folder / "run").glob("*.lock"):
            entry.end_holder(str(lock), str(lock.with_suffix(".state")))

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is supervisord with this folder; the pid file may be older than the machine's start."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            return b"supervisor.supervisord" in command and Path(f"/proc/{pid}/cwd").resolve() == self.folder.resolve()
        except OSError:
            result = self.runner.run(["ps", "-p", str(pid), "-o", "command="], check=False, timeout=10)
            return result.ok and "supervisor.supervisord" in result.stdout
