"""What creating a local cluster of any kind has in common: how long it may take, and how its output is shown."""

from collections.abc import Callable
from typing import Final

from kubetasks.console import Step
from kubetasks.errors import ClusterCreateFailed
from kubetasks.runner import Result
from kubetasks.tools import kind

# What creating may take beyond a wait for a Ready node: the node image and Kubernetes are downloads of up to 1 GB.
DOWNLOAD_LIMIT: Final = 900.0
SHOWN: Final = 20


def follow(step: Step) -> Callable[[str], None]:
    """Shows each line that a program prints in a step, without colours and ornaments."""
    return lambda line: step.update(kind.progress_line(line))


def failed(result: Result, what: str, why: str, fix: str) -> ClusterCreateFailed:
    """The error for a program that failed, with its last lines."""
    return ClusterCreateFailed(what, why=why, fix=fix, detail="\n".join(result.lines[-SHOWN:]))
