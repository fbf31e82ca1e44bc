"""Proof that what is deployed works: layered checks, each with its evidence, as one report. See docs/verify.md."""

from pathlib import Path
from typing import TYPE_CHECKING

from kubetasks.verify.report import COLUMNS, LAYERS, Check, Report

if TYPE_CHECKING:
    from kubetasks.console import Console
    from kubetasks.objects import Objects
    from kubetasks.settings import Settings
    from kubetasks.targets.base import Target

__all__ = ["COLUMNS", "LAYERS", "Check", "Report", "verify"]


def verify(settings: "Settings", root: Path, target: "Target", objects: "Objects", console: "Console") -> Report:
    """Check, layer by layer, that the rendered objects are live and that the application behind them works.

    Args:
        settings: `project`, `namespace` and the section `verify` are read.
        root: what the paths of the contract and the journeys are relative to.
        target: where it is deployed.
        objects: the rendered objects, without Namespace and Secret.
        console: gets one line per layer; its `hide` is passed all evidence.

    Returns:
        The report. A check that does not hold is in it, and is not raised.

    Raises:
        SettingsError: the contract or a journey is missing or malformed; nothing was tried then.
        ClusterUnreachable: the API server does not answer.
    """
    from kubetasks.verify.run import run  # noqa: PLC0415  (an HTTP client that `inv --list` does not need)

    return run(settings, root, target, objects, console)
