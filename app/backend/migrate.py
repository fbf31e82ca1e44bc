"""Migrate the database's schema to the version that this code needs, or wait until it is migrated.

``python -m app.backend.migrate`` applies the missing migrations, one process at a time. ``--wait`` applies nothing: it
returns once the database is at this code's revision. Pods wait like this before they start, so it imports little.

A revision this code does not know counts as reached: the database is ahead after a rollback. Whether the code before a
migration works with the tables after it is documented in the migration.
"""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.backend.migrations import MigrateError, RefusedError, UnreachableError, revisions
from app.backend.urls import UrlError, libpq_url, shown, sqlite_path, without_password

CONNECT_SECONDS = 5
REFUSED_SECONDS = 5
"""A password that is rejected for so long is wrong: waiting longer does not help."""
PAUSE_SECONDS = 0.5


def current(url: str) -> str | None:
    """Return the revision the database is at, None before the first.

    Raises:
        UnreachableError: When the database does not answer.
        UrlError: For a URL of an unknown form.
    """
    path = sqlite_path(url)
    return _current_sqlite(path) if path else _current_postgres(url)


def wait(
    url: str,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return once the database is at this code's revision, or ahead of it.

    Raises:
        MigrateError: When it is not after so many seconds, with the last thing seen.
    """
    known, head = revisions()
    _say(f"waiting for revision {head} in {shown(url)}")

    def look() -> str | None:
        revision = current(url)
        if revision == head or (revision is not None and revision not in known):
            _say(f"the database is at revision {revision}" + ("" if revision == head else ", ahead of this code"))
            return None
        return f"the database is at revision {revision or 'none'}, not at {head}"

    _until(look, seconds, clock=clock, sleep=sleep)


def upgrade(
    url: str,
    seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Apply the missing migrations, all in one transaction, while holding a lock that admits one process.

    Raises:
        MigrateError: When the database does not answer within so many seconds, or refuses a statement.
    """

    def look() -> str | None:
        current(url)
        return None

    _until(look, seconds, clock=clock, sleep=sleep)
    from app.backend.migrations import applying  # noqa: PLC0415 - Alembic and SQLAlchemy

    before, after = applying.upgrade(url)
    if before == after:
        known, head = revisions()
        ahead = "" if before == head or before in known else ", ahead of this code"
        _say(f"the database is at revision {before}{ahead}: nothing to do")
    else:
        _say(f"the database went from revision {before or 'none'} to {after}")


def downgrade(url: str, revision: str) -> None:
    """Take migrations back to a revision; ``base`` is before the first.

    Raises:
        MigrateError: When the database refuses a statement.
    """
    from app.backend.migrations import applying  # noqa: PLC0415 - Alembic and SQLAlchemy

    applying.downgrade(url, revision)


def _current_sqlite(path: str) -> str | None:
    if not Path(path).exists():
        return None
    try:
        connection = sqlite3.connect(path, timeout=CONNECT_SECONDS)
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return None
        raise UnreachableError(f"sqlite:///{path}: {error}") from None
    return str(row[0]) if row else None


def _current_postgres(url: str) -> str | None:
    import psycopg  # noqa: PLC0415 - not needed for SQLite

    try:
        with psycopg.connect(
            libpq_url(url), autocommit=True, connect_timeout=CONNECT_SECONDS, prepare_threshold=None
        ) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.ProgrammingError as error:  # a parameter of the URL: no use in trying again
        raise MigrateError(f"{shown(url)}: {without_password(str(error), url)}") from None
    except psycopg.Error as error:
        # libpq gives no code for what ends an attempt to connect; Postgres' words for 28P01 are these.
        refused = "authentication failed" in str(error) or "no password supplied" in str(error)
        kind = RefusedError if refused else UnreachableError
        raise kind(f"{shown(url)}: {without_password(str(error), url)}") from None
    return str(row[0]) if row else None


def _until(
    look: Callable[[], str | None], seconds: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Look again and again until nothing is missing; say what is whenever that changes."""
    deadline = clock() + seconds
    said = ""
    refused: float | None = None
    while True:
        try:
            missing = look()
        except RefusedError as error:
            refused = clock() if refused is None else refused
            if clock() - refused >= REFUSED_SECONDS:
                raise MigrateError(f"gave up: {error}") from None
            missing = str(error)
        except UnreachableError as error:
            missing = str(error)
            refused = None
        if missing is None:
            return
        if clock() >= deadline:
            raise MigrateError(f"gave up after {seconds:g} s: {missing}")
        if missing != said:
            _say(missing)
            said = missing
        sleep(PAUSE_SECONDS)


def _say(line: str) -> None:
    print(f"migrate: {line}", flush=True)  # noqa: T201 - what a Job's log is read for


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="migrate", description="Bring the database's schema up to date.")
    parser.add_argument("--wait", action="store_true", help="apply nothing; wait until the schema is up to date")
    parser.add_argument("--timeout", type=float, default=300, metavar="SECONDS", help="how long to wait (default: 300)")
    flags = parser.parse_args(argv)
    # The pods ask through the connection they will use; migrations go to the server itself where there is a pooler.
    name = "MIGRATION_DATABASE_URL" if environ.get("MIGRATION_DATABASE_URL") and not flags.wait else "DATABASE_URL"
    url = environ.get(name, "")
    if not url:
        return _fail(f"{name} is not set")
    try:
        (wait if flags.wait else upgrade)(url, flags.timeout)
    except UrlError as error:
        return _fail(f"{name} cannot be used: {error}")
    except MigrateError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _fail("interrupted")
    return 0


def _fail(line: str) -> int:
    print(f"migrate: {line}", file=sys.stderr, flush=True)  # noqa: T201 - a program's last words
    return 1


if __name__ == "__main__":
    sys.exit(main())
