"""What a turn is asked with, what it is answered with, and what is shown of a conversation."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

from app.backend.records import Record, ToolCall

TITLE = 80  # characters of a conversation's title

AssistantName = Literal["rules", "model"]


class TurnError(Exception):
    """A turn that is not answered, and how to say so over HTTP.

    Attributes:
        status: 404 (no such conversation), 409 (another attempt is still at it), 422 (the key belongs to another
            message) or 503 (not now).
        retry_after: seconds after which the same request, with the same key, is worth another try.
    """

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after


@dataclass(frozen=True)
class Question:
    """What a user says, and under which key."""

    user_id: str
    message: str
    key: str
    """Unique among the user's messages: the same key is the same turn."""
    conversation_id: int | None = None
    zone: tzinfo = UTC
    """Where the user's clock is."""

    @property
    def digest(self) -> str:
        """What must be the same when the same key is used again."""
        body = json.dumps([self.message, self.conversation_id]).encode()
        return hashlib.sha256(body).hexdigest()

    @property
    def title(self) -> str:
        """What a conversation is called that begins with this."""
        line = " ".join(self.message.split())
        return line if len(line) <= TITLE else line[: TITLE - 1].rstrip() + "…"


class Answer(Record):
    """The assistant's answer to a message."""

    conversation_id: int
    message_id: int
    """The answer's own number among the messages."""
    response: str
    tool_calls: list[ToolCall]
    assistant: AssistantName
    notice: str | None
    """Something the user should know of how the answer came about."""
    replayed: bool
    """Whether it was given before: the key was used before, and nothing was done again."""


class Conversation(Record):
    """A conversation."""

    id: int
    title: str | None
    created_at: datetime
    updated_at: datetime


class Message(Record):
    """A message of a conversation."""

    id: int
    role: Literal["user", "assistant"]
    content: str
    tool_calls: list[ToolCall]
    """What was done for it: at the answer, or at the user's message as long as that has none."""
    notice: str | None
    assistant: AssistantName | None
    """Who answered."""
    reply_to: int | None
    """The message that this one answers."""
    idempotency_key: str | None
    """With which the user's message, as long as nothing answers it, is sent again to be resumed."""
    created_at: datetime
