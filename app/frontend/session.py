"""The browser's session: two cookies that scripts cannot read, and what their tokens say.

The tokens are not verified here: the backend signed them and checks them. They are read for the user's id and for when
to renew.
"""

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCESS = "todo_access"
REFRESH = "todo_refresh"
CONVERSATION = "todo_conversation"
FLASH = "todo_flash"
TIMEZONE = "todo_timezone"

REFRESH_SECONDS = 30 * 24 * 3600
MARGIN_SECONDS = 20  # an access token that is this close to its end is renewed before it is used
KEEP_SECONDS = REFRESH_SECONDS / 2  # a refresh token with more left than this stays: forms on open pages go with it

_TOKEN = re.compile(r"[\w-]{1,1000}\.[\w-]{1,2000}\.[\w-]{1,1000}", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Session:
    """A session as the browser holds it."""

    user_id: str
    refresh: str = field(repr=False)
    access: str | None = field(default=None, repr=False)
    """None if it has to be renewed first."""


def claims(token: str) -> dict[str, Any]:
    """Return what a token says of itself, unverified; nothing where it is no token."""
    if not _TOKEN.fullmatch(token):
        return {}
    body = token.split(".")[1]
    try:
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def seconds_left(token: str) -> float:
    """Return how long a token still holds; 0 when it does not."""
    end = claims(token).get("exp")
    return max(0.0, end - time.time()) if isinstance(end, int | float) else 0.0


def read(cookies: Mapping[str, str]) -> Session | None:
    """Return the session of a request's cookies, None without a usable one."""
    refresh, access = cookies.get(REFRESH, ""), cookies.get(ACCESS, "")
    user = claims(refresh).get("sub")
    if not isinstance(user, str) or not _USER.fullmatch(user):
        return None
    usable = claims(access).get("sub") == user and seconds_left(access) > MARGIN_SECONDS
    return Session(user, refresh, access if usable else None)


def cookie(name: str, value: str, seconds: float, *, secure: bool, script: bool = False) -> str:
    """Return a Set-Cookie header; `value` has no character that needs quoting. 0 seconds deletes the cookie."""
    parts = [f"{name}={value}", "Path=/", f"Max-Age={int(seconds)}", "SameSite=Lax"]
    if not script:
        parts.append("HttpOnly")
    if secure:
        parts.append("Secure")
    return "; ".join(parts)


def given(session: Session, *, secure: bool, refresh: bool = True) -> list[str]:
    """Return the Set-Cookie headers that give a browser this session."""
    made = [cookie(ACCESS, session.access or "", seconds_left(session.access or ""), secure=secure)]
    if refresh:
        left = seconds_left(session.refresh) or REFRESH_SECONDS
        made.append(cookie(REFRESH, session.refresh, left, secure=secure))
    return made


def ended(*, secure: bool) -> list[str]:
    """Return the Set-Cookie headers that take a session away."""
    return [
        cookie(ACCESS, "", 0, secure=secure),
        cookie(REFRESH, "", 0, secure=secure),
        cookie(CONVERSATION, "", 0, secure=secure, script=True),
    ]
