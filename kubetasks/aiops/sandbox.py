"""Where a tool of others runs: no network, no file of the user's, a scratch home, a time limit.

Two Unix sockets lead out: to the API server and to the model gateway. A small program inside (``relay.py``) makes
loopback ports of them. bubblewrap needs no daemon and no image; a container serves where it is missing or where the
system allows no user namespaces.
"""

import contextlib
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from kubetasks.environment import Exact
from kubetasks.errors import KubetasksError, SandboxMissing, ToolTimeout
from kubetasks.runner import Result, Runner

INSIDE: Final = "/run/kubetasks"
HOME: Final = "/home/kubetasks"
TMP: Final = "/tmp"  # noqa: S108  (inside)
SCRATCH_BYTES: Final = 128 * 2**20
PROBE: Final = 20.0  # seconds
RELAY: Final = Path(__file__).with_name("relay.py")
# What programs need of the system: all of it read-only, and none of it holds a user's data.
SYSTEM: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
MORE: Final = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/nix/store")


@dataclass(frozen=True)
class Work:
    """What is to run.

    Args:
        argv: the tool and its arguments; paths in it are those inside.
        programs: the names and paths of the programs that it finds on PATH.
        sockets: loopback ports inside, and the Unix sockets that they lead to.
        files: names below ``/run/kubetasks``, and the files that stand there, read-only.
        env: more variables.
        timeout: seconds.
    """

    argv: Sequence[str]
    programs: Mapping[str, str] = field(default_factory=dict)
    sockets: Mapping[int, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 120.0

    def mounts(self) -> dict[str, str]:
        """Path inside to path outside, all of them read-only."""
        return {
            f"{INSIDE}/relay.py": str(RELAY),
            **{f"{INSIDE}/bin/{name}": os.path.realpath(path) for name, path in self.programs.items()},
            **{f"{INSIDE}/{port}.sock": str(path) for port, path in self.sockets.items()},
            **{f"{INSIDE}/{name}": str(path) for name, path in self.files.items()},
        }

    def relayed(self) -> list[str]:
        """The arguments of the relay."""
        return [*(f"{port}={INSIDE}/{port}.sock" for port in self.sockets), "--", *self.argv]

    def environment(self, path: str) -> dict[str, str]:
        """All variables inside; ``path`` is PATH after our own programs."""
        return {
            "PATH": f"{INSIDE}/bin:{path}", "HOME": HOME, "TMPDIR": TMP, "USER": "kubetasks",
            "LANG": "C.UTF-8", "TERM": "dumb", "NO_COLOR": "1", "KUBECTL_KUBERC": "false", **self.env,
        }  # fmt: skip


class Sandbox(Protocol):
    """One way to run a tool apart from everything else."""

    @property
    def name(self) -> str:
        """What people call it."""

    def run(self, work: Work, runner: Runner) -> Result:
        """Run it to its end; its outputs are cut after 1 MB each.

        Raises:
            ToolTimeout: its time is up; it and everything that it started have been killed.
        """


@dataclass(frozen=True)
class Bubblewrap:
    """bubblewrap (``bwrap``)."""

    name: str = "bubblewrap"

    def run(self, work: Work, runner: Runner) -> Result:
        """See ``Sandbox.run``."""
        python = os.path.realpath(sys.executable)
        argv = [*self.frame(), *_bound(work.mounts()), "--remount-ro", "/", "--", python, "-I", "-S"]
        path = f"/usr/local/bin:/usr/bin:/bin:{Path(sys.base_prefix) / 'bin'}"
        env = Exact(work.environment(path))
        return runner.run([*argv, f"{INSIDE}/relay.py", *work.relayed()], env=env, timeout=work.timeout, check=False)

    @staticmethod
    def frame() -> list[str]:
        """Bwrap with what every sandbox has: namespaces of its own, no rights, the system's programs."""
        size = str(SCRATCH_BYTES)
        return [
            "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
            "--ro-bind", "/usr", "/usr", *_system(), *_interpreter(),
            "--proc", "/proc", "--dev", "/dev",
            "--size", size, "--tmpfs", TMP, "--size", size, "--tmpfs", HOME, "--chdir", HOME,
        ]  # fmt: skip

    def works(self, runner: Runner) -> str:
        """Why it does not work here; empty if it does."""
        if runner.which("bwrap") is None:
            return "bubblewrap is not installed"
        argv = [*self.frame(), "--", "/usr/bin/env", "true"]
        try:
            tried = runner.run(argv, env=Exact(), timeout=PROBE, check=False)
        except ToolTimeout:
            return f"bubblewrap did not start within {PROBE:g} s"
        return (
            "" if tried.ok else f"bubblewrap does not work here ({(tried.lines or ['it printed nothing'])[-1][:160]})"
        )


def _system() -> list[str]:
    """The folders of the system beside /usr: links stay links."""
    found: list[str] = []
    for path in SYSTEM:
        if os.path.islink(path):  # noqa: PTH114
            found += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        elif os.path.isdir(path):  # noqa: PTH112
            found += ["--ro-bind", path, path]
    for path in MORE:
        found += ["--ro-bind-try", path, path]
    return found


def _interpreter() -> list[str]:
    """The interpreter's own folder, where it is not the system's."""
    prefix = os.path.realpath(sys.base_prefix)
    return [] if prefix == "/usr" or prefix.startswith("/usr/") or prefix == "/" else ["--ro-bind", prefix, prefix]


def _bound(mounts: Mapping[str, str]) -> list[str]:
    return [word for inside, outside in mounts.items() for word in ("--ro-bind", outside, inside)]


@dataclass(frozen=True)
class Container:
    """A container of the engine, from an image that has Python and bash."""

    image: str
    name: str = "container"

    def run(self, work: Work, runner: Runner) -> Result:
        """See ``Sandbox.run``."""
        called = f"kubetasks-sandbox-{secrets.token_hex(6)}"
        binds = [f"type=bind,src={outside},dst={inside},readonly" for inside, outside in work.mounts().items()]
        owner = f"uid={os.getuid()},gid={os.getgid()}"
        argv = [
            "docker", "run", "--rm", "--init", "--pull", "never", "--name", called, "--read-only", "--network", "none",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256", "--memory", "1g",
            "--user", f"{os.getuid()}:{os.getgid()}",
            "--tmpfs", f"{TMP}:mode=1777,size={SCRATCH_BYTES}",
            "--tmpfs", f"{HOME}:mode=0700,{owner},size={SCRATCH_BYTES}", "--workdir", HOME,
            *(word for bind in binds for word in ("--mount", bind)),
            *(word for pair in work.environment("/usr/local/bin:/usr/bin:/bin").items()
              for word in ("--env", "=".join(pair))),
            "--entrypoint", "python3", self.image, "-I", "-S", f"{INSIDE}/relay.py", *work.relayed(),
        ]  # fmt: skip
        try:
            return runner.run(argv, timeout=work.timeout, check=False)
        finally:
            with contextlib.suppress(KubetasksError):  # a client that was ended leaves its container running
                runner.run(["docker", "rm", "--force", called], timeout=20, check=False)

    def works(self, runner: Runner) -> str:
        """Why it does not work here; empty if it does."""
        if runner.which("docker") is None:
            return "docker is not installed"
        if sys.platform != "linux":
            return "Unix sockets do not reach a container on this system"
        argv = ["docker", "image", "inspect", "--format", "{{.Id}}", self.image]
        try:
            tried = runner.run(argv, timeout=PROBE, check=False)
        except ToolTimeout:
            return f"the engine did not answer within {PROBE:g} s"
        return "" if tried.ok else f"the engine has no image {self.image}"


@dataclass(frozen=True)
class Unsandboxed:
    """No sandbox: the user's own rights, with a scratch home and a clean environment. Only where the user asks for it.

    Args:
        home: the scratch home.
    """

    home: Path
    name: str = "no sandbox"

    def run(self, work: Work, runner: Runner) -> Result:
        """See ``Sandbox.run``."""
        folder = self.home / "bin"
        folder.mkdir(mode=0o700, exist_ok=True)
        for program, path in work.programs.items():
            link = folder / program
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.realpath(path))
        own = {"PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "TMPDIR": str(self.home)}
        env = {**work.environment(""), **own}
        argv = [os.path.realpath(sys.executable), "-I", "-S", str(RELAY), "--", *work.argv]
        return runner.run(argv, env=Exact(env), cwd=self.home, timeout=work.timeout, check=False)


def choose(kind: str, runner: Runner, image: str) -> Sandbox:
    """The sandbox to use.

    Args:
        kind: ``auto``, ``bubblewrap`` or ``container``.
        runner: tries them.
        image: the image for a container.

    Raises:
        SandboxMissing: none works here; says why.
    """
    reasons = []
    for each in (Bubblewrap(), Container(image)):
        if kind in {"auto", each.name}:
            why = each.works(runner)
            if not why:
                return each
            reasons.append(why)
    raise SandboxMissing(
        "kubectl-ai cannot be started: there is no sandbox for it",
        why="; ".join(reasons),
        fix=f"apt-get install bubblewrap, or docker pull {image}, or use --tool direct; with --unsandboxed it "
        "runs with your own permissions",
    )
