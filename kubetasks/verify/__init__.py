"""Verification of a deployment: layered checks, each with its evidence, as one report. See docs/verify.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kubetasks.verify.check import Check, CheckFailed, NotTried, check
from kubetasks.verify.report import COLUMNS, LAYERS, Report
from kubetasks.verify.results import Result

if TYPE_CHECKING:
    from kubetasks.console import Console
    from kubetasks.objects import Objects
    from kubetasks.settings import Settings
    from kubetasks.targets.base import Target
    from kubetasks.verify.selection import Selection
    from kubetasks.verify.timeline import Span

__all__ = ["COLUMNS", "LAYERS", "Check", "CheckFailed", "NotTried", "Report", "Result", "check", "verify"]


def verify(
    settings: "Settings",
    root: Path,
    target: "Target",
    objects: "Objects",
    console: "Console",
    *,
    selection: "Selection | None" = None,
    before: "Sequence[Span]" = (),
) -> Report:
    """Check, layer by layer, that the rendered objects are live and that the application behind them works.

    Args:
        settings: `project`, `namespace` and the section `verify` are read.
        root: the folder that the paths of the contract and the journeys are relative to.
        target: where it is deployed.
        objects: the rendered objects, without Namespace and Secret.
        console: gets one line per layer; its `hide` is passed all evidence.
        selection: which checks; all of them where None.
        before: what came before on the report's timeline, such as the steps of a deploy.

    Returns:
        The report. A check that failed is in it, and is not raised.

    Raises:
        SettingsError: the contract, a journey or a check in the settings is missing or malformed; nothing was tried.
        UsageError: the selection names something unknown; nothing was tried.
        ClusterUnreachable: the API server does not answer.
    """
    from kubetasks.verify.run import Run  # noqa: PLC0415  (an HTTP client that `inv --list` does not need)
    from kubetasks.verify.selection import Selection  # noqa: PLC0415

    return Run(settings, root, target, objects, console, selection or Selection(), before).run()
