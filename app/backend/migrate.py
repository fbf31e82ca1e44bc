"""Bring the database's schema to where this code needs it, or wait until somebody has.

``python -m app.backend.migrate`` applies the missing migrations, one process at a time. ``--wait`` applies nothing: it
returns once the database is at this code's revision. Pods wait so before they start, hence it imports little.

A revision this code does not know counts as reached: the database is ahead after a rollback. Whether the code before a
migration works with the tables after it is said in the migration.
"""

import argparse
import os
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.backend.urls import UrlError, libpq_url, shown, sqlalchemy_url, sqlite_path, without_password

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_020_463_091  # any number that nothing else in the database locks
LOCK_SECONDS = 120
CONNECT_SECONDS = 5
PAUSE_SECONDS = 0.5

_ASSIGNED = re.compile(
    r"""^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*(?:"([^"]+)"|'([^']+)'|None)\s*$""", re.MULTILINE
)


class MigrateError(Exception):
    """The schema is not where it has to be; the message is one line and holds no secret."""


class UnreachableError(MigrateError):
    """The database does not answer (yet)."""


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
    _in_transaction(url, _upgrade)


def downgrade(url: str, revision: str) -> None:
    """Take migrations back to a revision; ``base`` is before the first.

    Raises:
        MigrateError: When the database refuses a statement.
    """

    def step(config: "Config", connection: "Connection") -> None:  # noqa: ARG001 - the configuration holds it
        from alembic import command  # noqa: PLC0415 - see the module's docstring

        command.downgrade(config, revision)

    _in_transaction(url, step)


def _upgrade(config: "Config", connection: "Connection") -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    known, head = revisions()
    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before not in known:
        _say(f"the database is at revision {before}, ahead of this code: nothing to do")
    elif before == head:
        _say(f"the database is at revision {head}: nothing to do")
    else:
        command.upgrade(config, "head")
        _say(f"the database went from revision {before or 'none'} to {head}")


def _in_transaction(url: str, step: "Callable[[Config, Connection], None]") -> None:
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring
    from alembic.util.exc import CommandError  # noqa: PLC0415
    from sqlalchemy import create_engine, text  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    path = sqlite_path(url)
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # A pooler may be on the way after all: nothing is prepared on a connection.
    options = {"timeout": CONNECT_SECONDS} if path else {"prepare_threshold": None, "connect_timeout": CONNECT_SECONDS}
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool, connect_args=options)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.connect() as connection:
            _begin(connection, sqlite=bool(path))
            if not path:
                connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                # Held by the transaction, not by the connection: it holds through PgBouncer too.
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            config.attributes["connection"] = connection
            step(config, connection)
            if path and (broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall()):
                raise MigrateError(f"{shown(url)}: {len(broken)} rows refer to rows that are not there")
            connection.commit()
    except SQLAlchemyError as error:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        why = without_password(str(original), url) or type(original).__name__
        raise MigrateError(f"{shown(url)}: {why}") from error
    except CommandError as error:
        raise MigrateError(without_password(str(error), url)) from error
    finally:
        engine.dispose()


def _begin(connection: "Connection", *, sqlite: bool) -> None:
    """Begin the one transaction; SQLite takes the only lock it has, so one process at a time is in here."""
    if not sqlite:
        connection.begin()
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.isolation_level = None  # the driver begins no transactions by itself
    driver.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
    driver.execute("PRAGMA journal_mode=WAL")
    # A step may drop a table and make it anew: rows that refer to it must not go with it. What they refer to is
    # checked before the transaction ends.
    driver.execute("PRAGMA foreign_keys=OFF")
    connection.begin()
    driver.execute("BEGIN IMMEDIATE")


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
        raise UnreachableError(f"{shown(url)}: {without_password(str(error), url)}") from None
    return str(row[0]) if row else None


def _until(
    look: Callable[[], str | None], seconds: float, *, clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    """Look again and again until nothing is missing; say what is whenever that changes."""
    deadline = clock() + seconds
    said = ""
    while True:
        try:
            missing = look()
        except UnreachableError as error:
            missing = str(error)
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
