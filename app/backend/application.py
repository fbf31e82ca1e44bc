"""The application, made from its settings."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from app.backend import routes
from app.backend.db import UNAVAILABLE, Database
from app.backend.readiness import Readiness
from app.backend.settings import Settings
from app.backend.tasks import TaskNotFoundError
from app.backend.urls import shown

log = logging.getLogger("backend")


def create_app(settings: Settings) -> FastAPI:
    """Make the application. Nothing is connected before the first request that needs the database."""
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        log.info("started with %s", shown(settings.database_url))
        yield
        database.close()
        log.info("stopped")

    app = FastAPI(
        title="todo",
        version="1.0.0",
        summary="Tasks, and a small assistant over them.",
        lifespan=lifespan,
        openapi_url=None,  # the contract is docs/openapi.yaml
    )
    app.state.settings = settings
    app.state.database = database
    app.state.readiness = Readiness(
        database, keep=settings.ready_cache_seconds, patience=settings.ready_timeout_seconds
    )
    for router in (routes.probes, routes.open_api, routes.own_api):
        app.include_router(router)
    app.add_exception_handler(TaskNotFoundError, _not_found)
    app.add_exception_handler(RequestValidationError, _invalid)
    for unavailable in UNAVAILABLE:
        app.add_exception_handler(unavailable, _unavailable)
    return app


async def _not_found(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 404)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong without repeating what was sent: it may be long, private, or no valid text."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for nothing else
    detail = [{key: problem[key] for key in ("loc", "msg", "type")} for problem in error.errors()]
    return JSONResponse({"detail": detail}, 422)


async def _unavailable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UNAVAILABLE)  # noqa: S101 - the handler is registered for nothing else
    log.error(
        "%s %s: the database cannot be reached: %s",
        request.method,
        request.url.path,
        request.app.state.database.reason(error),
    )
    return JSONResponse({"detail": "the database cannot be reached"}, 503, {"Retry-After": "2"})
