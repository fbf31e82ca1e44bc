"""A copy of the project's files in a folder of its own, and the tasks run in it as a user runs them."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRACEBACK = re.compile(r"^Traceback", re.MULTILINE)
"""A traceback of ours; one in the log of a pod that crashes is shown as a line of that log."""


@dataclass
class Checkout:
    """A copy of the project's files, and the tasks run in it."""

    path: Path
    namespace: str
    env: dict[str, str]
    log: Path
    outputs: list[str] = field(default_factory=list)
    launcher: tuple[str, ...] = (sys.executable, "-m", "invoke")

    def argv(self, *words: str) -> list[str]:
        return [*self.launcher, *words]

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.argv(*words),
            cwd=self.path,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def inv(self, *words: str, code: int = 0, env: Mapping[str, str] | None = None, timeout: float = 400) -> str:
        """Run a task; its exit code must be ``code``. Returns everything it printed."""
        began = time.monotonic()
        with self.start(*words, env=env) as process:
            try:
                out, _ = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, _ = process.communicate()
                raise AssertionError(f"inv {' '.join(words)} did not end in {timeout:g} s:\n{out}") from None
        self.outputs.append(out)
        with self.log.open("a") as log:
            log.write(
                f"$ inv {' '.join(words)}   [{time.monotonic() - began:.1f}s, exit {process.returncode}]\n{out}\n"
            )
        assert process.returncode == code, f"inv {' '.join(words)} exited with {process.returncode}, not {code}:\n{out}"
        assert not TRACEBACK.search(out), out
        return out

    def interrupt(self, *words: str, at: str) -> str:
        """Run a task and send it SIGINT, as Ctrl-C does, as soon as a line of its output matches ``at``."""
        seen: list[str] = []
        with self.start(*words, env={"PYTHONUNBUFFERED": "1"}) as process:
            assert process.stdout is not None
            for line in process.stdout:
                seen.append(line)
                if re.search(at, line):
                    os.kill(process.pid, signal.SIGINT)
                    break
            seen.append(process.stdout.read())
            process.wait(60)
        out = "".join(seen)
        self.outputs.append(out)
        with self.log.open("a") as log:
            log.write(f"$ inv {' '.join(words)}   [SIGINT at {at!r}, exit {process.returncode}]\n{out}\n")
        assert not TRACEBACK.search(out), out
        return f"{process.returncode}\n{out}"

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file; the old text must be there."""
        path = self.path / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        path.write_text(text.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        with (self.path / name).open("a") as file:
            file.write(text)


def copy_checkout(to: Path) -> None:
    """The files that git has or would take, as they are in the work tree."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
