"""Users in the database. A guest is one without a name."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from app.backend.database.base import Row, Transaction


@dataclass(frozen=True)
class Account:
    """A user."""

    user_id: str
    name: str | None
    generation: int
    """Counts how often all sessions of the user were ended."""

    @classmethod
    def of(cls, row: Row) -> "Account":
        """Return the user of a row."""
        return cls(row["id"], row["name"], row["generation"])


async def create(transaction: Transaction, name: str | None = None, password_hash: str | None = None) -> Account:
    """Create a user: a guest, or one with a name and a password.

    Raises:
        ConflictError: The name is taken.
    """
    user_id = uuid.uuid4().hex
    await transaction.run(
        "INSERT INTO users (id, name, password_hash, generation, last_task, created_at) "
        "VALUES (:id, :name, :password_hash, 1, 0, :now)",
        id=user_id,
        name=name,
        password_hash=password_hash,
        now=datetime.now(UTC),
    )
    return Account(user_id, name, 1)


async def name_guest(transaction: Transaction, user_id: str, name: str, password_hash: str) -> Account | None:
    """Give a guest a name and a password, and end its sessions from before; None if the user is no guest.

    Raises:
        ConflictError: The name is taken.
    """
    row = await transaction.one(
        "UPDATE users SET name = :name, password_hash = :password_hash, generation = generation + 1 "
        "WHERE id = :id AND name IS NULL RETURNING id, name, generation",
        id=user_id,
        name=name,
        password_hash=password_hash,
    )
    return None if row is None else Account.of(row)


async def get(transaction: Transaction, user_id: str) -> Account | None:
    """Return a user."""
    row = await transaction.one("SELECT id, name, generation FROM users WHERE id = :id", id=user_id)
    return None if row is None else Account.of(row)


async def named(transaction: Transaction, name: str) -> tuple[Account, str | None] | None:
    """Return the user of a name, and the password's hash."""
    row = await transaction.one("SELECT id, name, generation, password_hash FROM users WHERE name = :name", name=name)
    return None if row is None else (Account.of(row), row["password_hash"])


async def end_sessions(transaction: Transaction, user_id: str) -> None:
    """End every session of a user."""
    await transaction.run("UPDATE users SET generation = generation + 1 WHERE id = :id", id=user_id)


async def delete(transaction: Transaction, user_id: str) -> None:
    """Delete a user, and all their data (ON DELETE CASCADE)."""
    await transaction.run("DELETE FROM users WHERE id = :id", id=user_id)
