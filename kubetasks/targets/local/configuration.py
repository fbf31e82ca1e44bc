"""Supervisord's configuration file. Pure."""

import re
import shlex
import sys
from pathlib import Path
from typing import Final

from kubetasks.targets.local import entry
from kubetasks.targets.local.workloads import Pod

LOG: Final = "supervisord.log"
PID: Final = "supervisord.pid"
DEFAULT_GRACE: Final = 30  # seconds: Kubernetes' terminationGracePeriodSeconds
# A program that ends within this many seconds is started again ever later; one that ends after it, at once.
START_SECONDS: Final = 10


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
        # The default is the folder for temporary files, whose name supervisord would expand.
        "childlogdir=.",
        "umask=077",
        "minfds=64",
        "minprocs=16",
        "nocleanup=true",
        "[unix_http_server]",
        # No quotes are taken away from it: `socket_folder` sees to it that none are needed.
        f"file={socket}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for pod in sorted(pods, key=lambda each: each.group):
        if not pod.programs:
            continue
        job = pod.workload["kind"] == "Job"
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
                f"stopwaitsecs={grace(pod)}",
                "stopasgroup=true",
                "killasgroup=true",
                f"stdout_logfile=logs/{program.name}.log",
                "stdout_logfile_maxbytes=5MB",
                "stdout_logfile_backups=1",
                "redirect_stderr=true",
            ]
    return "\n".join(lines) + "\n"


def grace(pod: Pod) -> int:
    """How many seconds a pod's processes get to end."""
    seconds: int = pod.workload["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE)
    return max(1, seconds)


def longest_grace(text: str) -> int:
    """The longest of a configuration's grace periods."""
    return max(map(int, re.findall(r"^stopwaitsecs=(\d+)$", text, re.MULTILINE)), default=1)
