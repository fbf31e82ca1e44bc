"""The engine: how connections to the database are made, tried again and kept."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from app.backend.urls import sqlalchemy_url, without_password

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeoutError)
"""What SQLAlchemy raises when the database cannot be reached, rather than when it refuses a statement."""

CONNECT_SECONDS = 5  # one attempt; a sleeping Neon takes one or two seconds to answer
PAUSES = (0.2, 0.5, 1.0)  # between attempts, in seconds


class Database:
    """The database of one process."""

    def __init__(
        self, url: str, *, pauses: tuple[float, ...] = PAUSES, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Make the engine; nothing is connected yet.

        Raises:
            UrlError: For a URL of an unknown form.
        """
        self.url = url
        self._pauses = pauses
        self._sleep = sleep
        self.engine = _engine(sqlalchemy_url(url))
        event.listen(self.engine, "do_connect", self._connect)
        self.sessions: sessionmaker[Session] = sessionmaker(self.engine, expire_on_commit=False)

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            SQLAlchemyError: When it gives none.
        """
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def reason(self, error: SQLAlchemyError) -> str:
        """Say in one line, without the password, what the driver said."""
        original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        return without_password(str(original), self.url) or type(original).__name__

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _connect(self, dialect: Dialect, _record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]) -> Any:
        """Connect; try again after a pause when the server does not answer (it may be waking up or failing over)."""
        for pause in self._pauses:
            try:
                return dialect.connect(*args, **options)
            except dialect.loaded_dbapi.OperationalError as error:
                if "authentication failed" in str(error):
                    raise
                self._sleep(pause)
        return dialect.connect(*args, **options)


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 10})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=280,  # below the five minutes after which Neon closes what is idle
        # PgBouncer in transaction mode gives each transaction another connection: nothing may be prepared on one.
        connect_args={"prepare_threshold": None, "connect_timeout": CONNECT_SECONDS},
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transactions by itself; see _begin_sqlite
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    # Takes the write lock at once: a transaction that reads first and writes later fails with "database is locked" at
    # once, without the patience of the timeout, when another one wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
