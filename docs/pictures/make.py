"""Make the pictures of the docs from the real thing: the terminal's output as SVG, the page as PNG.

    python docs/pictures/make.py [--target local|kind|…] [--chromium PROGRAM]

Deploys (into a namespace of its own), records what a person at a terminal sees, takes the screenshots (page.py,
report.py), and destroys it.
Needs a checkout's environment (./inv makes it), the package playwright, and Chromium.
"""

import argparse
import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import page
import report
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COLUMNS = 108


def terminal(argv: list[str], env: dict[str, str], answers: Mapping[bytes, bytes] | None = None) -> str:
    """What a command shows at a terminal, with its colours; ``answers``: what is typed where it asks."""
    left = dict(answers or {})
    main, child = pty.openpty()
    process = subprocess.Popen(argv, cwd=ROOT, env=env, stdin=child, stdout=child, stderr=child, close_fds=True)
    os.close(child)
    seen = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
        for question in [each for each in left if each in part]:
            os.write(main, left.pop(question))
    if process.wait():
        sys.exit(f"{' '.join(argv)} failed:\n{seen.decode(errors='replace')}")
    return settle(seen.decode(errors="replace"))


def settle(text: str) -> str:
    """Only what stays on the screen: spinners are drawn and erased on the line that they stand on."""
    lines: list[str] = []
    for raw in text.replace("\r\n", "\n").split("\n"):
        if "\x1b[1A" in raw and lines:
            lines.pop()  # the spinner's own line, which the terminal erases
        kept = re.split(r"\x1b\[2K|\r", raw)[-1]
        kept = re.sub(r"\x1b\[\?25[lh]|\x1b\[1A", "", kept)
        lines.append(kept)
    return "\n".join(line for line in lines if re.sub(r"\x1b\[[0-9;]*m", "", line).strip())


def draw(name: str, title: str, parts: list[tuple[str, str]]) -> None:
    """One SVG of commands and what they showed."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, force_terminal=True, file=nowhere)
        for command, shown in parts:
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(shown))
        console.save_svg(str(HERE / name), title=title)


def main() -> None:
    """Make all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="local")
    parser.add_argument("--chromium", default=page.CHROMIUM)
    args = parser.parse_args()
    env = {
        **os.environ,
        "KUBETASKS_NAMESPACE": "pictures",
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "FORCE_COLOR": "1",
    }
    inv = [sys.executable, "-m", "invoke"]
    target = ["--target", args.target]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.html"
        more = {"deploy": ["--html", str(written)], "status": []}
        shown = [
            (f"inv {task} --target {args.target}", terminal([*inv, task, *target, *flags], env))
            for task, flags in more.items()
        ]
        draw("deploy.svg", f"inv deploy --target {args.target}", shown)
        print("deploy.svg")  # noqa: T201
        report.picture(args.chromium, written)
    with subprocess.Popen(
        [*inv, "open", *target], cwd=ROOT, env={**env, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    ) as opened:
        assert opened.stdout is not None  # noqa: S101
        try:
            page.pictures(args.chromium, opened.stdout.readline().strip())
        finally:
            opened.terminate()
    subprocess.run([*inv, "destroy", *target], cwd=ROOT, env=env, check=True, capture_output=True)


if __name__ == "__main__":
    main()
