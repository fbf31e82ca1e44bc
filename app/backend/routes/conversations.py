"""The user's conversations."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from pydantic import BaseModel

from app.backend.records import LARGEST_ID
from app.backend.routes.shared import MISSING, OWN, Owner, Store
from app.backend.turns import conversations
from app.backend.turns.values import Conversation, Message

router = APIRouter(prefix="/api/{user_id}/conversations", tags=["conversations"], responses=OWN)

ConversationId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The conversation's number.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=LARGEST_ID, description="How many to leave out.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only messages before this one.")]


class ConversationPage(BaseModel):
    """Some of the user's conversations, the one used last first."""

    items: list[Conversation]
    total: int


class MessagePage(BaseModel):
    """Some of a conversation's messages, oldest first."""

    items: list[Message]
    more: bool
    """Whether there are older ones."""


@router.get("", operation_id="listConversations")
async def list_conversations(database: Store, owner: Owner, limit: Limit = 50, offset: Offset = 0) -> ConversationPage:
    """List the user's conversations, the one used last first."""
    async with database.begin(write=False) as transaction:
        items, total = await conversations.page(transaction, owner, limit, offset)
    return ConversationPage(items=items, total=total)


@router.get("/{conversation_id}", operation_id="getConversation", responses=MISSING)
async def get_conversation(database: Store, owner: Owner, conversation_id: ConversationId) -> Conversation:
    """Return one conversation."""
    async with database.begin(write=False) as transaction:
        found = await conversations.get(transaction, owner, conversation_id)
    if found is None:
        raise _missing(conversation_id)
    return found


@router.delete("/{conversation_id}", operation_id="deleteConversation", status_code=204, responses=MISSING)
async def delete_conversation(database: Store, owner: Owner, conversation_id: ConversationId) -> Response:
    """Delete a conversation with its messages; the tasks stay."""
    async with database.begin() as transaction:
        if not await conversations.delete(transaction, owner, conversation_id):
            raise _missing(conversation_id)
    return Response(status_code=204)


@router.get("/{conversation_id}/messages", operation_id="listMessages", responses=MISSING)
async def list_messages(
    database: Store,
    owner: Owner,
    conversation_id: ConversationId,
    limit: Limit = 50,
    before: Before = None,
) -> MessagePage:
    """List the last messages of a conversation, oldest first. An answer names the message it answers (`reply_to`).

    A user's message that none answers was interrupted: sent again with its key, it resumes.
    """
    async with database.begin(write=False) as transaction:
        if await conversations.get(transaction, owner, conversation_id) is None:
            raise _missing(conversation_id)
        items, more = await conversations.messages(transaction, conversation_id, limit, before)
    return MessagePage(items=items, more=more)


def _missing(conversation_id: int) -> HTTPException:
    return HTTPException(404, f"there is no conversation {conversation_id}")
