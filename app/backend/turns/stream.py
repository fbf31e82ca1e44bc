"""A turn as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from app.backend.assistants.protocol import Called, Calling, Event, Notice, Token
from app.backend.turns.live import Live
from app.backend.turns.values import Answer, TurnError

PING_SECONDS = 10.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class TurnStream(StreamingResponse):
    """What a turn's listener is sent. When no one listens any more, the turn is notified."""

    def __init__(self, turn: Live | Answer, *, every: float = PING_SECONDS) -> None:
        """Send a turn's events, or the answer alone where it is an old one; a comment in every pause."""
        self._turn = turn
        super().__init__(_encoded(turn, every), headers=HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if isinstance(self._turn, Live):
                self._turn.leave()


async def _encoded(turn: Live | Answer, every: float) -> AsyncIterator[bytes]:
    yield KEEPALIVE_COMMENT  # the headers go out, and every proxy on the way sees that something comes
    if isinstance(turn, Answer):
        yield format_sse_event(event="token", data_str=json.dumps({"text": turn.response}))
        yield encode(turn)
        return
    async for event in turn.events(every=every):
        yield KEEPALIVE_COMMENT if event is None else encode(event)


def encode(event: Event | Answer | TurnError) -> bytes:
    """Return an event as it is sent."""
    match event:
        case Answer():
            return format_sse_event(event="done", data_str=event.model_dump_json())
        case Token():
            return _sent("token", {"text": event.text})
        case Calling():
            called = {"position": event.position, "tool": event.tool, "arguments": dict(event.arguments)}
            return _sent("tool_call", called)
        case Called():
            return _sent("tool_result", {"position": event.position, "call": event.call.model_dump(mode="json")})
        case Notice():
            return _sent("notice", {"text": event.text})
        case TurnError():
            error = {"status": event.status, "detail": event.detail, "retry_after": event.retry_after}
            return _sent("error", {name: value for name, value in error.items() if value is not None})


def _sent(name: str, data: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data))
