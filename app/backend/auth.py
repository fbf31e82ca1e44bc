"""Sessions: signed tokens (JWT, HS256) whose subject is the user."""

import time
import uuid

import jwt

ALGORITHM = "HS256"
ISSUER = "todo"


class TokenError(Exception):
    """A token that is not to be trusted; the message says why."""


def new_user() -> str:
    """Return the id of a new, anonymous user."""
    return uuid.uuid4().hex


def issue(secret: str, user_id: str, seconds: int) -> str:
    """Return a token for a user that lasts for so many seconds."""
    issued = int(time.time())
    return jwt.encode({"iss": ISSUER, "sub": user_id, "iat": issued, "exp": issued + seconds}, secret, ALGORITHM)


def subject(secret: str, token: str) -> str:
    """Return the user a token was issued for.

    Raises:
        TokenError: When it is malformed, expired or signed with another key.
    """
    try:
        claims = jwt.decode(
            token, secret, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": ["exp", "iss", "sub"]}
        )
    except jwt.ExpiredSignatureError:
        raise TokenError("the token has expired; ask POST /api/session for a new one") from None
    except jwt.InvalidTokenError:
        raise TokenError("the token is not valid; ask POST /api/session for one") from None
    return str(claims["sub"])
