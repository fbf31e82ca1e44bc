"""What supervisord starts for each container: prepares it as a kubelet would, then becomes its command.

Usage: ``python -I -S entry.py LAUNCH.json``. Stands alone on the standard library, so that a start costs a few
milliseconds and needs nothing on ``sys.path``. The launch file (mode 0600) holds the command and its environment;
neither appears in supervisord's configuration or on a command line of ours.

Each run holds a lock file for as long as it or anything it started lives. So a process that outlived a killed
supervisord is found, and ended, before another takes its place.
"""

import contextlib
import datetime as dt
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GRACE = 10.0  # seconds between SIGTERM and SIGKILL for a process that outlived its supervisor
BACKOFF = 1.0  # seconds before a Job's second attempt; doubled for each further one
LONGEST_BACKOFF = 10.0
NOT_FOUND = 127  # what a shell says of a command that is not there


def now() -> str:
    """The time as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path: str) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: str, value: dict[str, Any]) -> None:
    """Replace a file in one step, mode 0600."""
    name = f"{path}.{os.getpid()}"
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    Path(name).replace(path)


def born(pid: int) -> str:
    """What tells a process from a later one with the same id: its start time in clock ticks; empty where unknown.

    Source: proc_pid_stat(5), field 22. The second field may hold spaces, so the count starts behind its parenthesis.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19] if fields[0] != "Z" else ""


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected does not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not Path("/proc/self/stat").exists() or bool(born(pid))


def take(path: str) -> int | None:
    """Lock a file and return its descriptor; None when something that lives has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def is_held(path: str) -> bool:
    """Whether a container of ours lives."""
    if not Path(path).exists():
        return False
    handle = take(path)
    if handle is not None:
        os.close(handle)
    return handle is None


def end_holder(lock: str, state: str, grace: float = GRACE) -> None:
    """End the process group that holds a lock: SIGTERM, then SIGKILL after ``grace`` seconds."""
    before = read(state)
    pid = int(before.get("pid") or 0)
    for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        if not is_held(lock):
            return
        # Somebody else's process may have the id by now; a group's id is not given away while the group has members.
        if pid > 1 and (not alive(pid) or born(pid) == before.get("born", "")):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)
        deadline = time.monotonic() + limit
        while is_held(lock) and time.monotonic() < deadline:
            time.sleep(0.02)


def initialise(launch: dict[str, Any]) -> None:
    """Run the init containers one after another, once in a pod's life; end this process when one fails."""
    path = launch["pod_state"]
    lock = os.open(path + ".guard", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)  # a pod's containers start side by side; one of them does this
    state = read(path)
    if state.get("pod") != launch["pod"]:
        state = {"pod": launch["pod"], "done": False, "init": {}}
    if not state["done"]:
        for each in launch["init"]:
            known = state["init"].setdefault(each["name"], {"restarts": 0})
            if known.get("exitCode") == 0:
                continue
            if "exitCode" in known:
                known["restarts"] += 1
                known["last"] = known.pop("exitCode")
            known["startedAt"] = now()
            write(path, state)
            code = wait_for([start(each)])
            known.update(exitCode=code, finishedAt=now())
            write(path, state)
            if code != 0:
                sys.exit(f"init container {each['name']} exited with {code}")
        state["done"] = True
        write(path, state)
    os.close(lock)


def start(each: dict[str, Any]) -> "subprocess.Popen[bytes] | None":
    """Start one command in this process group; None, with a line in the log, where there is no such program."""
    try:
        # close_fds off: the child inherits the lock.
        return subprocess.Popen(each["argv"], env=each["env"], cwd=each.get("cwd"), close_fds=False)
    except OSError as error:
        print(f"{each['argv'][0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201  (the container's log)
        return None


def wait_for(children: "list[subprocess.Popen[bytes] | None]", limit: float | None = None) -> int:
    """Wait for all; the first exit code that is not 0, in a shell's terms (127: not found, 128+n: signal n).

    Raises:
        subprocess.TimeoutExpired: not all ended within ``limit`` seconds; they are killed.
    """
    worst = 0
    end = None if limit is None else time.monotonic() + limit
    try:
        for child in children:
            code = NOT_FOUND
            if child is not None:
                left = None if end is None else max(0.0, end - time.monotonic())
                code = child.wait(left)
            worst = worst or (128 - code if code < 0 else code)
    except subprocess.TimeoutExpired:
        for child in children:
            if child is not None and child.poll() is None:
                child.kill()
                child.wait()
        raise
    return worst


def run_job(launch: dict[str, Any], state: dict[str, Any]) -> int:
    """Run a Job's containers until they succeed or may not be tried again, and keep how it ended."""
    job = launch["job"]
    end = time.monotonic() + job["deadline"] if job["deadline"] else None
    reason = ""
    while True:
        try:
            code = wait_for([start(each) for each in launch["run"]], None if end is None else end - time.monotonic())
        except subprocess.TimeoutExpired:
            code, reason = 137, "DeadlineExceeded"
        if code == 0:
            break
        state["failed"] += 1
        state["exitCode"] = code
        if not reason and state["failed"] > job["backoff_limit"]:
            reason = "BackoffLimitExceeded"
        if reason:
            break
        write(launch["state"], state)
        time.sleep(min(LONGEST_BACKOFF, BACKOFF * 2 ** (state["failed"] - 1)))
    state.update(finished=True, exitCode=code, finishedAt=now(), reason=reason)
    write(launch["state"], state)
    return code


def begin(launch: dict[str, Any]) -> dict[str, Any]:
    """Note this run: its process, how often this container started, and where in the log it begins."""
    state = read(launch["state"])
    if state.get("pod") != launch["pod"]:
        state = {"pod": launch["pod"], "starts": 0, "offsets": [], "failed": 0, "finished": False}
    try:
        offset = Path(launch["log"]).stat().st_size
    except FileNotFoundError:
        offset = 0
    state["offsets"] = [*state["offsets"][-1:], offset]
    state.update(pid=os.getpid(), born=born(os.getpid()), startedAt=now(), starts=state["starts"] + 1, main=False)
    return state


def main(path: str) -> int:
    """Prepare and become the container's command; a Job's process stays and keeps how it ended."""
    launch = read(path)
    lock = take(launch["lock"])
    while lock is None:
        end_holder(launch["lock"], launch["state"])
        lock = take(launch["lock"])
    state = begin(launch)
    if state["finished"]:  # a Job runs once, also when supervisord starts again
        return int(state["exitCode"])
    write(launch["state"], state)
    os.chdir(launch["root"])
    os.set_inheritable(lock, True)
    initialise(launch)
    # From here on it counts as running: what came before was Pending.
    state.update(main=True, startedAt=now())
    write(launch["state"], state)
    if launch["job"]:
        return run_job(launch, state)
    command = launch["run"][0]
    os.chdir(command.get("cwd") or launch["root"])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and an ignored signal survives exec
    try:
        os.execvpe(command["argv"][0], command["argv"], command["env"])  # noqa: S606
    except OSError as error:
        print(f"{command['argv'][0]}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        return NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
