"""Runs the external programs: the only way to start a process.

Plumbum and Invoke disagree on working directory, environment, dry-run and echo; here it is settled once: the caller
gives an argv list, the working directory is the project's root unless said otherwise, the environment is exactly what
``kubetasks.environment`` composes for the program (``None`` takes a variable away), and every call has a time limit.
Children run in a process group of their own, which is ended whole on a time-out and on Ctrl-C.
"""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from kubetasks import private
from kubetasks.environment import Environment, compose
from kubetasks.errors import Interrupted, ToolFailed, ToolMissing, ToolTimeout
from kubetasks.process import GO_ON, close, end_group, start, stream
from kubetasks.redact import Redactor

__all__ = ["HINTS", "Environment", "Process", "Result", "Runner", "SystemRunner"]

HINTS = {
    "docker": "install Docker (https://docs.docker.com/get-docker/), or use --target local, which needs no engine",
    "kubectl": "install kubectl (https://kubernetes.io/docs/tasks/tools/), or run pip install 'kubetasks[tools]'",
    "helm": "install Helm (https://helm.sh/docs/intro/install/), or run pip install 'kubetasks[tools]'",
    "kind": "install kind (https://kind.sigs.k8s.io/), or run `inv cluster.up --target kind --offline`",
    "minikube": "install minikube (https://minikube.sigs.k8s.io/docs/start/)",
    "kubectl-ai": "install kubectl-ai (https://github.com/GoogleCloudPlatform/kubectl-ai), or use --tool direct",
    "bwrap": "install bubblewrap (apt-get install bubblewrap, dnf install bubblewrap)",
}


@dataclass(frozen=True)
class Result:
    """What a finished process left: its argv, exit code, both outputs as text, and its wall time in seconds."""

    argv: tuple[str, ...]
    code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.code == 0

    @property
    def lines(self) -> list[str]:
        """The lines of both outputs, standard output first."""
        return (self.stdout + "\n" + self.stderr).strip().splitlines()


class Process(Protocol):
    """A child that runs beside us; ``stdout`` yields bytes."""

    @property
    def stdout(self) -> IO[bytes] | None: ...  # noqa: D102

    @property
    def stdin(self) -> IO[bytes] | None: ...  # noqa: D102

    def poll(self) -> int | None: ...  # noqa: D102

    def wait(self, timeout: float | None = None) -> int: ...  # noqa: D102


class Runner(Protocol):
    """Starts processes. ``SystemRunner`` is the real one; the tests' ``RecordingRunner`` answers from a table."""

    redactor: Redactor

    def which(self, program: str) -> str | None:
        """The path of a program, or None."""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes | None = None,  # noqa: A002  (subprocess's own name)
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run to the end; see ``SystemRunner.run``."""

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> contextlib.AbstractContextManager[Process]:
        """Run beside us until the block ends; see ``SystemRunner.spawn``."""


@dataclass
class SystemRunner:
    """Runs programs on this machine, through plumbum.

    Args:
        root: the working directory of every child that is not given another.
        redactor: passed every line that is handed to ``on_line`` or put into an error.
        extra_path: folders searched after PATH, for programs that came as wheels.
        programs: a program's name to the path that settings give it.
        echo: called with each command line before it runs.
    """

    root: Path
    redactor: Redactor = field(default_factory=Redactor)
    extra_path: tuple[Path, ...] = ()
    programs: Mapping[str, str] = field(default_factory=dict)
    echo: Callable[[str], None] | None = None
    _found: dict[str, str] = field(default_factory=dict)

    def which(self, program: str) -> str | None:
        """The path of a program: what settings say, then PATH, then what came as a wheel. None when it is nowhere."""
        if program not in self._found:
            from shutil import which  # noqa: PLC0415

            name = self.programs.get(program) or program
            search = os.pathsep.join([os.environ.get("PATH", ""), *map(str, self.extra_path)])
            path = which(name, path=search)
            if path is None:  # not kept: what we run next may install it
                return None
            self._found[program] = os.path.abspath(path)  # noqa: PTH100  (not resolved: a program may be a link)
        return self._found[program]

    def _absent(self, program: str) -> ToolMissing:
        named = self.programs.get(program)
        if named:
            return ToolMissing(
                f"{program} is not installed",
                why=f"setting programs.{program} says {named}, which is not a program",
                fix="fix that setting, or remove it to search PATH",
            )
        return ToolMissing(f"{program} is not installed", why="it is not on PATH", fix=HINTS.get(program, ""))

    def _popen(
        self, argv: Sequence[str], env: Environment | None, cwd: Path | None, *, stdin: int, stderr: int
    ) -> subprocess.Popen[bytes]:
        path = self.which(argv[0])
        if path is None:
            raise self._absent(argv[0])
        child = compose(argv[0], os.environ, env, scratch=private.folder)
        if self.echo is not None:
            self.echo(self.redactor(shlex.join(argv)))
        try:
            return start(path, argv, child, cwd or self.root, stdin=stdin, stderr=stderr)
        except OSError as error:  # a script without its interpreter, another machine's binary, half a download
            raise ToolMissing(
                f"{argv[0]} cannot be started",
                why=f"{error.filename or path}: {error.strerror}",
                fix="reinstall it; see inv doctor",
            ) from None

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes | None = None,  # noqa: A002
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run a program to its end.

        Args:
            argv: the program's name and its arguments. No shell is involved.
            input: what it reads on standard input; nothing where None.
            env: what this call adds to the program's environment; None takes a variable away, ``Exact`` is all of it.
            cwd: the working directory; the project's root where None.
            timeout: seconds after which the process group is ended.
            check: raise when the exit code is not 0.
            on_line: called with each redacted line as it comes, of both outputs (then both are in ``stdout``).

        Raises:
            ToolMissing: the program is not installed.
            ToolTimeout: it took too long.
            ToolFailed: it failed and ``check`` is set.
            Interrupted: Ctrl-C; the process group has ended by then.
        """
        started = time.monotonic()
        data = input.encode() if isinstance(input, str) else input
        process = self._popen(
            argv,
            env,
            cwd,
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stderr=subprocess.PIPE if on_line is None else subprocess.STDOUT,
        )
        try:
            if on_line is None:
                out, err = process.communicate(data, timeout=timeout)
                stdout, stderr = out.decode(errors="replace"), err.decode(errors="replace")
            else:
                stdout, stderr = stream(process, data, timeout, lambda line: on_line(self.redactor(line))), ""
        except subprocess.TimeoutExpired as late:
            # The program itself may be done, and its own child holds the pipes open.
            end_group(process, orphans=True)
            raise ToolTimeout(
                f"`{self.redactor(shlex.join(argv[:3]))} …` did not end in {timeout:g} s",
                fix="check whether the engine and the cluster respond: inv doctor",
                detail=self.redactor("\n".join(_last_lines(late))),
            ) from None
        except KeyboardInterrupt:
            end_group(process, orphans=True)
            raise Interrupted("interrupted", fix=GO_ON) from None
        finally:
            end_group(process)
            close(process)
        result = Result(tuple(argv), process.returncode, stdout, stderr, time.monotonic() - started)
        if check and not result.ok:
            raise self.failed(result)
        return result

    def failed(self, result: Result) -> ToolFailed:
        """The error for a run that failed, with its last lines."""
        lines = [self.redactor(line) for line in result.lines if line.strip()]
        return ToolFailed(
            f"`{self.redactor(shlex.join(result.argv[:4]))}{' …' if len(result.argv) > 4 else ''}` "
            f"exited with {result.code}",
            why=lines[-1] if lines else "it printed nothing",
            detail="\n".join(lines[-20:]),
        )

    @contextlib.contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        """Run a program in the background and end its process group when the block ends.

        Args:
            argv: as in ``run``.
            env: as in ``run``.
            cwd: as in ``run``.
            stdin: give it a pipe to read from (``process.stdin``).
            merge: put its error output into its standard output (otherwise it is thrown away).
        """
        process = self._popen(
            argv,
            env,
            cwd,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if merge else subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            end_group(process)
            close(process)


def _last_lines(late: subprocess.TimeoutExpired) -> list[str]:
    """What a program printed before its time was up: 20 lines at most."""
    held = [part for part in (late.output, late.stderr) if part]
    text = "\n".join(part if isinstance(part, str) else part.decode(errors="replace") for part in held)
    return [line for line in text.splitlines() if line.strip()][-20:]
