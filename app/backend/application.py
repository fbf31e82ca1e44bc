"""The application, made from its settings."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from app.backend import errors
from app.backend.body import BodyLimit
from app.backend.database import open_database
from app.backend.identity.sessions import Sessions
from app.backend.limits import Limits
from app.backend.metrics import Measure, Metrics
from app.backend.readiness import Readiness
from app.backend.routes import probes, session, tasks
from app.backend.settings import Settings
from app.backend.urls import shown

log = logging.getLogger("backend")

ROUTERS = (probes.router, session.router, tasks.router)


def create_app(settings: Settings) -> FastAPI:
    """Make the application. Nothing is connected before the first request that needs the database."""
    database = open_database(settings)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        log.info("started with %s", shown(settings.database_url))
        try:
            yield
        finally:
            await app.state.readiness.close()
            await database.close()
            log.info("stopped")

    app = FastAPI(
        title="todo",
        version="1.0.0",
        summary="A todo list, kept in plain words.",
        lifespan=lifespan,
        openapi_url=None,  # the contract is docs/openapi.yaml
        middleware=[Middleware(Measure, metrics), Middleware(BodyLimit)],
    )
    app.state.settings = settings
    app.state.database = database
    app.state.metrics = metrics
    app.state.limits = Limits(settings)
    app.state.sessions = Sessions(settings, database)
    app.state.readiness = Readiness(
        database, keep=settings.ready_cache_seconds, patience=settings.ready_timeout_seconds
    )
    for router in ROUTERS:
        app.include_router(router)
    errors.handle(app)
    return app
