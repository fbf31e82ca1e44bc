"""What ``inv verify`` does with its flags: one round or many, and where the reports go."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from kubetasks.console import report as show_error
from kubetasks.deploy import failure
from kubetasks.deployers import timings
from kubetasks.diagnose.ours import cause
from kubetasks.errors import Interrupted, KubetasksError, SettingsError, UsageError
from kubetasks.tasks._edge import Edge
from kubetasks.verify import Report
from kubetasks.verify.changes import changes
from kubetasks.verify.selection import Selection

if TYPE_CHECKING:
    from kubetasks.objects import Objects

COLUMNS = ["LAYER", "CHECK", "RESULT", "EVIDENCE"]


@dataclass(frozen=True)
class Files:
    """Where reports are written to, beside the terminal.

    Args:
        junit: the JUnit report; None for none.
        html: the HTML report; None for none.
    """

    junit: Path | None = None
    html: Path | None = None

    def write(self, report: Report) -> None:
        """Write what was asked for; a reader never sees half of a file."""
        if self.junit is not None:
            _replace(self.junit, report.to_junit())
        if self.html is not None:
            _replace(self.html, report.to_html())


def files(junit: str = "", html: str = "") -> Files:
    """The files that the flags name.

    Raises:
        UsageError: one could not be written; that is checked before anything runs.
    """
    paths: Mapping[str, Path] = {
        flag: _writable(flag, value) for flag, value in (("junit", junit), ("html", html)) if value
    }
    if len(paths) == 2 and paths["junit"] == paths["html"]:
        raise UsageError(f"--html {html}", why="--junit names the same file", fix="give another file")
    return Files(**paths)


def _writable(flag: str, value: str) -> Path:
    path = Path.cwd() / value
    fix = "give a file in a folder that you can write to"
    if not path.parent.is_dir():
        raise UsageError(f"--{flag} {value}", why=f"there is no folder {path.parent}", fix=fix)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--{flag} {value}", why="it cannot be written", fix=fix)
    return path


def _replace(path: Path, text: str) -> None:
    """Write a file at once; straight into what is no ordinary file (/dev/stdout) or whose folder takes no other."""
    if (path.exists() and (not path.is_file() or path.is_symlink())) or not os.access(path.parent, os.W_OK):
        path.write_text(text, encoding="utf-8")
        return
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def refuse_watch(*, json: bool, listing: bool, every: int) -> None:
    """Refuse what does not go together with ``--watch``.

    Raises:
        UsageError: something does not.
    """
    if json:
        raise UsageError("--watch --json", why="--json prints one document", fix="--junit FILE is written each round")
    if listing:
        raise UsageError("--watch --list", why="--list runs no check", fix="remove one of them")
    if every < 0:
        raise UsageError(f"--every {every}", why="it is negative", fix="specify a number of seconds")


def show_list(found: Edge, selection: Selection) -> None:
    """Print the checks that would run."""
    from kubetasks.verify.run import Run, listed

    _, objects = found.rendered()
    checks, broken = listed(Run(found.settings, found.root, found.target, objects, found.console, selection))
    if found.as_json:
        found.print_json(
            [
                {
                    "layer": each.layer,
                    "name": each.name,
                    "needs": list(each.needs),
                    "limit": each.limit,
                    "source": each.source or "kubetasks",
                }
                for each in checks
            ]
        )
    else:
        rows = [[each.layer, each.name, f"{each.limit:g} s", ", ".join(each.needs)] for each in checks]
        found.console.table(["LAYER", "CHECK", "LIMIT", "NEEDS"], rows)
    for each in broken:
        found.note(each.evidence)


def _round(found: Edge, selection: Selection) -> "tuple[Report, Objects]":
    from kubetasks.verify import verify as prove

    survey, objects = found.rendered()
    before = timings.before(found.root, found.target, found.settings, survey.last)
    report = prove(found.settings, found.root, found.target, objects, found.console, selection=selection, before=before)
    return report, objects


def _failure(found: Edge, report: Report, objects: "Objects") -> KubetasksError:
    return failure(report, cause(found.settings, found.target, objects, found.redactor))


def once(found: Edge, selection: Selection, files: Files) -> None:
    """One round.

    Raises:
        VerifyFailed: a check failed.
    """
    if found.dry:
        _, objects = found.rendered()
        found.would(f"try {len(objects)} objects, their probes, contract and journeys, which create their own data")
        return
    report, objects = _round(found, selection)
    files.write(report)
    if found.as_json:
        found.print_json(report.document())
    else:
        found.console.table(COLUMNS, report.rows())
    if not report.ok:
        raise _failure(found, report, objects)
    found.console.finished(f"Verified {found.settings.project} on {found.target.name}")


def watch(found: Edge, selection: Selection, files: Files, every: int) -> None:
    """Rounds until Ctrl-C. The first one is printed whole, and of each later one what changed.

    Raises:
        Exit: with the exit code of the last whole round.
        KeyboardInterrupt: no round was finished.
    """
    last: Report | None = None
    code: int | None = None
    wrong = ""
    try:
        while True:
            try:
                quiet, found.console.quiet = found.console.quiet, last is not None
                try:
                    report, objects = _round(found, selection)
                finally:
                    found.console.quiet = quiet
                files.write(report)
                lines = [] if last is None else changes(last, report)
                if last is None:
                    found.console.table(COLUMNS, report.rows())
                    found.console.line(f"{report.summary}; the next round begins in {every} s, Ctrl-C ends")
                    if not report.ok:
                        show_error(_failure(found, report, objects), found.redactor)
                for line in lines:
                    found.console.line(f"{time.strftime('%H:%M:%S')} {line}")
                if last is not None and report.ok != last.ok:
                    found.console.line(f"{time.strftime('%H:%M:%S')} {report.summary}")
                last, code, wrong = report, 0 if report.ok else 60, ""
            except (SettingsError, UsageError, Interrupted):
                raise
            except KubetasksError as error:
                # The cluster may come back; what was said of it is not said again.
                if error.line != wrong:
                    show_error(error, found.redactor)
                code, wrong = error.exit_code, error.line
            time.sleep(every)
    except (KeyboardInterrupt, Interrupted):  # the second where a program ran at that moment
        if code is None:
            raise
        said = f"stopped; the last round: {wrong or (last.summary if last else '')}"
        found.console.line(said)
        raise Exit(code=code) from None
