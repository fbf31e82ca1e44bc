"""Who is asking: guests, accounts, sessions."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Request, Response
from fastapi.openapi.models import Example

from app.backend.database.base import ConflictError
from app.backend.errors import unauthorized
from app.backend.identity import accounts, passwords
from app.backend.identity.accounts import Account
from app.backend.routes.shared import (
    CONFLICT,
    INVALID,
    OWN,
    TOO_LARGE,
    TOO_MANY,
    UNAUTHORIZED,
    UNAVAILABLE,
    Answers,
    Asking,
    Credentials,
    Owner,
    Store,
    limits_of,
    sessions_of,
    settings_of,
)
from app.backend.schemas import Credentials as NameAndPassword
from app.backend.schemas import NewAccount, Renewal, Session, User

_GONE: Answers = {204: {"description": "Done."}}
_USER = {"deleteUser": {"operationId": "deleteUser", "parameters": {"user_id": "$response.body#/user_id"}}}
_RENEW = {
    "renewSession": {
        "operationId": "renewSession",
        "requestBody": {"refresh_token": "$response.body#/refresh_token"},
    }
}
_LOGIN = {
    "login": {
        "operationId": "login",
        "requestBody": {"name": "$request.body#/name", "password": "$request.body#/password"},
    }
}
_EXAMPLE: dict[str, Example] = {"some": {"value": {"name": "ann", "password": "correct horse battery"}}}


def _begun(status: int, *links: dict[str, Any]) -> Answers:
    """A session, and what can be done with it."""
    return {
        status: {"description": "The session.", "links": {**_USER, **{k: v for each in links for k, v in each.items()}}}
    }


router = APIRouter(prefix="/api", tags=["session"])


def _session(request: Request, account: Account) -> Session:
    token, refresh_token = sessions_of(request).issue(account)
    return Session(
        user_id=account.user_id,
        name=account.name,
        guest=account.name is None,
        token=token,
        expires_in=settings_of(request).token_seconds,
        refresh_token=refresh_token,
    )


@router.post("/session", operation_id="createSession", status_code=201, responses={**_begun(201), **UNAVAILABLE})
async def create_session(request: Request, database: Store) -> Session:
    """Begin a session as a new guest."""
    async with database.begin() as transaction:
        account = await accounts.create(transaction)
    return _session(request, account)


@router.post(
    "/accounts",
    operation_id="createAccount",
    status_code=201,
    responses={
        **_begun(201, {"logout": {"operationId": "logout"}}, _LOGIN),
        **UNAUTHORIZED,
        **CONFLICT,
        **TOO_LARGE,
        **INVALID,
        **TOO_MANY,
        **UNAVAILABLE,
    },
    openapi_extra={"x-replace": {"security": [{}, {"HTTPBearer": []}]}},  # the token may be left out
)
async def create_account(
    request: Request, database: Store, token: Credentials, new: Annotated[NewAccount, Body(openapi_examples=_EXAMPLE)]
) -> Session:
    """Create an account. A guest who asks becomes the account and keeps everything; the guest's sessions end."""
    limits_of(request).login(new.name)
    guest = None if token is None else await sessions_of(request).user_of(token.credentials)
    password_hash = await passwords.hashed(new.password)
    account = None
    try:
        async with database.begin() as transaction:
            if guest is not None:
                account = await accounts.name_guest(transaction, guest, new.name, password_hash)
            if account is None:
                account = await accounts.create(transaction, new.name, password_hash)
    except ConflictError:
        raise HTTPException(409, "the name is taken") from None
    if guest is not None:
        sessions_of(request).forget(guest)
    return _session(request, account)


@router.post(
    "/logout",
    operation_id="logout",
    status_code=204,
    responses={
        204: {"description": "Done. To go on, log in.", "links": {"login": {"operationId": "login"}}},
        **UNAUTHORIZED,
        **TOO_MANY,
        **UNAVAILABLE,
    },
)
async def logout(request: Request, database: Store, user_id: Asking) -> Response:
    """End every session of the user."""
    async with database.begin() as transaction:
        await accounts.end_sessions(transaction, user_id)
    sessions_of(request).forget(user_id)
    return Response(status_code=204)


@router.post(
    "/login",
    operation_id="login",
    responses={**_begun(200, _RENEW), **UNAUTHORIZED, **TOO_LARGE, **INVALID, **TOO_MANY, **UNAVAILABLE},
)
async def login(
    request: Request, database: Store, given: Annotated[NameAndPassword, Body(openapi_examples=_EXAMPLE)]
) -> Session:
    """Begin a session with an account. The answer does not say whether the name or the password is wrong."""
    limits_of(request).login(given.name)
    async with database.begin(write=False) as transaction:
        found = await accounts.named(transaction, given.name)
    account, password_hash = found or (None, None)
    if not await passwords.matches(given.password, password_hash) or account is None:
        raise unauthorized("name or password is wrong")
    return _session(request, account)


@router.post(
    "/renew",
    operation_id="renewSession",
    responses={**_begun(200), **UNAUTHORIZED, **TOO_LARGE, **INVALID, **TOO_MANY, **UNAVAILABLE},
)
async def renew_session(request: Request, given: Renewal) -> Session:
    """Go on with a session."""
    account = await sessions_of(request).renewed(given.refresh_token)
    limits_of(request).user(account.user_id)
    return _session(request, account)


def _method_not_allowed() -> None:
    raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})


# Without these, another method of the paths above would find an operation of /api/{user_id}.
for _path in ("/session", "/accounts", "/login", "/renew", "/logout"):
    router.add_api_route(_path, _method_not_allowed, methods=["GET", "DELETE"], include_in_schema=False)


@router.get("/{user_id}", operation_id="getUser", responses=OWN)
async def get_user(database: Store, owner: Owner) -> User:
    """Tell who the user is."""
    async with database.begin(write=False) as transaction:
        account = await accounts.get(transaction, owner)
    if account is None:
        raise unauthorized("the session has ended")
    return User(user_id=account.user_id, name=account.name, guest=account.name is None)


@router.delete("/{user_id}", operation_id="deleteUser", status_code=204, responses={**_GONE, **OWN})
async def delete_user(request: Request, database: Store, owner: Owner) -> Response:
    """Delete the user and all their data."""
    async with database.begin() as transaction:
        await accounts.delete(transaction, owner)
    sessions_of(request).forget(owner)
    return Response(status_code=204)
