"""The Dockerfiles of a project: hadolint, and checkov where it is installed."""

from collections.abc import Sequence
from pathlib import Path

from kubetasks.aiops.scan.findings import Scan
from kubetasks.aiops.scan.tools import plain
from kubetasks.aiops.scan.tools import scan as run
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.tools import scanners


def of(settings: Settings, root: Path) -> list[str]:
    """The project's Dockerfiles, relative to its root, each once."""
    named = (service.dockerfile for service in settings.services.values())
    return [name for name in dict.fromkeys(named) if (root / name).is_file()]


def scan(runner: Runner, root: Path, files: Sequence[str], wanted: Sequence[str]) -> Scan:
    """Look at Dockerfiles.

    Args:
        runner: starts the scanners.
        root: the project's root.
        files: relative to it.
        wanted: the scanners that were asked for by name; where there is none, those that are installed.

    Raises:
        ScanImpossible: a scanner that was asked for is not installed, or prints something else than its report.
    """
    found = Scan()
    if not files:
        return Scan(notes=["no service has a Dockerfile"])
    if not wanted or "hadolint" in wanted:
        parse = plain(scanners.parse_hadolint)
        what = ", ".join(files)
        found += run(runner, scanners.hadolint(files), parse, what, cwd=root, needed="hadolint" in wanted)
    if not wanted or "checkov" in wanted:
        argv, parse = scanners.checkov(files, "dockerfile"), plain(scanners.parse_checkov)
        found += run(runner, argv, parse, ", ".join(files), cwd=root, needed="checkov" in wanted)
    return found
