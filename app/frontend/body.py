"""Request bodies: read whole, and only so much."""

import asyncio
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Receive

LIMIT = 64 * 1024  # bytes; the backend's own limit
PATIENCE_SECONDS = 20.0


class BodyError(Exception):
    """A body that is not read; `status` says why."""

    def __init__(self, status: int, detail: str) -> None:
        """Say why."""
        super().__init__(detail)
        self.status = status
        self.detail = detail


class GoneError(Exception):
    """The browser disconnected before its request was complete."""


async def read(headers: Headers, receive: Receive, limit: int = LIMIT) -> bytes:
    """Return the body of a request.

    Raises:
        BodyError: 413, it is longer than `limit`; 408, it does not come.
        GoneError: The browser disconnected.
    """
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > limit:
        raise BodyError(413, f"The request is longer than {limit // 1024} KiB.")
    parts, size = [], 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise GoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise BodyError(413, f"The request is longer than {limit // 1024} KiB.")
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise BodyError(408, "The request did not arrive in time.") from None


def fields(headers: Headers, body: bytes) -> dict[str, str]:
    """Return the fields of a form, the last of each name.

    Browsers send a text's line ends as CR LF, scripts as LF: it is LF here.

    Raises:
        BodyError: It is no form.
    """
    if not body:
        return {}
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BodyError(415, "That is not one of this site's forms.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="replace")
    except ValueError:
        raise BodyError(422, "That is not one of this site's forms.") from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}
