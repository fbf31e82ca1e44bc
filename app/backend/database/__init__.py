"""The database: Postgres through psycopg's pool, or a SQLite file; the same SQL for both."""

from app.backend.database.base import Database
from app.backend.settings import Settings
from app.backend.urls import UrlError, sqlite_path


def make_database(url: str, *, pool_size: int = 10, pooled: bool = False) -> Database:
    """Return the database of a URL; nothing is connected yet.

    Args:
        url: see `app.backend.urls`.
        pool_size: Postgres: connections at most.
        pooled: Postgres: whether a pooler that gives each transaction another connection is in between.

    Raises:
        UrlError: For a URL of an unknown form.
    """
    path = sqlite_path(url)
    if path:
        from app.backend.database.sqlite import SqliteDatabase  # noqa: PLC0415 - one driver is enough in memory

        return SqliteDatabase(path)
    from app.backend.database.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(url, pool_size=pool_size, pooled=pooled)


def open_database(settings: Settings) -> Database:
    """Return the database of the settings.

    Raises:
        UrlError: As `make_database`, naming the variable.
    """
    try:
        return make_database(
            settings.database_url, pool_size=settings.database_pool_size, pooled=settings.database_pooled
        )
    except UrlError as error:
        raise UrlError(f"DATABASE_URL cannot be used: {error}") from None
