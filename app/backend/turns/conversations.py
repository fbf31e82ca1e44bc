"""What is kept of conversations: their list, their messages, their end."""

from app.backend import tools
from app.backend.assistants.protocol import Said
from app.backend.database.base import Row, Transaction, Value
from app.backend.records import LARGEST_ID, ToolCall
from app.backend.turns.values import Conversation, Message

REMEMBERED = 20
"""How many messages of a conversation an assistant is shown."""

_CONVERSATION = "id, title, created_at, updated_at"
_MESSAGE = (
    "id, role, content, notice, CASE WHEN role = 'assistant' THEN assistant END AS assistant, reply_to, "
    "idempotency_key, created_at, CASE WHEN role = 'assistant' THEN reply_to "
    "WHEN NOT EXISTS (SELECT 1 FROM messages AS r WHERE r.reply_to = messages.id) THEN id END AS calls_of"
)


async def page(transaction: Transaction, user_id: str, limit: int, offset: int) -> tuple[list[Conversation], int]:
    """Return some of the user's conversations, the one used last first, and how many there are."""
    rows = await transaction.all(
        f"SELECT {_CONVERSATION} FROM conversations WHERE user_id = :user_id "  # noqa: S608 - a constant
        "ORDER BY updated_at DESC, id DESC LIMIT :limit OFFSET :offset",
        user_id=user_id,
        limit=limit,
        offset=offset,
    )
    total = await transaction.one(
        "SELECT count(*) AS total FROM conversations WHERE user_id = :user_id", user_id=user_id
    )
    return [Conversation.of(row) for row in rows], int(total["total"]) if total else 0


async def get(transaction: Transaction, user_id: str, conversation_id: int) -> Conversation | None:
    """Return one of the user's conversations."""
    row = await transaction.one(
        f"SELECT {_CONVERSATION} FROM conversations WHERE id = :id AND user_id = :user_id",  # noqa: S608
        id=conversation_id,
        user_id=user_id,
    )
    return Conversation.of(row) if row else None


async def delete(transaction: Transaction, user_id: str, conversation_id: int) -> bool:
    """Delete one of the user's conversations with its messages; tell whether there was one. The tasks stay."""
    return (
        await transaction.run(
            "DELETE FROM conversations WHERE id = :id AND user_id = :user_id", id=conversation_id, user_id=user_id
        )
        > 0
    )


async def messages(
    transaction: Transaction, conversation_id: int, limit: int, before: int | None = None
) -> tuple[list[Message], bool]:
    """Return the last messages of a conversation (before the numbered one), oldest first, and if there are more."""
    before = LARGEST_ID if before is None else before
    rows = await transaction.all(
        f"SELECT {_MESSAGE} FROM messages WHERE conversation_id = :id AND id < :before "  # noqa: S608 - a constant
        "ORDER BY id DESC LIMIT :limit",
        id=conversation_id,
        before=before,
        limit=limit + 1,
    )
    shown = list(reversed(rows[:limit]))
    done = await _calls(transaction, shown)
    return [_message(row, done) for row in shown], len(rows) > limit


async def history(transaction: Transaction, conversation_id: int, before: int | None = None) -> list[Said]:
    """Return the last messages of a conversation (before the numbered one), oldest first."""
    found, _ = await messages(transaction, conversation_id, REMEMBERED, before)
    return [Said(message.role, message.content, message.tool_calls) for message in found]


def _message(row: Row, done: dict[int, list[ToolCall]]) -> Message:
    return Message.of({**row, "tool_calls": done.get(row["calls_of"], [])})


async def _calls(transaction: Transaction, shown: list[Row]) -> dict[int, list[ToolCall]]:
    """Return what was done, by the user's message it was done for."""
    wanted = {row["calls_of"] for row in shown} - {None}
    if not wanted:
        return {}
    # As many names as there are numbers, never more than a page.
    values: dict[str, Value] = {f"id{place}": number for place, number in enumerate(sorted(wanted))}
    rows = await transaction.all(
        f"SELECT message_id, {tools.COLUMNS} FROM tool_calls "  # noqa: S608 - constants and names
        f"WHERE message_id IN ({', '.join(':' + name for name in values)}) ORDER BY message_id, position",
        **values,
    )
    found: dict[int, list[ToolCall]] = {}
    for row in rows:
        found.setdefault(row["message_id"], []).append(tools.call_of(row))
    return found
