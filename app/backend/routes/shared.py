"""What the routes share: whose request it is, the application's parts, the documented refusals."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.backend.database.base import Database
from app.backend.errors import unauthorized
from app.backend.identity.sessions import Sessions
from app.backend.limits import Limits
from app.backend.metrics import Metrics
from app.backend.records import USER_ID
from app.backend.schemas import InvalidRequest, Problem, TaskConflict
from app.backend.settings import Settings

Answers = dict[int | str, dict[str, Any]]

_RETRY = {"Retry-After": {"required": True, "description": "Seconds.", "schema": {"type": "integer"}}}

INVALID: Answers = {422: {"model": InvalidRequest, "description": "The request is not valid."}}
UNAVAILABLE: Answers = {
    503: {"model": Problem, "description": "The database cannot be reached.", "headers": _RETRY},
}
TOO_MANY: Answers = {429: {"model": Problem, "description": "Too many requests.", "headers": _RETRY}}
TOO_LARGE: Answers = {413: {"model": Problem, "description": "The body is larger than 64 KiB."}}
UNAUTHORIZED: Answers = {
    401: {
        "model": Problem,
        "description": "No bearer token, or one that is not valid.",
        "headers": {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    },
}
FORBIDDEN: Answers = {403: {"model": Problem, "description": "The token belongs to another user."}}
MISSING: Answers = {404: {"model": Problem, "description": "There is no such thing among the user's own."}}
CONFLICT: Answers = {409: {"model": Problem, "description": "It conflicts with the current state."}}
CHANGED_SINCE: Answers = {
    409: {"model": TaskConflict, "description": "The task is not as it was at `updated_at`; `task` is what it is now."}
}
OWN: Answers = {**UNAUTHORIZED, **FORBIDDEN, **INVALID, **TOO_MANY, **UNAVAILABLE}
"""What every operation below a user's path may be refused with."""

bearer = HTTPBearer(auto_error=False, description="The token of a session.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
UserId = Annotated[
    str,
    Path(
        max_length=USER_ID,
        description="The user, as the session names it.",
        openapi_examples={"some": {"value": "4f0c2a7be1d94d0f8f6f5b0d6a3c1e72"}},
    ),
]


def settings_of(request: Request) -> Settings:
    """Return the application's settings."""
    found: Settings = request.app.state.settings
    return found


def database_of(request: Request) -> Database:
    """Return the application's database."""
    found: Database = request.app.state.database
    return found


def sessions_of(request: Request) -> Sessions:
    """Return what knows the application's sessions."""
    found: Sessions = request.app.state.sessions
    return found


def limits_of(request: Request) -> Limits:
    """Return the application's rate limits."""
    found: Limits = request.app.state.limits
    return found


def metrics_of(request: Request) -> Metrics:
    """Return the application's metrics."""
    found: Metrics = request.app.state.metrics
    return found


async def user_of(request: Request) -> str:
    """Return whose request it is, by its Authorization header; counts it.

    Raises:
        HTTPException: 401, it is no one's.
        TokenError: The token is not to be trusted (401).
        TooManyError: The user asks too often (429).
        UnavailableError: The database cannot be asked (503).
    """
    return await _checked(request, await bearer(request))


async def _checked(request: Request, credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise unauthorized("a bearer token is needed")
    user_id = await sessions_of(request).user_of(credentials.credentials)
    limits_of(request).user(user_id)
    return user_id


async def _asking(request: Request, credentials: Credentials) -> str:
    return await _checked(request, credentials)


async def _owner(request: Request, user_id: UserId, credentials: Credentials) -> str:
    found = await _checked(request, credentials)
    if found != user_id:
        raise HTTPException(403, "the token belongs to another user")
    return found


Asking = Annotated[str, Depends(_asking)]
"""The user that the token says."""
Owner = Annotated[str, Depends(_owner)]
"""The user of the path, who is the one that the token says."""
Store = Annotated[Database, Depends(database_of)]
