"""Tries the backend with schemathesis: every check, all four phases, against docs/openapi.yaml.

``python -m tests.app.contract.fuzz [--examples N] [--seed N] [--postgres]`` tries it at length and says how many cases
there were.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.backend import migrate
from app.backend.application import create_app
from tests.app import postgres
from tests.app.conftest import unlimited
from tests.app.servers import running

ROOT = Path(__file__).parents[3]
PROBES = "^/(health|ready|metrics)$"
"""They need no session, and nothing can be sent to them."""

CHAINS = "chains"
PHASES = ("examples", "coverage", "fuzzing", "stateful", CHAINS)
SESSIONS = ("createSession", "createAccount", "login", "renewSession", "logout", "deleteUser")
# The links that the contract spells out, rather than guesses at others.
SETTINGS = """
[phases.stateful.inference]
algorithms = []
"""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    code: int
    """0 where every check held."""
    cases: int
    """How many test cases were generated."""
    tested: int
    """Operations."""
    phases: dict[str, str]
    output: str


def fuzz(url: str, *, examples: int, seed: int, phases: Sequence[str] = PHASES) -> Outcome:
    """Try the backend on a database that is up to date; the same seed tries the same.

    Args:
        url: the database.
        examples: how many cases there may be of each operation in each phase.
        seed: where the random ones begin.
        phases: which of `PHASES`. Most of the stateful ones end with their session; "chains" is the same without what
            ends it, so that what was deleted is asked for again.
    """
    ending = [f"--exclude-operation-id={name}" for name in SESSIONS]
    runs = [(examples, [each for each in phases if each != CHAINS], []), (max(100, 2 * examples), ["stateful"], ending)]
    with tempfile.TemporaryDirectory() as folder, running(create_app(unlimited(url))) as server:
        outcomes = [
            _run(Path(folder), server, count, seed, "--phases", ",".join(names), *more)
            for count, names, more in (runs if CHAINS in phases else runs[:1])
            if names
        ]
    return Outcome(
        code=max(each.code for each in outcomes),
        cases=sum(each.cases for each in outcomes),
        tested=outcomes[0].tested,
        phases={name: state for name, state in outcomes[0].phases.items() if name in phases}
        | ({CHAINS: outcomes[-1].phases.get("stateful", "none")} if CHAINS in phases else {}),
        output="".join(each.output for each in outcomes),
    )


def _run(folder: Path, server: str, examples: int, seed: int, *more: str) -> Outcome:
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    (folder / "settings.toml").write_text(SETTINGS)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "settings.toml")),
            *("run", str(ROOT / "docs" / "openapi.yaml"), "--url", server, "--checks", "all", "--mode", "all"),
            *("--exclude-path-regex", PROBES, "--max-examples", str(examples), "--seed", str(seed)),
            *("--continue-on-failure", "--no-shrink", "--generation-database", "none", "--no-color"),
            *("--report", "json", "--report-json-path", str(report), *more),
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.app.contract.hooks",
            "TODO_URL": server,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = json.loads(report.read_text()) if report.exists() else {}
    return Outcome(
        code=done.returncode,
        cases=found.get("test_cases", {}).get("generated", 0),
        tested=found.get("operations", {}).get("tested", 0),
        phases={name: phase["status"] for name, phase in found.get("phases", {}).items()},
        output=done.stdout,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Try it at length."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=400, help="cases of each operation in each phase, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on Postgres rather than SQLite")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if given.postgres:
            with postgres.server() as server:
                outcome = _tried(postgres.create_database(server, "fuzz"), given.examples, given.seed)
        else:
            outcome = _tried(f"sqlite:///{folder}/fuzz.db", given.examples, given.seed)
    sys.stdout.write(f"{outcome.output}\n{outcome.cases} cases of {outcome.tested} operations: {outcome.phases}\n")
    return outcome.code


def _tried(url: str, examples: int, seed: int) -> Outcome:
    migrate.upgrade(url, 10)
    return fuzz(url, examples=examples, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
