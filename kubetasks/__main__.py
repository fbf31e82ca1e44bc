"""Invoke, with a damaged invoke.yaml told in one line: ``python -m kubetasks`` is what ``./inv`` runs.

Invoke reads its configuration before any task could catch what is wrong with it.
"""

import sys

from invoke.main import program
from invoke.vendor.yaml import MarkedYAMLError

from kubetasks.console import report
from kubetasks.errors import SettingsError


def main() -> None:
    """Run Invoke.

    Exits with 2 when a configuration file is no YAML.
    """
    try:
        program.run()
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{mark.name}, line {mark.line + 1}" if mark else "a configuration file"
        refused = SettingsError(f"{where} is no YAML", why=str(error.problem or ""), fix="mend that line")
        report(refused)
        sys.exit(refused.exit_code)


if __name__ == "__main__":
    main()
