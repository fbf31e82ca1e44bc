"""What is kept of a turn: every statement that writes or reads one.

A message holds its plan from the moment it is stored, its calls are rows of their own with a place in the turn, and its
answer refers to it: each of the three is unique, so that a second attempt finds what the first one did.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.backend import tools
from app.backend.assistants.protocol import Plan
from app.backend.database.base import Transaction
from app.backend.records import Task, ToolCall
from app.backend.tasks import listed
from app.backend.turns.values import AssistantName, Question

TASKS = 500
"""How many of the user's tasks an assistant is shown."""


@dataclass(frozen=True)
class Entered:
    """A conversation that a message is about to be added to."""

    conversation_id: int
    state: Mapping[str, Any]
    """What the assistant kept with its last answer."""


@dataclass(frozen=True)
class Asked:
    """A message that is stored."""

    id: int
    conversation_id: int
    digest: str
    assistant: AssistantName
    plan: Plan
    offset: int
    """How many calls were made before the plan was: its own ones follow them."""
    attempt: int
    created_at: datetime


@dataclass(frozen=True)
class Replied:
    """The answer to a message."""

    id: int
    content: str
    notice: str | None
    assistant: AssistantName


async def enter(transaction: Transaction, question: Question, now: datetime) -> Entered | None:
    """Begin a conversation, or continue with the user's own one; None when there is none, or no such user.

    Until the transaction ends, no one else adds a message to it or deletes it.
    """
    if question.conversation_id is None:
        row = await transaction.one(
            "INSERT INTO conversations (user_id, title, created_at, updated_at) "
            "SELECT id, :title, :now, :now FROM users WHERE id = :user_id RETURNING id, NULL AS state",
            user_id=question.user_id,
            title=question.title,
            now=now,
        )
    else:
        row = await transaction.one(
            "UPDATE conversations SET updated_at = :now, title = COALESCE(title, :title) "
            "WHERE id = :id AND user_id = :user_id RETURNING id, (SELECT m.state FROM messages AS m "
            "WHERE m.conversation_id = :id AND m.role = 'assistant' ORDER BY m.id DESC LIMIT 1) AS state",
            id=question.conversation_id,
            user_id=question.user_id,
            title=question.title,
            now=now,
        )
    return Entered(row["id"], _json(row["state"])) if row else None


async def tasks(transaction: Transaction, user_id: str) -> list[Task]:
    """Return the user's tasks, by number."""
    found, _ = await listed(transaction, user_id, limit=TASKS)
    return found


async def last_state(transaction: Transaction, conversation_id: int, before: int) -> Mapping[str, Any]:
    """Return what the assistant kept with its last answer before a message."""
    row = await transaction.one(
        "SELECT state FROM messages WHERE conversation_id = :id AND role = 'assistant' AND id < :before "
        "ORDER BY id DESC LIMIT 1",
        id=conversation_id,
        before=before,
    )
    return _json(row["state"]) if row else {}


async def ask(
    transaction: Transaction,
    question: Question,
    conversation_id: int,
    *,
    assistant: AssistantName,
    plan: Plan,
    lease_until: datetime | None,
    now: datetime,
) -> Asked | None:
    """Store a user's message with its plan, under its key; None when the key is taken.

    A lease makes it the first attempt of those that exclude each other.
    """
    attempt = 0 if lease_until is None else 1
    row = await transaction.one(
        "INSERT INTO messages (conversation_id, user_id, role, content, idempotency_key, body_digest, plan, assistant, "
        "attempt, lease_until, created_at) VALUES (:conversation_id, :user_id, 'user', :content, :key, :digest, :plan, "
        ":assistant, :attempt, :lease_until, :now) ON CONFLICT (user_id, idempotency_key) DO NOTHING RETURNING id",
        conversation_id=conversation_id,
        user_id=question.user_id,
        content=question.message,
        key=question.key,
        digest=question.digest,
        plan=_planned(plan, 0),
        assistant=assistant,
        attempt=attempt,
        lease_until=lease_until,
        now=now,
    )
    if row is None:
        return None
    return Asked(row["id"], conversation_id, question.digest, assistant, plan, 0, attempt, now)


async def find(transaction: Transaction, user_id: str, key: str) -> Asked | None:
    """Return the user's message with a key."""
    row = await transaction.one(
        "SELECT id, conversation_id, body_digest, plan, assistant, attempt, created_at FROM messages "
        "WHERE user_id = :user_id AND idempotency_key = :key",
        user_id=user_id,
        key=key,
    )
    if row is None:
        return None
    planned = _json(row["plan"])
    return Asked(
        id=row["id"],
        conversation_id=row["conversation_id"],
        digest=row["body_digest"],
        assistant=row["assistant"],
        plan=planned.get("plan", {}),
        offset=planned.get("from", 0),
        attempt=row["attempt"],
        created_at=time_of(row["created_at"]),
    )


async def calls(transaction: Transaction, message_id: int) -> dict[int, ToolCall]:
    """Return what was done for a message, by place."""
    rows = await transaction.all(
        f"SELECT position, {tools.COLUMNS} FROM tool_calls WHERE message_id = :id ORDER BY position",  # noqa: S608
        id=message_id,
    )
    return {row["position"]: tools.call_of(row) for row in rows}


async def keep_plan(
    transaction: Transaction, message_id: int, assistant: AssistantName, plan: Plan, offset: int
) -> None:
    """Keep another plan for a message, to be run after the first `offset` calls."""
    await transaction.run(
        "UPDATE messages SET plan = :plan, assistant = :assistant WHERE id = :id",
        id=message_id,
        plan=_planned(plan, offset),
        assistant=assistant,
    )


async def reply(
    transaction: Transaction,
    user_id: str,
    asked: Asked,
    said: Replied,
    state: Mapping[str, Any],
    now: datetime,
) -> int | None:
    """Store the answer to a message and return its number; None when the message has one."""
    row = await transaction.one(
        "INSERT INTO messages (conversation_id, user_id, role, content, state, notice, assistant, reply_to, created_at)"
        " VALUES (:conversation_id, :user_id, 'assistant', :content, :state, :notice, :assistant, :reply_to, :now) "
        "ON CONFLICT (reply_to) DO NOTHING RETURNING id",
        conversation_id=asked.conversation_id,
        user_id=user_id,
        content=said.content,
        state=json.dumps(dict(state)),
        notice=said.notice,
        assistant=said.assistant,
        reply_to=asked.id,
        now=now,
    )
    return None if row is None else int(row["id"])


async def replied(transaction: Transaction, message_id: int) -> Replied | None:
    """Return the answer to a message."""
    row = await transaction.one(
        "SELECT id, content, notice, assistant FROM messages WHERE reply_to = :id", id=message_id
    )
    return Replied(row["id"], row["content"], row["notice"], row["assistant"]) if row else None


async def acquire(transaction: Transaction, message_id: int, now: datetime, until: datetime) -> int | None:
    """Take an unanswered message for one's own attempt; its number, None while another attempt holds it.

    The previous holder can do nothing more for it (`hold`).
    """
    row = await transaction.one(
        "UPDATE messages SET attempt = attempt + 1, lease_until = :until WHERE id = :id "
        "AND (lease_until IS NULL OR lease_until < :now) RETURNING attempt",
        id=message_id,
        now=now,
        until=until,
    )
    return None if row is None else int(row["attempt"])


async def hold(transaction: Transaction, message_id: int, attempt: int, until: datetime | None) -> bool:
    """Make an attempt's hold on its message last longer, or end it; False when another attempt has taken over.

    Until the transaction ends, no other attempt can.
    """
    return (
        await transaction.run(
            "UPDATE messages SET lease_until = :until WHERE id = :id AND attempt = :attempt",
            id=message_id,
            attempt=attempt,
            until=until,
        )
        > 0
    )


def time_of(value: datetime | str) -> datetime:
    """Return a time of either database."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _planned(plan: Plan, offset: int) -> str:
    return json.dumps({"from": offset, "plan": plan})


def _json(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
