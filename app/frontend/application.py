"""The application, made from its settings."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from app.frontend import page, proxy, upstream
from app.frontend.settings import Settings

log = logging.getLogger("frontend")

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_app(settings: Settings) -> FastAPI:
    """Make the application. It starts, and serves its page, whether the backend is there or not."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with upstream.make_client(settings.backend_url) as client:
            app.state.client = client
            log.info("started; the backend is at %s", settings.backend_url)
            yield
        log.info("stopped")

    app = FastAPI(title="todo frontend", lifespan=lifespan, openapi_url=None)
    app.state.settings = settings
    app.add_api_route("/", page.render, methods=["GET", "HEAD"])
    app.add_api_route("/health", health, methods=["GET"])
    app.add_route("/api/{path:path}", proxy.relay, methods=METHODS)
    app.mount("/static", StaticFiles(directory=page.FOLDER / "static"))
    return app


async def health() -> dict[str, str]:
    """Tell that the process answers; the backend is not asked."""
    return {"status": "ok"}
