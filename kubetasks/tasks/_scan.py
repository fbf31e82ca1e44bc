"""Scans at the edge: which scanners were asked for, the findings on the console, and the exit code."""

from typing import TYPE_CHECKING

from kubetasks.errors import ScanFound, ScanImpossible, UsageError
from kubetasks.tasks._edge import Edge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubetasks.aiops.scan.findings import Scan
    from kubetasks.images.plan import Image

HELP = {
    "fail_on": "exit with 101 for findings of this severity or higher: critical, error, warning, or never",
    "tool": "only these scanners, separated by commas; a missing one is an error",
}
HOW = "install one of the scanners; the notes have the commands"


def chosen(tool: str, known: "Sequence[str]") -> list[str]:
    """The scanners that ``--tool`` names.

    Raises:
        UsageError: there is no such scanner.
    """
    names = [name.strip() for name in tool.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise UsageError(f"--tool {name}", why="unknown value", fix=f"choose from {', '.join(known)}")
    return names


def check_level(fail_on: str) -> None:
    """Reject a level that is none.

    Raises:
        UsageError: with the levels.
    """
    from kubetasks.aiops.scan.findings import LEVELS

    if fail_on not in LEVELS:
        raise UsageError(f"--fail-on {fail_on}", why="unknown value", fix=f"choose one of {', '.join(LEVELS)}")


def show(found: Edge, scan: "Scan", fail_on: str) -> None:
    """Print the findings, and end with the exit code that they deserve.

    Raises:
        ScanFound: there are findings as bad as ``fail_on``.
        ScanImpossible: nothing could be looked at.
    """
    from kubetasks.aiops.scan.findings import COLUMNS, rows
    from kubetasks.diagnose.words import counted

    findings = scan.ordered()
    if found.as_json:
        found.print_json(scan.document())
    elif findings:
        found.console.table(COLUMNS, rows(findings))
    for note in scan.notes:
        found.note(note)
    if not scan.looked:
        raise ScanImpossible("nothing was scanned", why=scan.notes[0] if scan.notes else "", fix=HOW)
    bad = scan.at_least(fail_on)
    if bad:
        raise ScanFound(
            f"{len(bad)} of {len(findings)} findings are {fail_on} or worse",
            why=f"{bad[0].subject}: {bad[0].cause}",
            fix=bad[0].fix.text,
        )
    count = counted(len(findings), "finding") if findings else "no findings"
    found.console.line(f"scanned {', '.join(scan.looked)}: {count}", mark="done")


def image_scan(found: Edge, images: "Sequence[Image]", wanted: "Sequence[str]") -> "Scan":
    """The findings of the Dockerfiles and of images.

    Args:
        found: the edge.
        images: those to look at.
        wanted: the scanners that were asked for by name.
    """
    import datetime as dt

    from kubetasks.aiops.scan import dockerfiles, image
    from kubetasks.aiops.scan.findings import Scan

    files = dockerfiles.of(found.settings, found.root)
    scanners = [name for name in wanted if name != "image"]
    result = dockerfiles.scan(found.runner, found.root, files, scanners) if scanners or not wanted else Scan()
    if not images:
        return result
    if found.target.cluster is None:
        return result + Scan(notes=["the local target has no images; name another with --target"])
    values = {name: value.reveal() for name, value in found.given(ask=False).items()}
    env, now = found.target.build_env(), dt.datetime.now(dt.UTC)
    for each in images:
        with found.console.step(f"scan {each.service}") as shown:
            result += image.scan(
                found.runner, each.reference, found.settings.base_image, env=env, values=values, now=now
            )
            shown.done(each.reference)
    return result
