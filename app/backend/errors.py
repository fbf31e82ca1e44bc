"""Errors as answers: generic, and nothing of what was sent is repeated."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException

from app.backend.database.base import ConflictError, UnavailableError
from app.backend.identity.tokens import TokenError
from app.backend.limits import TooManyError
from app.backend.records import ToolResult
from app.backend.tasks import UserGoneError

log = logging.getLogger("backend")

CHALLENGE = {"WWW-Authenticate": "Bearer"}
RETRY_SECONDS = 2
"""How long a client should wait while the database is unavailable."""


class ChangedSinceError(Exception):
    """A change was made from a task that is another one by now.

    Attributes:
        result: says so, with the task as it is.
    """

    def __init__(self, result: ToolResult) -> None:
        super().__init__(result.summary)
        self.result = result


def handle(app: FastAPI) -> None:
    """Have an application answer errors."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnavailableError, _unavailable)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(ChangedSinceError, _changed_since)
    app.add_exception_handler(TooManyError, _too_many)
    app.add_exception_handler(TokenError, _no_token)
    app.add_exception_handler(UserGoneError, _user_gone)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(Exception, _failed)


def unauthorized(detail: str) -> HTTPException:
    """Return the refusal of someone who is not known."""
    return HTTPException(401, detail, CHALLENGE)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong where. The name of a key that is not known is the client's own, and left out."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for nothing else
    detail: list[dict[str, Any]] = []
    for problem in error.errors():
        place = list(problem["loc"])
        if problem["type"] == "extra_forbidden":
            place.pop()
        detail.append({"loc": place, "msg": problem["msg"], "type": problem["type"]})
    return JSONResponse({"detail": detail}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101
    match error.status_code:
        case 400:  # FastAPI's answer to a body that is not text; for invalid JSON it has a 422
            return JSONResponse({"detail": "the body is not JSON"}, 422)
        case 405:
            return JSONResponse({"detail": error.detail}, 405, {"Allow": ", ".join(_allowed(request)) or "GET"})
        case _:
            return await http_exception_handler(request, error)


def _allowed(request: Request) -> list[str]:
    """Return what a path can be asked with: Starlette names the methods of its first operation alone."""
    routes: Sequence[APIRoute] = request.app.state.operations
    path = next((route.path for route in routes if route.path_regex.match(request.url.path)), None)
    return sorted({method for route in routes if route.path == path for method in route.methods or ()})


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    log.error("%s: the database cannot be reached: %s", request.method, error)
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return JSONResponse({"detail": "the database cannot be reached"}, 503, headers)


async def _conflict(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "something else has changed this at the same time; try again"}, 409)


async def _changed_since(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ChangedSinceError)  # noqa: S101
    [task] = error.result.tasks
    return JSONResponse({"detail": error.result.summary, "task": task.model_dump(mode="json")}, 409)


async def _too_many(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooManyError)  # noqa: S101
    return JSONResponse({"detail": "too many requests"}, 429, {"Retry-After": str(error.retry_after)})


async def _no_token(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 401, CHALLENGE)


async def _user_gone(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the session has ended"}, 401, CHALLENGE)


async def _failed(_request: Request, _error: Exception) -> JSONResponse:
    # The server logs the error itself: it is raised again after this.
    return JSONResponse({"detail": "something went wrong"}, 500)
