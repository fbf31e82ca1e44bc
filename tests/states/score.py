"""Score the rules on the recorded states: ``python -m tests.states.score [--wrong]``.

The catalogue has two parts. The rules were written with ``faults`` at hand; ``held`` was recorded after that.
``healthy`` has no fault: every finding there is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from kubetasks.diagnose import diagnose
from kubetasks.diagnose.snapshot import read
from tests.states.catalogue import FOLDERS, HERE, Fault, load
from tests.states.record import Outcome, judge, live


@dataclass(frozen=True)
class Score:
    """How the settled states of one part of the catalogue are diagnosed.

    Args:
        states: how many states are recorded.
        first: in how many the first line has the expected cause.
        whole: in how many it is also the only finding, names what it has to name, and has the expected kind of fix.
        silent: in how many nothing is found.
        commands: how many fixes are a command that is expected to suffice.
        fixed: how many of these made the namespace healthy on a real cluster.
        wrong: the states that are not as expected, a line each.
    """

    states: int
    first: int
    whole: int
    silent: int
    commands: int
    fixed: int
    wrong: tuple[str, ...]


def score(faults: Sequence[Fault]) -> Score:
    """Diagnose the settled state of each fault again."""
    first = whole = silent = states = 0
    wrong: list[str] = []
    for fault in faults:
        path = HERE / "recorded" / fault.family / f"{fault.name}.settled.json"
        if not path.exists():
            continue
        states += 1
        outcome = Outcome(fault)
        findings = diagnose(read(path))
        judge(fault, findings, outcome)
        good = outcome.ok and not outcome.wrong
        whole += good
        silent += not findings
        first += findings[0].id in fault.expected if findings else not fault.expected
        if not good:
            wrong.append(outcome.line())
    heals = [fault for fault in faults if fault.heals]
    fixed = sum(fault.name in live() for fault in heals)
    return Score(states, first, whole, silent, len(heals), fixed, tuple(wrong))


def main(argv: Sequence[str]) -> int:
    """Print a line of a Markdown table for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="show what is not as expected")
    given = parser.parse_args(argv)
    scores = {folder: score(load(folder)) for folder in FOLDERS}
    print("| part | states | cause in the first line | exactly as expected | nothing found | fixes tried live |")
    print("| --- | --- | --- | --- | --- | --- |")
    for folder, each in scores.items():
        print(
            f"| `{folder}` | {each.states} | {each.first} | {each.whole} | {each.silent} "
            f"| {each.fixed} of {each.commands} |"
        )
    if given.wrong:
        print(*(line for each in scores.values() for line in each.wrong), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
