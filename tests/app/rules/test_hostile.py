"""Long messages made to keep a regular expression busy: all of them are planned, well within a generous limit."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from app.backend.assistants.protocol import Context
from app.backend.assistants.rules import Rules
from tests.app.rules.conversation import NOW, task

own = [task(number, f"write to friend {number} about the garden and the house") for number in range(1, 51)]
heads = ["", "add ", "delete ", "remind me ", "set ", "rename ", "move ", "what ", "i ", "mark ", "show ", "don't ",
         "please "]
pieces = ["a", " ", '"', "'", "1", "1 ", "1,", "and ", "to ", "is ", "x is x ", "please ", "a, ", "; ", "not ", "the ",
          "#1 ", "- ", "\\n", "tomorrow ", "at 5 ", "in 3 ", "due ", "of ", "note ", "priority ", "as done ", "((",
          "'s ", "!", "\\x00"]
planned = 0
for head in heads:
    for piece in pieces:
        for length in (600, 4000):
            for end in ("", "\\x01?"):
                Rules().plan((head + piece * length)[: length - len(end)] + end, Context(NOW, own))
                planned += 1
print(planned)
"""


def test_no_expression_runs_away() -> None:
    # An expression that backtracks without end takes minutes for one of these; all of them together take seconds.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 13 * 31 * 4
