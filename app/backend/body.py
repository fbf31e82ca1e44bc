"""A limit for what a request may bring along, whether it says how much that is or not.

FastAPI's own (`max_body_size`) answers in plain text where the length is declared; the contract promises JSON.
"""

import json

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 64 * 1024  # bytes
_DETAIL = "the body is too large: 64 KiB at most"


class TooLargeError(HTTPException):
    """The body is too large. An HTTPException, so that whatever reads the body passes it on."""

    def __init__(self) -> None:
        super().__init__(413, _DETAIL)


class BodyLimit:
    """Refuses bodies above the limit: by their Content-Length, or once so many bytes of them have come."""

    def __init__(self, app: ASGIApp, largest: int = LARGEST) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if length.isdigit() and int(length[:20]) > self._largest:
            await _refuse(send)
            return
        left = self._largest
        began = False

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self._app(scope, limited, noted)
        except TooLargeError:
            if began:
                raise
            await _refuse(send)


async def _refuse(send: Send) -> None:
    # What is still to come of the body is not read: the connection is of no use any more.
    body = json.dumps({"detail": _DETAIL}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
