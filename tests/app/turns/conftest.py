"""Turns without HTTP: an open database, a user, and an engine for each assistant."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.backend.assistants.protocol import Assistant, Event
from app.backend.database import make_database
from app.backend.database.base import Database, Row
from app.backend.turns.engine import Begun, Engine
from app.backend.turns.live import Turns
from app.backend.turns.values import Answer, Question
from tests.app.turns.scripted import Scripted


@dataclass
class Desk:
    """One user, and what is kept of them."""

    database: Database
    user_id: str
    events: list[Event] = field(default_factory=list)

    def engine(self, assistant: Assistant | None = None, *, patience: float = 5) -> Engine:
        """Return an engine; plans of rules are carried out by the scripted assistant."""
        return Engine(self.database, assistant or Scripted(), {"rules": Scripted()}, patience=patience)

    def turns(self, assistant: Assistant | None = None) -> Turns:
        """Return the turns of another process."""
        return Turns(self.engine(assistant))

    def question(self, message: str, key: str = "", conversation: int | None = None) -> Question:
        """Return what the user says; with a new key when none is given."""
        return Question(self.user_id, message, key or uuid.uuid4().hex, conversation)

    async def ask(self, message: str, key: str = "", conversation: int | None = None, **options: Any) -> Answer:
        """Carry a whole turn out."""
        engine = self.engine(**options)
        begun = await engine.begin(self.question(message, key, conversation))
        return await engine.carry_out(begun, self.events.append) if isinstance(begun, Begun) else begun

    async def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return rows."""
        async with self.database.begin(write=False) as transaction:
            return await transaction.all(sql, **values)

    async def titles(self) -> list[str]:
        """Return the titles of the user's tasks, by number."""
        rows = await self.rows(
            "SELECT title FROM tasks WHERE user_id = :user AND deleted_at IS NULL ORDER BY id", user=self.user_id
        )
        return [row["title"] for row in rows]

    async def messages(self) -> list[tuple[str, str]]:
        """Return role and text of the user's messages."""
        rows = await self.rows(
            "SELECT role, content FROM messages WHERE user_id = :user ORDER BY id", user=self.user_id
        )
        return [(row["role"], row["content"]) for row in rows]

    async def places(self) -> list[int]:
        """Return the places of the calls on record."""
        rows = await self.rows("SELECT position FROM tool_calls WHERE user_id = :user ORDER BY id", user=self.user_id)
        return [row["position"] for row in rows]


@asynccontextmanager
async def at_desk(url: str) -> AsyncIterator[Desk]:
    """A new user of a database that is up to date."""
    database = make_database(url)
    await database.open()
    try:
        yield await new_user(database)
    finally:
        await database.close()


async def new_user(database: Database) -> Desk:
    """A new user."""
    user_id = uuid.uuid4().hex
    async with database.begin() as transaction:
        await transaction.run(
            "INSERT INTO users (id, created_at) VALUES (:id, :now)", id=user_id, now=datetime.now(UTC)
        )
    return Desk(database, user_id)


def play(url: str, story: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    """Run a story with a new user, within a time limit."""

    async def told() -> None:
        async with asyncio.timeout(60), at_desk(url) as desk:
            await story(desk)

    asyncio.run(told())
