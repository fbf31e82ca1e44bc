"""What Postgres, psycopg and its pool raise, as the few errors that the application knows."""

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from app.backend.database.base import ConflictError, UnavailableError
from app.backend.urls import without_password

UNAVAILABLE = (
    psycopg.OperationalError,  # also statement timeouts, shutdowns, too many connections, deadlocks
    psycopg.InterfaceError,  # the connection is closed
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,  # a primary that has become a standby
    TimeoutError,
)

_SAID: dict[type[BaseException], str] = {
    errors.DeadlockDetected: "the database gave up one of two transactions that waited for each other: deadlock",
    errors.SerializationFailure: "the database gave up a transaction: serialization failure",
    errors.QueryCanceled: "the database gave up a statement that took too long",
    TimeoutError: "the database does not answer in time",
    PoolTimeout: "no connection to the database was free in time",
    PoolClosed: "the connections to the database are closed: shutting down",
}


def translated(error: BaseException, url: str) -> Exception | None:
    """Return what stands for an error of the driver's, None if that is the error itself.

    Args:
        error: the driver's.
        url: the database's, whose password must not show.
    """
    if isinstance(error, errors.UniqueViolation | errors.ForeignKeyViolation):
        return ConflictError(error.diag.constraint_name or "a key")
    if not isinstance(error, UNAVAILABLE):
        return None
    for kind, said in _SAID.items():
        if isinstance(error, kind):
            return UnavailableError(said)
    return UnavailableError(without_password(str(error), url) or type(error).__name__)
