"""The browser's session: a cookie that scripts cannot read, with the user's id and token."""

import re

from fastapi import Request
from starlette.responses import Response

COOKIE = "todo_session"
_FORM = re.compile(r"([0-9A-Za-z_-]{1,64})\.([0-9A-Za-z_-]+\.[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+)")  # user.token


def read(request: Request) -> tuple[str, str] | None:
    """Return the user and the token of the cookie, None without a usable one."""
    match = _FORM.fullmatch(request.cookies.get(COOKIE, ""))
    return (match[1], match[2]) if match else None


def write(response: Response, user_id: str, token: str, seconds: int, *, secure: bool) -> None:
    """Give the browser a session for so many seconds."""
    response.set_cookie(
        COOKIE, f"{user_id}.{token}", max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/"
    )


def token(request: Request) -> str | None:
    """Return the token to use for a request of the page's own script.

    Another site's page cannot borrow it: the cookie is SameSite, and a browser says where a request comes from
    (SameSite alone would let other ports of the same host in).
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return None
    found = read(request)
    return found[1] if found else None
