"""Saying something to the assistant: for an answer, or for a stream of what happens until then."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Body, Header, HTTPException, Request, Response
from fastapi.openapi.models import Example
from pydantic import Field, StringConstraints

from app.backend.records import Id
from app.backend.routes.shared import CONFLICT, MISSING, OWN, TOO_LARGE, Answers, Owner, limits_of
from app.backend.schemas import Input
from app.backend.turns.live import Live, Turns
from app.backend.turns.stream import TurnStream
from app.backend.turns.values import Answer, Question, TurnError

router = APIRouter(prefix="/api/{user_id}", tags=["chat"], responses=OWN)

_EXAMPLE: dict[str, Example] = {"some": {"value": {"message": "add buy milk"}}}
_LINKS = {
    name: {"operationId": name, "parameters": {"conversation_id": "$response.body#/conversation_id"}}
    for name in ("getConversation", "listMessages", "deleteConversation")
}
_ANSWER: Answers = {200: {"description": "The answer.", "links": _LINKS}}
TURN: Answers = {**MISSING, **CONFLICT, **TOO_LARGE}
EVENTS = """\
Server-sent events; each one's data is a JSON object:

- `token`: `{text}`, a piece of the answer
- `tool_call`: `{position, tool, arguments}`, a tool is about to be called
- `tool_result`: `{position, call}`, it was called, and this stays: `call` is as in the answer's `tool_calls`
- `notice`: `{text}`, something to know of how the answer comes about
- `done`: the whole answer, as `POST …/chat` gives it; its `response` is what counts
- `error`: `{status, detail, retry_after?}`, as `POST …/chat` would have said; the same key goes on

Lines that begin with a colon keep the connection alive."""

_EVENT = {
    "description": "One event.",
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["token", "tool_call", "tool_result", "notice", "done", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


class ChatInput(Input):
    """Something said to the assistant; without a conversation it begins a new one."""

    message: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"),
    ]
    conversation_id: Id | None = None
    timezone: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Where the user's clock is, e.g. Europe/Berlin; UTC where it is missing or not known."
    )

    @property
    def zone(self) -> tzinfo:
        """Where the user's clock is. Refusing a zone that this system does not know would help no one."""
        try:
            return ZoneInfo(self.timezone) if self.timezone else UTC
        except (KeyError, ValueError, OSError):  # unknown, malformed, a folder
            return UTC


Said = Annotated[ChatInput, Body(openapi_examples=_EXAMPLE)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Makes it safe to send this again: the same key is the same turn, answered once, done once.",
    ),
]


@router.post("/chat", operation_id="chat", responses={**_ANSWER, **TURN})
async def chat(request: Request, owner: Owner, said: Said, key: Key = None) -> Answer:
    """Say something to the assistant and get its answer. The process keeps nothing: all is in the database."""
    limits_of(request).chat(owner)
    with _told():
        turn = await _turns(request).begin(_question(owner, said, key))
        return await turn.answer(lambda: _gone(request)) if isinstance(turn, Live) else turn


@router.post(
    "/chat/stream",
    operation_id="chatStream",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}, "description": EVENTS}, **TURN},
)
async def chat_stream(request: Request, owner: Owner, said: Said, key: Key = None) -> TurnStream:
    """Say something to the assistant and follow what happens until it has answered."""
    limits_of(request).chat(owner)
    with _told():
        return TurnStream(await _turns(request).begin(_question(owner, said, key), stream=True))


def _turns(request: Request) -> Turns:
    turns: Turns = request.app.state.turns
    return turns


def _question(owner: str, said: ChatInput, key: str | None) -> Question:
    return Question(owner, said.message, key or uuid.uuid4().hex, said.conversation_id, said.zone)


async def _gone(request: Request) -> None:
    """Return when the client has disconnected; its body has been read, so nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@contextmanager
def _told() -> Iterator[None]:
    """Say over HTTP why a turn is not answered."""
    try:
        yield
    except TurnError as error:
        headers = None if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        raise HTTPException(error.status, error.detail, headers) from None
