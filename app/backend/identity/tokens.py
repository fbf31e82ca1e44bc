"""Tokens: JWTs for a session, one to ask with (short-lived) and one to renew it with.

Both are signed with one key; the audience tells them apart. Algorithm, audience and issuer are pinned.
"""

import time
from dataclasses import dataclass
from typing import Final

import jwt

ALGORITHM: Final = "HS256"
ISSUER: Final = "todo"
ACCESS: Final = "todo-api"
REFRESH: Final = "todo-refresh"


class TokenError(Exception):
    """A token that is not to be trusted; the message says no more than whether it has expired."""


@dataclass(frozen=True)
class Claims:
    """What a token says."""

    user_id: str
    generation: int
    """How often the user's sessions had been ended when it was issued."""


def issue(secret: str, audience: str, claims: Claims, seconds: int) -> str:
    """Return a token that holds for so many seconds."""
    now = int(time.time())
    return jwt.encode(
        {
            "iss": ISSUER,
            "aud": audience,
            "sub": claims.user_id,
            "gen": claims.generation,
            "iat": now,
            "exp": now + seconds,
        },
        secret,
        ALGORITHM,
    )


def read(secret: str, audience: str, token: str) -> Claims:
    """Return what a token says.

    Raises:
        TokenError: It is malformed, expired, for another audience, or signed by someone else or in another way.
    """
    try:
        found = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "gen"], "strict_aud": True},
        )
    except jwt.ExpiredSignatureError:
        raise TokenError("the token has expired") from None
    except jwt.InvalidTokenError:
        raise TokenError("the token is not valid") from None
    if type(found["gen"]) is not int:
        raise TokenError("the token is not valid")
    return Claims(found["sub"], found["gen"])
