"""Applies the steps, through Alembic: all in one transaction, by one process at a time."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.backend.migrations import MIGRATIONS, MigrateError, revisions
from app.backend.urls import shown, sqlalchemy_url, sqlite_path, without_password

T = TypeVar("T")

LOCK = 7_020_463_091  # any number that nothing else in the database locks
LOCK_SECONDS = 120
CONNECT_SECONDS = 5


def upgrade(url: str) -> tuple[str | None, str | None]:
    """Apply the missing steps; return the revisions before and after. A database that is ahead is left unchanged.

    Raises:
        MigrateError: When the database refuses a statement.
    """

    def step(config: Config, connection: Connection) -> tuple[str | None, str | None]:
        known, head = revisions()
        before = MigrationContext.configure(connection).get_current_revision()
        if before == head or (before is not None and before not in known):
            return before, before
        command.upgrade(config, "head")
        return before, head

    return in_transaction(url, step)


def downgrade(url: str, revision: str) -> None:
    """Take steps back to a revision; ``base`` is before the first.

    Raises:
        MigrateError: When the database refuses a statement.
    """
    in_transaction(url, lambda config, _connection: command.downgrade(config, revision))


def in_transaction(url: str, step: Callable[[Config, Connection], T]) -> T:
    """Do a step in one transaction, while holding a lock that admits one process; return what it returns.

    Raises:
        MigrateError: When the database refuses a statement.
    """
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
            made = step(config, connection)
            if path and (broken := connection.execute(text("PRAGMA foreign_key_check")).fetchall()):
                raise MigrateError(f"{shown(url)}: {len(broken)} rows refer to rows that do not exist")
            connection.commit()
            return made
    except SQLAlchemyError as error:
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        why = without_password(str(original), url) or type(original).__name__
        raise MigrateError(f"{shown(url)}: {why}") from error
    except CommandError as error:
        raise MigrateError(without_password(str(error), url)) from error
    finally:
        engine.dispose()


def _begin(connection: Connection, *, sqlite: bool) -> None:
    """Begin the one transaction; SQLite takes the only lock it has, so one process at a time is in here."""
    if not sqlite:
        connection.begin()
        return
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.isolation_level = None  # the driver begins no transactions by itself
    driver.execute(f"PRAGMA busy_timeout={LOCK_SECONDS * 1000}")
    driver.execute("PRAGMA journal_mode=WAL")
    # A step may drop a table and make it again: rows that refer to it must not go with it. What they refer to is
    # checked before the transaction ends.
    driver.execute("PRAGMA foreign_keys=OFF")
    connection.begin()
    driver.execute("BEGIN IMMEDIATE")
