"""One supervisord for a namespace: its configuration, its start, and control over it through XML-RPC.

It runs detached, with the state folder as working directory; the paths in its configuration are relative to that. Its
socket lives in a short private folder, because a socket's path may have no more than about a hundred bytes.
"""

import contextlib
import hashlib
import os
import re
import shlex
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kubetasks.errors import SupervisorFailed
from kubetasks.runner import Runner
from kubetasks.targets.local import entry, files
from kubetasks.targets.local.workloads import KEPT, Pod

LONGEST_SOCKET: Final = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS
LIMIT: Final = 15.0  # seconds for one XML-RPC call
START_LIMIT: Final = 30.0
POLL: Final = 0.02  # seconds; each call also wakes supervisord, which else looks once a second
# A program that ends within this many seconds is started again ever later; one that ends after it, at once.
START_SECONDS: Final = 10
CONFIG, LOG, PID, SOCKET = "supervisord.conf", "supervisord.log", "supervisord.pid", "supervisord.socket"
STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL = 0, 10, 20, 30, 40, 100, 200
GONE: Final = (STOPPED, EXITED, FATAL, 1000)
Info = Mapping[str, Any]


def quoted(text: str) -> str:
    """A word for ``command=``: quoted for shlex, with ``%`` and supervisord's comment signs made harmless."""
    return re.sub(r"(?<=\s)([;#])", r"'\\\1'", shlex.quote(text)).replace("%", "%%")


def configuration(pods: list[Pod], socket: Path) -> str:
    """The configuration file. It holds no environment and no command of a container: only a digest of them."""
    lines = [
        "[supervisord]",
        f"logfile={LOG}",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"pidfile={PID}",
        "umask=077",
        "minfds=256",
        "minprocs=16",
        "nocleanup=true",
        "[unix_http_server]",
        f"file={quoted(str(socket))}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for pod in sorted(pods, key=lambda each: each.group):
        if not pod.programs:
            continue
        job = pod.workload["kind"] == "Job"
        grace = pod.workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
        lines += [f"[group:{pod.group}]", "programs=" + ",".join(program.name for program in pod.programs)]
        for program in pod.programs:
            words = [sys.executable, "-I", "-S", str(Path(entry.__file__).resolve()), f"run/{program.name}.json"]
            lines += [
                f"[program:{program.name}]",
                f"command={' '.join(map(quoted, words))}",
                f'environment=KUBETASKS_DIGEST="{pod.digest}"',
                f"autorestart={'false' if job else 'true'}",
                f"startsecs={0 if job else START_SECONDS}",
                "startretries=100000",
                f"stopwaitsecs={max(1, grace)}",
                "stopasgroup=true",
                "killasgroup=true",
                f"stdout_logfile=logs/{program.name}.log",
                "stdout_logfile_maxbytes=5MB",
                "stdout_logfile_backups=1",
                "redirect_stderr=true",
            ]
    return "\n".join(lines) + "\n"


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
    if len(os.fsencode(folder)) > LONGEST_SOCKET - 22:  # what "/0123456789abcdef.sock" takes
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
    """supervisord of one state folder."""

    folder: Path
    runner: Runner

    @property
    def socket(self) -> Path:
        """Its socket: where it was opened, also when TMPDIR is another one today."""
        with contextlib.suppress(FileNotFoundError):
            return Path((self.folder / SOCKET).read_text(encoding="utf-8"))
        name = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]
        return socket_folder() / f"{name}.sock"

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
        if not self.socket.exists():
            yield None
            return
        import xmlrpc.client  # noqa: PLC0415  (a tenth of a second, not needed where nothing runs)

        from supervisor.xmlrpc import SupervisorTransport  # noqa: PLC0415

        transport = SupervisorTransport(None, None, f"unix://{self.socket}")  # type: ignore[no-untyped-call]
        transport.connection = transport._get_connection()  # type: ignore[no-untyped-call]  # to give it a time limit
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
            if calls is None or calls.getState()["statecode"] < 1:  # it is shutting down
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
                for name, code, name_of_signal in re.findall(
                    r"(?:exited|stopped): (\S+) \((?:exit status (\d+)|terminated by (SIG\w+))", text
                ):
                    number = getattr(signal, name_of_signal, 0) if name_of_signal else 0
                    found[name] = int(code) if code else 128 + int(number)
        return found

    def apply(self, pods: list[Pod]) -> None:
        """Make supervisord run these pods: what did not change keeps running.

        Raises:
            SupervisorFailed: it does not start or does not answer.
        """
        running = self.info()
        text = configuration(pods, self.socket)
        files.write(self.folder / CONFIG, text)
        if not any(pod.programs for pod in pods):
            self.shut_down()
        elif running is None:
            self._start()
        else:
            self._reload(pods)

    def _start(self) -> None:
        self.end_strays()
        files.make_private(self.folder / "logs")
        files.write(self.folder / SOCKET, str(self.socket))
        self.socket.unlink(missing_ok=True)
        argv = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", CONFIG]
        kept = (*KEPT, "PYTHONPATH")
        clean = {name: None for name in os.environ if name not in kept}
        result = self.runner.run(argv, cwd=self.folder, env=clean, timeout=START_LIMIT, check=False)
        if not result.ok or self.info() is None:  # asking also wakes it: it starts its programs when it first wakes
            raise SupervisorFailed(
                "the process supervisor did not start",
                why=(result.lines or ["it printed nothing"])[-1],
                fix="see the lines below, and inv doctor",
                detail="\n".join([*result.lines[-10:], self.last_words()]),
            )

    def _reload(self, pods: list[Pod]) -> None:
        jobs = {program.name for pod in pods if pod.workload["kind"] == "Job" for program in pod.programs}
        grace = max(
            (pod.workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30) for pod in pods),
            default=30,
        )
        with self._calls() as calls:
            if calls is None:
                raise SupervisorFailed("the process supervisor ended just now", fix="run the same command again")
            [[added, changed, removed]] = calls.reloadConfig()
            leaving = {*changed, *removed}
            for name in leaving:
                calls.stopProcessGroup(name, False)

            def stopped() -> bool:
                return all(each["state"] in GONE for each in calls.getAllProcessInfo() if each["group"] in leaving)

            if leaving and not until(stopped, grace + LIMIT):
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
        pid = self.pid
        with (
            contextlib.suppress(SupervisorFailed),
            self._calls() as calls,
        ):  # where it does not answer, it is ended below
            if calls is not None:
                calls.stopAllProcesses(False)
                calls.shutdown()
                until(lambda: not self.socket.exists() and not entry.alive(pid), self._longest_grace() + LIMIT)
        self.end_strays()
        self.socket.unlink(missing_ok=True)
        for name in (SOCKET, PID):
            (self.folder / name).unlink(missing_ok=True)

    def _longest_grace(self) -> float:
        with contextlib.suppress(FileNotFoundError):
            found = re.findall(
                r"^stopwaitsecs=(\d+)$", (self.folder / CONFIG).read_text(encoding="utf-8"), re.MULTILINE
            )
            return max(map(float, found), default=0.0)
        return 0.0

    def end_strays(self) -> None:
        """End what was left behind: a supervisord without its socket, and programs without their supervisord."""
        pid = self.pid
        if entry.alive(pid) and self._is_ours(pid):
            os.kill(pid, signal.SIGTERM)
            if not until(lambda: not entry.alive(pid), self._longest_grace() + LIMIT):
                os.kill(pid, signal.SIGKILL)
                until(lambda: not entry.alive(pid), LIMIT)
        for lock in (self.folder / "run").glob("*.lock"):
            entry.end_holder(str(lock), str(lock.with_suffix(".state")))

    def _is_ours(self, pid: int) -> bool:
        """Whether a process is supervisord with this folder; the pid file may be older than the machine's start."""
        try:
            return (
                b"supervisor.supervisord" in Path(f"/proc/{pid}/cmdline").read_bytes()
                and Path(f"/proc/{pid}/cwd").resolve() == self.folder.resolve()
            )
        except OSError:
            result = self.runner.run(["ps", "-p", str(pid), "-o", "command="], check=False, timeout=10)
            return result.ok and "supervisor.supervisord" in result.stdout
