"""Output for the user: steps with a spinner, elapsed time and one line each; plain lines in a pipe.

Nothing at all for ``--json``: standard output is one document then.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TextIO

from kubetasks.errors import KubetasksError

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.status import Status

MARKS = {"done": ("✓", "green"), "skipped": ("-", "dim"), "failed": ("✗", "red"), "note": ("·", "cyan")}
CELL_STYLES = {"ok": "green", "pass": "green", "FAIL": "red", "fail": "red", "missing": "red", "warn": "yellow"}
# One of our commands in a text: `inv verify`, `inv --help TASK`.
_COMMAND: Final = re.compile(r"(?<![\w./-])inv (?=-*[a-z])")
OURS: Final = ("kubetasks", "invoke")


@cache
def program() -> str:
    """How the user started this program: ``inv``, ``./inv``, ``kubetasks``, ``invoke`` or ``python -m kubetasks``.

    Anything else (a test, a program that imports kubetasks) gets ``inv``, as the documentation writes it.
    """
    name = PurePath(sys.argv[0]).name.removesuffix(".exe") if sys.argv and sys.argv[0] else ""
    if name == "__main__.py" and PurePath(sys.argv[0]).parent.name == "kubetasks":
        # The launcher of a checkout says first where the tasks are.
        return "./inv" if sys.argv[1:2] == ["--search-root"] else "python -m kubetasks"
    return name if name in OURS else "inv"


def as_typed(text: str) -> str:
    """A text whose commands begin with the program that the user has typed."""
    return _COMMAND.sub(f"{program()} ", text) if "inv " in text else text


def all_as_typed(document: Any) -> Any:
    """The same for every text in a JSON document; keys stay."""
    if isinstance(document, str):
        return as_typed(document)
    if isinstance(document, list):
        return [all_as_typed(each) for each in document]
    if isinstance(document, dict):
        return {key: all_as_typed(value) for key, value in document.items()}
    return document


@dataclass
class Step:
    """One step while it runs: ``update`` shows what it is doing; ``done`` and ``skip`` say how it ended."""

    title: str
    console: "Console"
    outcome: str = ""
    state: str = "done"
    status: "Status | None" = None

    def update(self, text: str) -> None:
        """Show what is being done now (only to a person at a terminal, or with ``--echo``)."""
        shown = self.console.shown(text)
        if self.status is not None:
            self.status.update(f"{_escape(self.console.shown(self.title))} [dim]{_escape(shown)}[/dim]")

    def done(self, outcome: str) -> None:
        """How it ended."""
        self.outcome, self.state = outcome, "done"

    def skip(self, why: str) -> None:
        """It was not needed, and why."""
        self.outcome, self.state = why, "skipped"


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


@dataclass
class Console:
    """All output goes through this class. Every line passes through ``hide`` first.

    Args:
        hide: replaces secrets; the runner's redactor.
        quiet: show no steps (``--json``).
        stream: where steps go; standard output, or standard error when a machine reads the other.
    """

    hide: Callable[[str], str] = str
    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    started: float = field(default_factory=time.monotonic)
    _rich: "RichConsole | None" = None

    @property
    def live(self) -> bool:
        """Whether a person is watching at a terminal."""
        return not self.quiet and self.stream.isatty()

    @property
    def rich(self) -> "RichConsole":
        """Rich's console on the same stream, created when it is first needed."""
        if self._rich is None:
            from rich.console import Console as RichConsole  # noqa: PLC0415

            self._rich = RichConsole(file=self.stream, highlight=False, soft_wrap=True)
        return self._rich

    def shown(self, text: str) -> str:
        """A text as it is shown: without secrets, and with the program's name as it was typed."""
        return as_typed(self.hide(text))

    def line(self, text: str = "", *, mark: str = "") -> None:
        """One line, plain in a pipe.

        A line with a mark reports work, which continues even if no one reads the output any more
        (``inv deploy | head -1``) or if it cannot be written (a full disk): stopping in the middle would be worse. A
        line without a mark is the requested output, and ends with its reader.
        """
        if self.quiet:
            return
        try:
            self._line(self.shown(text), mark)
        except OSError:
            if not mark:
                raise
            self.quiet = True

    def _line(self, text: str, mark: str) -> None:
        if not mark:
            if self.live:
                self.rich.print(_escape(text))
            else:
                print(text, file=self.stream, flush=True)
            return
        sign, style = MARKS[mark]
        if self.live:
            self.rich.print(f"[{style}]{sign}[/{style}] {_escape(text)}")
        else:
            print(f"{sign} {text}", file=self.stream, flush=True)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step: a spinner while it runs, then one line with how it ended and how long it took."""
        step = Step(title, self)
        began = time.monotonic()
        try:
            if self.live:
                with self.rich.status(_escape(self.shown(title))) as step.status:
                    yield step
            else:
                yield step
        except BaseException:
            self.line(f"{title} ({time.monotonic() - began:.1f}s)", mark="failed")
            raise
        outcome = f"{title}: {step.outcome}" if step.outcome else title
        self.line(f"{outcome} ({time.monotonic() - began:.1f}s)", mark=step.state)

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """A table: drawn on a terminal, aligned columns in a pipe.

        If it is wider than the terminal, each row's last cell goes below it, over the whole width: it is the one
        that says why, so it is never truncated.
        """
        if self.quiet:
            return
        rows = [[self.shown(cell) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
        if not self.live:
            for row in [columns, *rows]:
                text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                print(text.rstrip(), file=self.stream, flush=True)
        elif sum(widths) + 2 * (len(widths) - 1) <= self.rich.width:
            self._draw(columns, rows)
        else:
            self._draw_narrow(columns, rows, widths)

    def _draw(self, columns: list[str], rows: list[list[str]]) -> None:
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        drawn = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            drawn.add_row(*(Text(cell, style=_cell_style(cell)) for cell in row))
        self.rich.print(drawn)

    def _draw_narrow(self, columns: list[str], rows: list[list[str]], widths: list[int]) -> None:
        import textwrap  # noqa: PLC0415

        from rich.text import Text  # noqa: PLC0415

        below = textwrap.TextWrapper(
            max(self.rich.width, 20), initial_indent="    ", subsequent_indent="    ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
        for style, row in [("bold", [*columns[:-1], ""]), *(("", row) for row in rows)]:
            line = Text()
            for cell, width in zip(row[:-1], widths, strict=False):
                line.append(cell.ljust(width) + "  ", style or _cell_style(cell))
            line.rstrip()
            for text in [line, *map(Text, below.wrap(row[-1]))]:
                self.rich.print(text, soft_wrap=True)

    def finished(self, what: str) -> None:
        """The closing line, with the time since the start."""
        self.line(f"{what} in {time.monotonic() - self.started:.1f} seconds")


def _cell_style(cell: str) -> str:
    return CELL_STYLES.get(cell, "")


def report(error: KubetasksError, hide: Callable[[str], str] = str, stream: TextIO | None = None) -> None:
    """Print an error as a user sees it: one line, then its evidence indented below.

    If that cannot be written either (a full disk), the exit code still reports the error.
    """
    out = stream or sys.stderr
    with contextlib.suppress(OSError):
        print(f"error: {as_typed(hide(error.line))}", file=out, flush=True)
        for line in error.detail.splitlines():
            print(f"    {as_typed(hide(line))}", file=out, flush=True)
