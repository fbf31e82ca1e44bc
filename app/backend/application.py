"""The application, made from its settings."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import Route

from app.backend import errors
from app.backend.assistants import choose
from app.backend.assistants.protocol import Assistant
from app.backend.assistants.rules import Rules
from app.backend.body import BodyLimit
from app.backend.database import open_database
from app.backend.identity.sessions import Sessions
from app.backend.limits import Limits
from app.backend.mcp_server.endpoint import Endpoint
from app.backend.metrics import Measure, Metrics
from app.backend.readiness import Readiness
from app.backend.routes import chat, conversations, probes, session, tasks
from app.backend.routes.shared import user_of
from app.backend.settings import Settings
from app.backend.shutdown import graceful
from app.backend.turns.engine import Engine
from app.backend.turns.live import Turns
from app.backend.urls import shown

log = logging.getLogger("backend")

ROUTERS = (probes.router, session.router, tasks.router, chat.router, conversations.router)


def create_app(settings: Settings, assistant: Assistant | None = None) -> FastAPI:
    """Make the application. Nothing is connected before the first request that needs the database.

    Args:
        settings: what it reads.
        assistant: who answers in the chat; by the settings when left out.

    Raises:
        SettingsError: They want a language model, and what asks one is not installed.
    """
    database = open_database(settings)
    metrics = Metrics()
    readiness = Readiness(database, keep=settings.ready_cache_seconds, patience=settings.ready_timeout_seconds)
    rules = Rules()
    engine = Engine(database, assistant or choose(settings, rules), {rules.name: rules}, metrics=metrics)
    turns = Turns(engine)
    mcp = Endpoint(database, user_of, settings.mcp_allowed_hosts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        log.info("started with %s", shown(settings.database_url))
        try:
            async with graceful(readiness, turns, settings.shutdown_seconds, settings.drain_seconds):
                yield
        finally:
            await mcp.close()
            await readiness.close()
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
    app.state.readiness = readiness
    app.state.turns = turns
    for router in ROUTERS:
        app.include_router(router)
    app.state.operations = [
        each for router in ROUTERS for each in router.routes if isinstance(each, APIRoute) and each.include_in_schema
    ]
    app.router.routes.append(Route("/mcp", mcp, include_in_schema=False))
    errors.handle(app)
    return app
