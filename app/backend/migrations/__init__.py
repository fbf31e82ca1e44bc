"""The database's schema, one step a file in `versions`; what is known of the steps without Alembic."""

import re
from pathlib import Path

MIGRATIONS = Path(__file__).parent

_ASSIGNED = re.compile(
    r"""^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*(?:"([^"]+)"|'([^']+)'|None)\s*$""", re.MULTILINE
)


class MigrateError(Exception):
    """The schema is not where it has to be; the message is one line and holds no secret."""


class UnreachableError(MigrateError):
    """The database does not answer (yet)."""


class RefusedError(UnreachableError):
    """The database answers, and does not let this user in."""


def revisions() -> tuple[set[str], str]:
    """Return every revision this code knows, and the last one, read from the files rather than through Alembic.

    Raises:
        MigrateError: When there is not exactly one last revision.
    """
    own: set[str] = set()
    below: set[str] = set()
    for file in sorted((MIGRATIONS / "versions").glob("[0-9]*.py")):
        for name, double, single in _ASSIGNED.findall(file.read_text(encoding="utf-8")):
            if double or single:
                (own if name == "revision" else below).add(double or single)
    heads = own - below
    if len(heads) != 1:
        raise MigrateError(f"there must be one last migration, and there are {len(heads)}: {', '.join(sorted(heads))}")
    return own, heads.pop()
